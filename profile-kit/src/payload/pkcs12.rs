//! Identities in PKCS#12: a certificate and its private key.

use super::{
    secret::{Secret, SecretData},
    typed::payload,
};

payload! {
    /// A certificate and its private key (PKCS#12, RFC 7292). iOS 4, macOS 10.7, tvOS 9, visionOS 1, watchOS 3.
    pub struct Pkcs12 = "com.apple.security.pkcs12" {
        /// The file that it came from; shown, not used.
        file_name: String = "PayloadCertificateFileName",
        /// The PKCS#12 structure, which holds a private key.
        content: SecretData = "PayloadContent" required,
        /// The structure's password; asked for where absent.
        password: Secret = "Password",
        /// Whether all apps may use the private key. Default false. Since macOS 10.10; not on iOS, tvOS, visionOS,
        /// watchOS.
        allow_all_apps_access: bool = "AllowAllAppsAccess",
        /// Whether the private key may leave the keychain. Default true. Since macOS 10.15; not on iOS, tvOS, visionOS,
        /// watchOS.
        key_is_extractable: bool = "KeyIsExtractable",
    }
}
