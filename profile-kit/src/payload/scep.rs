//! SCEP: an identity that the device asks a server for.

use super::{secret::Secret, subject_alt_name::SubjectAltName, typed::payload};

payload! {
    /// An identity that the device gets by the Simple Certificate Enrolment Protocol (RFC 8894). iOS 4, macOS 10.7,
    /// tvOS 9, visionOS 1, watchOS 3.
    ///
    /// ```
    /// use profile_kit::{Payload, payload::{Scep, ScepContent}};
    ///
    /// let content = ScepContent {
    ///     url: Some("https://scep.example/".into()),
    ///     challenge: Some("one-time".into()),
    ///     subject: Some(vec![vec![vec!["CN".into(), "device".into()]]]),
    ///     ..Default::default()
    /// };
    /// let payload = Payload::from(Scep { content: Some(content), ..Default::default() });
    /// assert!(payload.read::<Scep>()?.content.is_some());
    /// # Ok::<(), profile_kit::Error>(())
    /// ```
    pub struct Scep = "com.apple.security.scep" {
        /// How to ask for it.
        content: ScepContent = "PayloadContent" required,
    }
}

payload! {
    /// How a device asks a SCEP server for a certificate.
    pub struct ScepContent {
        /// The SCEP server.
        url: String = "URL" required,
        /// Which of its authorities, where it has several.
        name: String = "Name",
        /// The subject as relative names, each a list of pairs of attribute and value:
        /// `[[["O", "Example"]], [["CN", "device"]]]`.
        subject: Vec<Vec<Vec<String>>> = "Subject",
        /// The secret that lets the device ask.
        challenge: Secret = "Challenge",
        /// The key's size in bits. 1024, 2048 or 4096, default 1024.
        key_size: i64 = "Keysize",
        /// The key's kind. Default `RSA`.
        key_type: String = "Key Type",
        /// What the key is for, added up: 1 signing, 4 encryption. Default 0. Since macOS 10.11.
        key_usage: i64 = "Key Usage",
        /// The digest of the authority's certificate, so that the first contact is safe.
        ca_fingerprint: Vec<u8> = "CAFingerprint",
        /// How often to ask again while the answer is pending. Default 3. Since macOS 10.10.
        retries: i64 = "Retries",
        /// How many seconds to wait between. Default 10. Since macOS 10.10.
        retry_delay: i64 = "RetryDelay",
        /// Other names of the subject.
        subject_alt_name: SubjectAltName = "SubjectAltName",
        /// Whether the private key may leave the keychain. Default true. Since macOS 10.13.4.
        key_is_extractable: bool = "KeyIsExtractable",
        /// Whether all apps may use the private key. Default false. Since macOS 10.10.
        allow_all_apps_access: bool = "AllowAllAppsAccess",
    }
}
