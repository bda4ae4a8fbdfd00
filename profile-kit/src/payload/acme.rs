//! ACME: an identity that the device gets from a server, attested by its hardware if asked.

use super::{secret::Secret, subject_alt_name::SubjectAltName, typed::payload};

payload! {
    /// An identity that the device gets by ACME (RFC 8555), attested by its hardware if asked. iOS 16, macOS 13.1,
    /// tvOS 16, visionOS 1, watchOS 9.
    pub struct Acme = "com.apple.security.acme" {
        /// The ACME server's directory, by HTTPS.
        directory_url: String = "DirectoryURL" required,
        /// The order's permanent identifier; servers often take it as a one-time token, so it is not shown.
        client_identifier: Secret = "ClientIdentifier" required,
        /// The key's size in bits: 1024 to 4096 in steps of 8 for RSA; 192, 256, 384 or 521 for `ECSECPrimeRandom`.
        key_size: i64 = "KeySize" required,
        /// The key's kind; a hardware-bound key must be `ECSECPrimeRandom`. `RSA` or `ECSECPrimeRandom`.
        key_type: String = "KeyType" required,
        /// Whether the private key lives in the Secure Enclave (256 or 384 bits).
        hardware_bound: bool = "HardwareBound" required,
        /// The subject as relative names, each a list of pairs of attribute and value:
        /// `[[["O", "Example"]], [["CN", "device"]]]`.
        subject: Vec<Vec<Vec<String>>> = "Subject" required,
        /// Other names of the subject.
        subject_alt_name: SubjectAltName = "SubjectAltName",
        /// What the key is for, added up: 1 signing, 4 encryption.
        usage_flags: i64 = "UsageFlags",
        /// Purposes of the certificate, object identifiers in dots.
        extended_key_usage: Vec<String> = "ExtendedKeyUsage",
        /// Whether device and key are attested; the key must be bound to the hardware. Default false. Since watchOS 10.
        attest: bool = "Attest",
        /// Whether the private key may leave the keychain. Default true. Not on iOS, tvOS, visionOS, watchOS.
        key_is_extractable: bool = "KeyIsExtractable",
        /// Whether all apps may use the private key. Default false. Not on iOS, tvOS, visionOS, watchOS.
        allow_all_apps_access: bool = "AllowAllAppsAccess",
    }
}
