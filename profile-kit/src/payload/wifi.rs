//! Wi-Fi: a network and how to join it.

use super::{secret::Secret, typed::payload};

payload! {
    /// A Wi-Fi network and how to join it. iOS 4, macOS 10.7, tvOS 9, visionOS 1, watchOS 3.2.
    ///
    /// ```
    /// use profile_kit::{Payload, payload::Wifi};
    ///
    /// let guest = Wifi {
    ///     ssid: Some("guest".into()),
    ///     encryption_type: Some("WPA2".into()),
    ///     password: Some("correct horse".into()),
    ///     ..Default::default()
    /// };
    /// assert_eq!(Payload::from(guest).get("SSID_STR").and_then(|value| value.as_string()), Some("guest"));
    /// ```
    pub struct Wifi = "com.apple.wifi.managed" {
        /// Whether the device joins by itself. Default true. Since iOS 5.
        auto_join: bool = "AutoJoin",
        /// The network's name; may be absent where `DomainName` is given. Since iOS 7.
        ssid: String = "SSID_STR",
        /// Whether the network does not announce its name. Default false.
        hidden_network: bool = "HIDDEN_NETWORK",
        /// Whether the network has a proxy. `None`, `Manual` or `Auto`, default `None`.
        proxy_type: String = "ProxyType",
        /// How the network is protected. `WEP`, `WPA`, `WPA2`, `WPA3`, `Any` or `None`, default `Any`.
        encryption_type: String = "EncryptionType",
        /// The network's password.
        password: Secret = "Password",
        /// The `PayloadUUID` of the identity in the same profile that authenticates the client.
        payload_certificate_uuid: String = "PayloadCertificateUUID",
        /// How to authenticate in an enterprise network.
        eap_client_configuration: EapClientConfiguration = "EAPClientConfiguration",
        /// The operator's name (Hotspot 2.0). Since iOS 7, macOS 10.9.
        displayed_operator_name: String = "DisplayedOperatorName",
        /// The operator's domain (Hotspot 2.0). Since iOS 7, macOS 10.9.
        domain_name: String = "DomainName",
        /// Identifiers of roaming consortia, hexadecimal (Hotspot 2.0). Since iOS 7, macOS 10.9.
        roaming_consortium_ois: Vec<String> = "RoamingConsortiumOIs",
        /// Whether to join networks of roaming partners. Default false. Since iOS 7, macOS 10.9.
        service_provider_roaming_enabled: bool = "ServiceProviderRoamingEnabled",
        /// Whether the network is a hotspot. Default false. Since iOS 7, macOS 10.9.
        is_hotspot: bool = "IsHotspot",
        /// The identifier of the hotspot's group of access points. Since iOS 7.
        hessid: String = "HESSID",
        /// Realms of network access identifiers (Hotspot 2.0). Since iOS 7, macOS 10.9.
        nai_realm_names: Vec<String> = "NAIRealmNames",
        /// Country and network codes, six digits each (Hotspot 2.0). Since iOS 7; not on macOS.
        mcc_and_mncs: Vec<String> = "MCCAndMNCs",
        /// Whether the device does not look for a captive portal. Default false. Since iOS 10; not on macOS.
        captive_bypass: bool = "CaptiveBypass",
        /// Which apps' traffic may be marked for priority; absent, all. Since iOS 10, macOS 10.13.
        qos_marking_policy: QosMarkingPolicy = "QoSMarkingPolicy",
        /// When a Mac joins: as the system, or at the login window. `System` or `Loginwindow`. Not on iOS, tvOS,
        /// visionOS, watchOS.
        setup_modes: Vec<String> = "SetupModes",
        /// Whether the interface has IPv6. Default true.
        enable_ipv6: bool = "EnableIPv6",
        /// Whether the client must show a certificate too. Default false.
        tls_certificate_required: bool = "TLSCertificateRequired",
        /// The proxy's address.
        proxy_server: String = "ProxyServer",
        /// The proxy's port. 0 to 65535.
        proxy_server_port: i64 = "ProxyServerPort",
        /// The user's name at the proxy.
        proxy_username: String = "ProxyUsername",
        /// The user's password at the proxy.
        proxy_password: Secret = "ProxyPassword",
        /// Where the proxy's PAC file is.
        proxy_pac_url: String = "ProxyPACURL",
        /// Whether to go without the proxy where the PAC file cannot be had. Default false.
        proxy_pac_fallback_allowed: bool = "ProxyPACFallbackAllowed",
        /// Whether the device shows its real hardware address. Default false. Since iOS 14, macOS 15, watchOS 7; not on
        /// tvOS.
        disable_association_mac_randomization: bool = "DisableAssociationMACRandomization",
    }
}

payload! {
    /// How a client authenticates in an enterprise network (EAP, RFC 3748).
    pub struct EapClientConfiguration {
        /// The methods that may be used: 13 TLS, 17 LEAP, 18 EAP-SIM, 21 TTLS, 23 EAP-AKA, 25 PEAP, 43 EAP-FAST.
        accept_eap_types: Vec<i64> = "AcceptEAPTypes" required,
        /// The user's name; asked for where absent.
        user_name: String = "UserName",
        /// The user's password; asked for where absent.
        user_password: Secret = "UserPassword",
        /// The `PayloadUUID`s of certificates in the same profile that are trusted.
        payload_certificate_anchor_uuid: Vec<String> = "PayloadCertificateAnchorUUID",
        /// The certificates that are trusted.
        tls_trusted_certificates: Vec<plist::Value> = "TLSTrustedCertificates",
        /// The names that the server's certificate may have; `*` is a wildcard.
        tls_trusted_server_names: Vec<String> = "TLSTrustedServerNames",
        /// Whether the owner may trust an unknown certificate. Default true. Not on visionOS; removed in iOS 8.
        tls_allow_trust_exceptions: bool = "TLSAllowTrustExceptions",
        /// Whether the client must show a certificate too (for EAP-TLS the default is true). Default false. Since
        /// iOS 7.
        tls_certificate_is_required: bool = "TLSCertificateIsRequired",
        /// What TTLS carries. `PAP`, `EAP`, `CHAP`, `MSCHAP` or `MSCHAPv2`, default `MSCHAPv2`.
        ttls_inner_authentication: String = "TTLSInnerAuthentication",
        /// The lowest version of TLS. `1.0`, `1.1`, `1.2` or `1.3`, default `1.0`. Since iOS 11, macOS 10.13, tvOS 11.
        tls_minimum_version: String = "TLSMinimumVersion",
        /// The highest version of TLS. `1.0`, `1.1`, `1.2` or `1.3`, default `1.2`. Since iOS 11, macOS 10.13, tvOS 11.
        tls_maximum_version: String = "TLSMaximumVersion",
        /// The name that is seen outside the tunnel.
        outer_identity: String = "OuterIdentity",
        /// Whether EAP-FAST uses a PAC that is there. Default false.
        eap_fast_use_pac: bool = "EAPFASTUsePAC",
        /// Whether EAP-FAST may fetch a PAC; needs `EAPFASTUsePAC`. Default false.
        eap_fast_provision_pac: bool = "EAPFASTProvisionPAC",
        /// Whether it may fetch one without authenticating the server; open to a man in the middle. Default false.
        eap_fast_provision_pac_anonymously: bool = "EAPFASTProvisionPACAnonymously",
        /// How many challenges EAP-SIM must get. 2 or 3, default 3. Since iOS 8.
        eap_sim_number_of_rands: i64 = "EAPSIMNumberOfRANDs",
        /// `ActiveDirectory` to authenticate as the computer.
        system_mode_credentials_source: String = "SystemModeCredentialsSource",
        /// Whether to authenticate as the computer in Open Directory. Default false.
        system_mode_use_open_directory_credentials: bool = "SystemModeUseOpenDirectoryCredentials",
        /// Whether the password is asked for at each connection. Default false. Since iOS 8, macOS 10.8.
        one_time_user_password: bool = "OneTimeUserPassword",
    }
}

payload! {
    /// Which apps' Wi-Fi traffic is marked for priority.
    pub struct QosMarkingPolicy {
        /// The apps that may, by bundle identifier. Since iOS 14.5, macOS 14.
        qos_marking_allow_list_app_identifiers: Vec<String> = "QoSMarkingAllowListAppIdentifiers",
        /// The older name of `QoSMarkingAllowListAppIdentifiers`. Not on visionOS; deprecated in iOS 14.5, macOS 14.
        qos_marking_whitelisted_app_identifiers: Vec<String> = "QoSMarkingWhitelistedAppIdentifiers",
        /// Whether FaceTime and Wi-Fi calls may. Default true.
        qos_marking_apple_audio_video_calls: bool = "QoSMarkingAppleAudioVideoCalls",
        /// Whether traffic is marked at layer 2 only; false: as in a network without a fast lane. Default true.
        qos_marking_enabled: bool = "QoSMarkingEnabled",
    }
}
