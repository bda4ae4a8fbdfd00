//! Other names of a subject, as SCEP and ACME have them.

use super::typed::payload;

payload! {
    /// Other names of a certificate's subject.
    pub struct SubjectAltName {
        /// A mail address.
        rfc822_name: String = "rfc822Name",
        /// A host name.
        dns_name: String = "dNSName",
        /// A URI.
        uniform_resource_identifier: String = "uniformResourceIdentifier",
        /// A Windows principal name.
        nt_principal_name: String = "ntPrincipalName",
    }
}
