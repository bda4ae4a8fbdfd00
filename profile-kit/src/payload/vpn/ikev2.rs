//! The tunnel of an IKEv2 VPN (RFC 7296).

use crate::payload::{
    on_demand_rule::OnDemandRule,
    secret::{Secret, SecretData},
    typed::payload,
};

payload! {
    /// The tunnel of an IKEv2 or Always On VPN (RFC 7296).
    pub struct IkeV2 {
        /// The server's address or host name.
        remote_address: String = "RemoteAddress" required,
        /// The client's identifier.
        local_identifier: String = "LocalIdentifier" required,
        /// The server's identifier: host name, address, or distinguished name.
        remote_identifier: String = "RemoteIdentifier" required,
        /// How the client authenticates. `None`, `SharedSecret` or `Certificate`.
        authentication_method: String = "AuthenticationMethod" required,
        /// The kind of key in the client's certificate. `RSA`, `ECDSA256`, `ECDSA384`, `ECDSA521` or `RSA-PSS`, default
        /// `RSA`.
        certificate_type: String = "CertificateType",
        /// The `PayloadUUID` of the identity in the same profile that authenticates the client.
        payload_certificate_uuid: String = "PayloadCertificateUUID",
        /// The account's password.
        password: Secret = "Password",
        /// Which of the app's VPN providers, by bundle identifier, where it has several.
        provider_bundle_identifier: String = "ProviderBundleIdentifier",
        /// The provider's code requirement, where it is a system extension. Since macOS 10.15; not on iOS, visionOS.
        provider_designated_requirement: String = "ProviderDesignatedRequirement",
        /// The secret that both sides know.
        shared_secret: Secret = "SharedSecret",
        /// Whether EAP is used as well. 0 or 1, default 0.
        extended_auth_enabled: i64 = "ExtendedAuthEnabled",
        /// The account's name.
        auth_name: String = "AuthName",
        /// The account's password.
        auth_password: Secret = "AuthPassword",
        /// Whether the VPN comes up by its rules. 0 or 1, default 0.
        on_demand_enabled: i64 = "OnDemandEnabled",
        /// Whether the owner cannot switch that off. 0 or 1, default 0. Since iOS 14; not on macOS.
        on_demand_user_override_disabled: i64 = "OnDemandUserOverrideDisabled",
        /// When the VPN comes up and goes down.
        on_demand_rules: Vec<OnDemandRule> = "OnDemandRules",
        /// How often the server is asked whether it lives: every 30, 10 or 1 minutes. `None`, `Low`, `Medium` or
        /// `High`, default `Medium`.
        dead_peer_detection_rate: String = "DeadPeerDetectionRate",
        /// The common name of the issuer of the server's certificate; the device asks for one of that issuer.
        server_certificate_issuer_common_name: String = "ServerCertificateIssuerCommonName",
        /// The common name of the server's certificate, where it is not `RemoteIdentifier`.
        server_certificate_common_name: String = "ServerCertificateCommonName",
        /// The lowest version of TLS for EAP-TLS. `1.0`, `1.1` or `1.2`, default `1.0`. Since iOS 11, macOS 10.13.
        tls_minimum_version: String = "TLSMinimumVersion",
        /// The highest version of TLS for EAP-TLS. `1.0`, `1.1` or `1.2`, default `1.2`. Since iOS 11, macOS 10.13.
        tls_maximum_version: String = "TLSMaximumVersion",
        /// Whether the server tells the inner subnets (`INTERNAL_IP4_SUBNET`, `INTERNAL_IP6_SUBNET`). 0 or 1, default
        /// 0. Since iOS 9.
        use_configuration_attribute_internal_ip_subnet: i64 = "UseConfigurationAttributeInternalIPSubnet",
        /// Whether the tunnel does not follow a change of address (RFC 4555). 0 or 1, default 0. Since iOS 9.
        disable_mobike: i64 = "DisableMOBIKE",
        /// Whether redirection by the server is refused (RFC 5685). 0 or 1, default 0. Since iOS 9.
        disable_redirect: i64 = "DisableRedirect",
        /// Whether the VPN goes down when idle. 0 or 1, default 0.
        disconnect_on_idle: i64 = "DisconnectOnIdle",
        /// After how many seconds.
        disconnect_on_idle_timer: i64 = "DisconnectOnIdleTimer",
        /// Whether the hardware keeps mappings through NAT alive while the device sleeps (Always On). 0 or 1, default
        /// 1. Since iOS 9.
        nat_keep_alive_offload_enable: i64 = "NATKeepAliveOffloadEnable",
        /// Every how many seconds; at least 20. Default 20. Since iOS 9.
        nat_keep_alive_interval: i64 = "NATKeepAliveInterval",
        /// Whether keys have perfect forward secrecy. 0 or 1, default 0. Since iOS 9.
        enable_pfs: i64 = "EnablePFS",
        /// Whether the server's certificate is checked for revocation; no answer counts as good. 0 or 1, default 0.
        /// Since iOS 9.
        enable_certificate_revocation_check: i64 = "EnableCertificateRevocationCheck",
        /// Whether a second tunnel over cellular data stands in where Wi-Fi is poor. 0 or 1, default 0. Since iOS 13;
        /// not on macOS.
        enable_fallback: i64 = "EnableFallback",
        /// The greatest packet in bytes. 1280 to 1400, default 1280. Since iOS 14, macOS 11.
        mtu: i64 = "MTU",
        /// Whether the app works on packets or on connections. `packet-tunnel` or `app-proxy`, default `packet-tunnel`.
        provider_type: String = "ProviderType",
        /// Whether everything goes through the VPN, apart from the exclusions below. 0 or 1, default 0. Since iOS 14,
        /// macOS 10.15; not on tvOS.
        include_all_networks: i64 = "IncludeAllNetworks",
        /// Whether the VPN's routes go before local ones; without effect where `IncludeAllNetworks` is 1. 0 or 1,
        /// default 0. Since iOS 14.2, macOS 11.
        enforce_routes: i64 = "EnforceRoutes",
        /// Whether local networks are excluded. Default 1 on iOS, 0 on macOS. 0 or 1. Since iOS 14.2, macOS 10.15; not
        /// on tvOS.
        exclude_local_networks: i64 = "ExcludeLocalNetworks",
        /// Whether the carrier's services (VoLTE, Wi-Fi calls, MMS) are excluded. 0 or 1, default 1. Since iOS 16.4,
        /// macOS 13.3; not on tvOS.
        exclude_cellular_services: i64 = "ExcludeCellularServices",
        /// Whether push messages are excluded. 0 or 1, default 1. Since iOS 16.4, macOS 13.3; not on tvOS.
        exclude_apns: i64 = "ExcludeAPNs",
        /// Whether devices connected by USB or Wi-Fi are excluded. 0 or 1, default 1. Since iOS 17.4, macOS 14.4,
        /// visionOS 1.1; not on tvOS.
        exclude_device_communication: i64 = "ExcludeDeviceCommunication",
        /// The post-quantum pre-shared key (RFC 8784); goes with `PPKIdentifier`. Since iOS 18, macOS 15, tvOS 18,
        /// visionOS 2, watchOS 11.
        ppk: SecretData = "PPK",
        /// Its identifier; goes with `PPK`. Since iOS 18, macOS 15, tvOS 18, visionOS 2, watchOS 11.
        ppk_identifier: String = "PPKIdentifier",
        /// Whether the VPN fails where the server does not use it. 0 or 1, default 1. Since iOS 18, macOS 15, tvOS 18,
        /// visionOS 2, watchOS 11.
        ppk_mandatory: i64 = "PPKMandatory",
        /// The algorithms of IKE itself, and of the children where they have none of their own.
        ike_security_association_parameters: SecurityAssociation = "IKESecurityAssociationParameters",
        /// The algorithms of the data's tunnel.
        child_security_association_parameters: SecurityAssociation = "ChildSecurityAssociationParameters",
    }
}

payload! {
    /// The algorithms of one security association.
    pub struct SecurityAssociation {
        /// How it is encrypted. `DES`, `3DES`, `AES-128`, `AES-256`, `AES-128-GCM`, `AES-256-GCM` or
        /// `ChaCha20Poly1305`, default `AES-256`.
        encryption_algorithm: String = "EncryptionAlgorithm",
        /// How its integrity is kept. `SHA1-96`, `SHA1-160`, `SHA2-256`, `SHA2-384` or `SHA2-512`, default `SHA2-256`.
        integrity_algorithm: String = "IntegrityAlgorithm",
        /// The key exchange's group (IANA's number); Always On needs 14 or more. 1, 2, 5, 14, 15, 16, 17, 18, 19, 20,
        /// 21, 31 or 32, default 14.
        diffie_hellman_group: i64 = "DiffieHellmanGroup",
        /// After how many minutes the keys are renewed. 10 to 1440, default 1440.
        lifetime_in_minutes: i64 = "LifeTimeInMinutes",
    }
}
