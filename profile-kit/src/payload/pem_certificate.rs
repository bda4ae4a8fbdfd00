//! Certificates in PEM.

use super::typed::payload;

payload! {
    /// A certificate in PEM. iOS 4, macOS 10.7, tvOS 9, visionOS 1, watchOS 3.
    pub struct PemCertificate = "com.apple.security.pem" {
        /// The file that it came from; shown, not used.
        file_name: String = "PayloadCertificateFileName",
        /// The certificate.
        content: Vec<u8> = "PayloadContent" required,
    }
}
