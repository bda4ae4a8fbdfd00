//! VPN: a private network and when a device uses it.

mod always_on;
mod ikev2;

pub use always_on::{AlwaysOnTunnel, AlwaysOnVpn, ApplicationException, CaptiveNetworkPlugin, ServiceException};
pub use ikev2::{IkeV2, SecurityAssociation};

use super::{
    on_demand_rule::OnDemandRule,
    secret::{Secret, SecretData},
    typed::payload,
};

payload! {
    /// A private network and how to reach it. iOS 4, macOS 10.7, tvOS 17, visionOS 1.
    ///
    /// ```
    /// use profile_kit::{Payload, payload::{IkeV2, Vpn}};
    ///
    /// let tunnel = IkeV2 {
    ///     remote_address: Some("vpn.example".into()),
    ///     remote_identifier: Some("vpn.example".into()),
    ///     local_identifier: Some("device".into()),
    ///     authentication_method: Some("SharedSecret".into()),
    ///     shared_secret: Some("correct horse".into()),
    ///     ..Default::default()
    /// };
    /// let vpn = Vpn {
    ///     vpn_type: Some("IKEv2".into()),
    ///     user_defined_name: Some("Office".into()),
    ///     ikev2: Some(tunnel),
    ///     ..Default::default()
    /// };
    /// assert!(!format!("{vpn:?}").contains("horse"));
    /// assert_eq!(Payload::from(vpn).kind(), Some("com.apple.vpn.managed"));
    /// ```
    pub struct Vpn = "com.apple.vpn.managed" {
        /// The kind of VPN, which names the dictionary that counts; `VPN` is a vendor's app. `VPN`, `L2TP`, `IPSec`,
        /// `IKEv2`, `AlwaysOn` or `TransparentProxy`.
        vpn_type: String = "VPNType" required,
        /// The vendor's app, by bundle identifier; for `VPN` and `TransparentProxy` required.
        vpn_subtype: String = "VPNSubType",
        /// The VPN's name as shown.
        user_defined_name: String = "UserDefinedName" required,
        /// Values that the vendor's app gets, its own keys.
        vendor_config: plist::Dictionary = "VendorConfig",
        /// For `VPN`: account, provider, and routing.
        vpn: VpnApp = "VPN",
        /// For `IPSec` and `L2TP`: what goes through the VPN. Not on tvOS.
        ipv4: VpnIpv4 = "IPv4",
        /// For `L2TP`: the account. Not on tvOS.
        ppp: VpnPpp = "PPP",
        /// For `IPSec` and `L2TP`: the tunnel. Not on tvOS.
        ipsec: VpnIpsec = "IPSec",
        /// For `IKEv2` and `AlwaysOn`: the tunnel. Since watchOS 10.
        ikev2: IkeV2 = "IKEv2",
        /// For all types: the name server inside. Since watchOS 10.
        dns: VpnDns = "DNS",
        /// For all types: the proxies inside. Since watchOS 10.
        proxies: VpnProxies = "Proxies",
        /// For `AlwaysOn`: tunnels and what may pass them by. Since iOS 8; not on macOS, tvOS.
        always_on: AlwaysOnVpn = "AlwaysOn",
        /// For `TransparentProxy`: the app's proxy. Since macOS 14; not on iOS, tvOS, visionOS.
        transparent_proxy: TransparentProxy = "TransparentProxy",
    }
}

payload! {
    /// A VPN by a vendor's app.
    pub struct VpnApp {
        /// How the client authenticates. `Password`, `Certificate` or `Password+Certificate`, default `Password`.
        authentication_method: String = "AuthenticationMethod",
        /// The `PayloadUUID` of the identity in the same profile that authenticates the client.
        payload_certificate_uuid: String = "PayloadCertificateUUID",
        /// The account's password.
        password: Secret = "Password",
        /// Which of the app's VPN providers, by bundle identifier, where it has several.
        provider_bundle_identifier: String = "ProviderBundleIdentifier",
        /// The provider's code requirement, where it is a system extension. Since macOS 10.15; not on iOS, visionOS.
        provider_designated_requirement: String = "ProviderDesignatedRequirement",
        /// Whether the VPN goes down when idle. 0 or 1, default 0.
        disconnect_on_idle: i64 = "DisconnectOnIdle",
        /// After how many seconds.
        disconnect_on_idle_timer: i64 = "DisconnectOnIdleTimer",
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
        /// Whether the VPN comes up by its rules. 0 or 1, default 0.
        on_demand_enabled: i64 = "OnDemandEnabled",
        /// Whether the owner cannot switch that off. 0 or 1, default 0. Since iOS 14; not on macOS.
        on_demand_user_override_disabled: i64 = "OnDemandUserOverrideDisabled",
        /// Domains for which the VPN comes up; older than `OnDemandRules`. Deprecated in iOS 7.
        on_demand_match_domains_always: Vec<String> = "OnDemandMatchDomainsAlways",
        /// Domains for which it does not; older than `OnDemandRules`. Deprecated in iOS 7.
        on_demand_match_domains_never: Vec<String> = "OnDemandMatchDomainsNever",
        /// Domains for which it does where they do not resolve; older than `OnDemandRules`. Deprecated in iOS 7.
        on_demand_match_domains_on_retry: Vec<String> = "OnDemandMatchDomainsOnRetry",
        /// When the VPN comes up and goes down.
        on_demand_rules: Vec<OnDemandRule> = "OnDemandRules",
    }
}

payload! {
    /// What of IPv4 goes through a VPN.
    pub struct VpnIpv4 {
        /// Whether all traffic goes through the VPN. 0 or 1, default 0.
        override_primary: i64 = "OverridePrimary",
    }
}

payload! {
    /// The account of an L2TP VPN.
    pub struct VpnPpp {
        /// The account's name.
        auth_name: String = "AuthName",
        /// The account's password.
        auth_password: Secret = "AuthPassword",
        /// Whether the password comes from a token card. 0 or 1, default 0.
        token_card: i64 = "TokenCard",
        /// The server's address or host name.
        comm_remote_address: String = "CommRemoteAddress",
        /// The EAP method. `EAP-RSA`, `EAP-TLS` or `EAP-KRB`.
        auth_eap_plugins: Vec<String> = "AuthEAPPlugins",
        /// The authentication protocol. Only `EAP`.
        auth_protocol: Vec<String> = "AuthProtocol",
        /// Whether MPPE of 40 bits may be used. 0 or 1.
        ccp_mppe40_enabled: i64 = "CCPMPPE40Enabled",
        /// Whether MPPE of 128 bits may be used. 0 or 1.
        ccp_mppe128_enabled: i64 = "CCPMPPE128Enabled",
        /// Whether the connection is encrypted. 0 or 1.
        ccp_enabled: i64 = "CCPEnabled",
        /// Whether the VPN goes down when idle. 0 or 1, default 0.
        disconnect_on_idle: i64 = "DisconnectOnIdle",
        /// After how many seconds.
        disconnect_on_idle_timer: i64 = "DisconnectOnIdleTimer",
    }
}

payload! {
    /// The tunnel of an IPSec or L2TP VPN (IKEv1).
    pub struct VpnIpsec {
        /// The server's address or host name.
        remote_address: String = "RemoteAddress",
        /// How the client authenticates. `SharedSecret` or `Certificate`, default `SharedSecret`.
        authentication_method: String = "AuthenticationMethod",
        /// The account's name.
        xauth_name: String = "XAuthName",
        /// The account's password.
        xauth_password: Secret = "XAuthPassword",
        /// Whether extended authentication is used. 0 or 1.
        xauth_enabled: i64 = "XAuthEnabled",
        /// Whether the password is asked for. Only `Prompt`.
        xauth_password_encryption: String = "XAuthPasswordEncryption",
        /// The group's name, which ends in `hybrid` for hybrid authentication.
        local_identifier: String = "LocalIdentifier",
        /// What that identifier is. Only `KeyID`, default `KeyID`.
        local_identifier_type: String = "LocalIdentifierType",
        /// The secret that both sides know.
        shared_secret: SecretData = "SharedSecret",
        /// The `PayloadUUID` of the identity in the same profile that authenticates the client.
        payload_certificate_uuid: String = "PayloadCertificateUUID",
        /// Whether a PIN is asked for at each connection. Default false.
        prompt_for_vpn_pin: bool = "PromptForVPNPIN",
        /// Whether the VPN goes down when idle. 0 or 1, default 0.
        disconnect_on_idle: i64 = "DisconnectOnIdle",
        /// After how many seconds.
        disconnect_on_idle_timer: i64 = "DisconnectOnIdleTimer",
        /// Whether the VPN comes up by its rules. 0 or 1, default 0.
        on_demand_enabled: i64 = "OnDemandEnabled",
        /// Domains for which the VPN comes up; older than `OnDemandRules`. Deprecated in iOS 7.
        on_demand_match_domains_always: Vec<String> = "OnDemandMatchDomainsAlways",
        /// Domains for which it does not; older than `OnDemandRules`. Deprecated in iOS 7.
        on_demand_match_domains_never: Vec<String> = "OnDemandMatchDomainsNever",
        /// Domains for which it does where they do not resolve; older than `OnDemandRules`. Deprecated in iOS 7.
        on_demand_match_domains_on_retry: Vec<String> = "OnDemandMatchDomainsOnRetry",
        /// When the VPN comes up and goes down.
        on_demand_rules: Vec<OnDemandRule> = "OnDemandRules",
    }
}

payload! {
    /// The name server inside a VPN.
    pub struct VpnDns {
        /// How the server is asked. `Cleartext`, `HTTPS` or `TLS`. Since iOS 14, macOS 11.
        dns_protocol: String = "DNSProtocol" required,
        /// Its URI template (RFC 8484); for `HTTPS` required. Since iOS 14, macOS 11.
        server_url: String = "ServerURL",
        /// Its host name (RFC 7858); for `TLS` required. Since iOS 14, macOS 11.
        server_name: String = "ServerName",
        /// Its addresses. Since iOS 10, macOS 10.12.
        server_addresses: Vec<String> = "ServerAddresses" required,
        /// Domains that complete short names. Since iOS 10, macOS 10.12.
        search_domains: Vec<String> = "SearchDomains",
        /// The tunnel's domain. Since iOS 10, macOS 10.12.
        domain_name: String = "DomainName",
        /// The domains that it is asked for; all where absent. Since iOS 10, macOS 10.12.
        supplemental_match_domains: Vec<String> = "SupplementalMatchDomains",
        /// Whether those domains do not complete short names. 0 or 1, default 0. Since iOS 10, macOS 10.12.
        supplemental_match_domains_no_search: i64 = "SupplementalMatchDomainsNoSearch",
        /// The `PayloadUUID` of the identity in the same profile that authenticates the client. Since iOS 16, macOS 13.
        payload_certificate_uuid: String = "PayloadCertificateUUID",
    }
}

payload! {
    /// The proxies inside a VPN.
    pub struct VpnProxies {
        /// Whether a PAC file configures the proxy. 0 or 1.
        proxy_auto_config_enable: i64 = "ProxyAutoConfigEnable",
        /// Whether the PAC file is found by itself. 0 or 1, default 1.
        proxy_auto_discovery_enable: i64 = "ProxyAutoDiscoveryEnable",
        /// Where the PAC file is.
        proxy_auto_config_url_string: String = "ProxyAutoConfigURLString",
        /// The domains whose hosts the proxies serve; all where absent.
        supplemental_match_domains: Vec<String> = "SupplementalMatchDomains",
        /// Whether HTTP has a proxy. 0 or 1, default 0.
        http_enable: i64 = "HTTPEnable",
        /// The proxy for HTTP.
        http_proxy: String = "HTTPProxy",
        /// Its port; goes with `HTTPProxy`. 0 to 65535.
        http_port: i64 = "HTTPPort",
        /// The user's name at the proxy.
        http_proxy_username: String = "HTTPProxyUsername",
        /// The user's password at the proxy.
        http_proxy_password: Secret = "HTTPProxyPassword",
        /// Whether HTTPS has a proxy. 0 or 1, default 0.
        https_enable: i64 = "HTTPSEnable",
        /// The proxy for HTTPS.
        https_proxy: String = "HTTPSProxy",
        /// Its port; goes with `HTTPSProxy`. 0 to 65535.
        https_port: i64 = "HTTPSPort",
    }
}

payload! {
    /// A proxy by a vendor's app that connections do not notice.
    pub struct TransparentProxy {
        /// How the client authenticates. `Password`, `Certificate` or `Password+Certificate`, default `Password`.
        authentication_method: String = "AuthenticationMethod",
        /// Whether the VPN goes down when idle. 0 or 1, default 0.
        disconnect_on_idle: i64 = "DisconnectOnIdle",
        /// After how many seconds.
        disconnect_on_idle_timer: i64 = "DisconnectOnIdleTimer",
        /// Whether the VPN's routes go before local ones; without effect where `IncludeAllNetworks` is 1. 0 or 1,
        /// default 0.
        enforce_routes: i64 = "EnforceRoutes",
        /// Whether the VPN comes up by its rules. 0 or 1, default 0.
        on_demand_enabled: i64 = "OnDemandEnabled",
        /// When the VPN comes up and goes down.
        on_demand_rules: Vec<OnDemandRule> = "OnDemandRules",
        /// The `PayloadUUID` of the identity in the same profile that authenticates the client.
        payload_certificate_uuid: String = "PayloadCertificateUUID",
        /// The account's password.
        password: Secret = "Password",
        /// Which of the app's VPN providers, by bundle identifier, where it has several.
        provider_bundle_identifier: String = "ProviderBundleIdentifier",
        /// The provider's code requirement, where it is a system extension.
        provider_designated_requirement: String = "ProviderDesignatedRequirement",
        /// Whether the app works on packets or on connections. `packet-tunnel` or `app-proxy`, default `packet-tunnel`.
        provider_type: String = "ProviderType",
        /// The place among several proxies, a positive number.
        order: i64 = "Order",
    }
}
