//! Certificates in DER, which Apple calls PKCS#1.

use super::typed::payload;

payload! {
    /// A certificate in DER, which Apple calls PKCS#1. iOS 4, macOS 10.7, tvOS 9, visionOS 1, watchOS 3.
    pub struct Pkcs1Certificate = "com.apple.security.pkcs1" {
        /// The file that it came from; shown, not used.
        file_name: String = "PayloadCertificateFileName",
        /// The certificate.
        content: Vec<u8> = "PayloadContent" required,
    }
}
