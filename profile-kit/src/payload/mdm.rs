//! MDM: enrolment with a management server.

use super::typed::payload;

payload! {
    /// Enrolment with a management server. iOS 4, macOS 10.7, tvOS 9, visionOS 1.1, watchOS 10 (supervised).
    pub struct Mdm = "com.apple.mdm" {
        /// The `PayloadUUID` of the identity in the same profile by which the device authenticates.
        identity_certificate_uuid: String = "IdentityCertificateUUID" required,
        /// The topic of push messages: the subject's UID of the push certificate, `com.apple.mgmt.…`.
        topic: String = "Topic" required,
        /// The server that gives commands.
        server_url: String = "ServerURL" required,
        /// The server for check-in; `ServerURL` where absent.
        check_in_url: String = "CheckInURL",
        /// Whether the device signs each message (HTTP header `Mdm-Signature`). Default false.
        sign_message: bool = "SignMessage",
        /// What the server may do, added up; 8191 is all. Ignored with `ManagedAppleID`.
        access_rights: i64 = "AccessRights",
        /// Whether push messages come from the development servers. Default false.
        use_development_apns: bool = "UseDevelopmentAPNS",
        /// The older name of `AssignedManagedAppleID`. Since iOS 13.1, macOS 10.15; not on tvOS, visionOS, watchOS;
        /// deprecated in iOS 17, macOS 14; removed in iOS 18, macOS 15.
        managed_apple_id: String = "ManagedAppleID",
        /// The Apple Account for account-driven enrolment. Since iOS 15, macOS 14; not on tvOS, watchOS.
        assigned_managed_apple_id: String = "AssignedManagedAppleID",
        /// The kind of account-driven enrolment. `BYOD` or `ADDE`. Since iOS 15, macOS 14; not on tvOS, watchOS.
        enrollment_mode: String = "EnrollmentMode",
        /// The `PayloadUUID`s of the certificates in the same profile by which the server is trusted. Since iOS 13.4,
        /// macOS 10.13, tvOS 13.4.
        server_url_pinning_certificate_uuids: Vec<String> = "ServerURLPinningCertificateUUIDs",
        /// The same for the check-in server. Since iOS 13.4, macOS 10.13, tvOS 13.4.
        check_in_url_pinning_certificate_uuids: Vec<String> = "CheckInURLPinningCertificateUUIDs",
        /// Whether a pinned connection fails where revocation cannot be checked. Default false. Since iOS 13.4,
        /// macOS 10.13, tvOS 13.4.
        pinning_revocation_check_required: bool = "PinningRevocationCheckRequired",
        /// What the server can do. `com.apple.mdm.per-user-connections`, `com.apple.mdm.bootstraptoken` or
        /// `com.apple.mdm.token`.
        server_capabilities: Vec<String> = "ServerCapabilities",
        /// Whether the device tells the server when the profile is removed. Default false.
        check_out_when_removed: bool = "CheckOutWhenRemoved",
        /// The App Store number of the app that is installed along. Since iOS 15.1; not on macOS, tvOS, watchOS.
        required_app_id_for_mdm: i64 = "RequiredAppIDForMDM",
        /// Whether to warn that the bootstrap token may authorise what needs the owner's password. Default false. Since
        /// macOS 11; not on iOS, tvOS, visionOS, watchOS.
        prompt_user_to_allow_bootstrap_token_for_authentication: bool = "PromptUserToAllowBootstrapTokenForAuthentication",
    }
}
