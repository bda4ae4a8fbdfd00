//! Rules that bring a VPN or a name server up and down by the network that a device is in.

use super::typed::payload;

payload! {
    /// When a VPN or a name server is used. The first rule whose conditions all match decides. In
    /// [`DnsSettings`](crate::payload::DnsSettings) it cannot `Allow` or `Ignore`.
    pub struct OnDemandRule {
        /// What to do when the rule matches. `Allow`, `Connect`, `Disconnect`, `EvaluateConnection` or `Ignore`.
        action: String = "Action" required,
        /// For `EvaluateConnection`: what to do by domain.
        action_parameters: Vec<DomainRule> = "ActionParameters",
        /// Matches where one of them is a search domain; `*` at the start is a wildcard.
        dns_domain_match: Vec<String> = "DNSDomainMatch",
        /// Matches where one of them is a name server's address; `*` is a wildcard.
        dns_server_address_match: Vec<String> = "DNSServerAddressMatch",
        /// Matches where the primary interface is of this type. `Ethernet`, `WiFi` or `Cellular`.
        interface_type_match: String = "InterfaceTypeMatch",
        /// Matches where the Wi-Fi network has one of these names.
        ssid_match: Vec<String> = "SSIDMatch",
        /// Matches where this page answers 200 without redirection.
        url_string_probe: String = "URLStringProbe",
    }
}

payload! {
    /// What to do for connections to some domains.
    pub struct DomainRule {
        /// The domains.
        domains: Vec<String> = "Domains" required,
        /// What to do for them. `ConnectIfNeeded` or `NeverConnect`.
        domain_action: String = "DomainAction" required,
        /// The servers that resolve them; where they cannot be reached, the VPN comes up. Not in `DnsSettings`.
        required_dns_servers: Vec<String> = "RequiredDNSServers",
        /// A page that must answer 200; where it does not, the VPN comes up. Not in `DnsSettings`.
        required_url_string_probe: String = "RequiredURLStringProbe",
    }
}
