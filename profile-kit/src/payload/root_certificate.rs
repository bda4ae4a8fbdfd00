//! Root certificates: anchors that a device trusts.

use super::typed::payload;

payload! {
    /// A certificate authority that the device trusts, DER. iOS 4, macOS 10.7, tvOS 9, visionOS 1, watchOS 3.
    pub struct RootCertificate = "com.apple.security.root" {
        /// The file that it came from; shown, not used.
        file_name: String = "PayloadCertificateFileName",
        /// The certificate.
        content: Vec<u8> = "PayloadContent" required,
    }
}
