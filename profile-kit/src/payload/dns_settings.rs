//! DNS settings: an encrypted name server.

use super::{on_demand_rule::OnDemandRule, typed::payload};

payload! {
    /// An encrypted name server and when it is used. iOS 14, macOS 11, visionOS 1.
    ///
    /// ```
    /// use profile_kit::{Payload, payload::{DnsServer, DnsSettings}};
    ///
    /// let server = DnsServer {
    ///     dns_protocol: Some("HTTPS".into()),
    ///     server_url: Some("https://dns.example/query".into()),
    ///     ..Default::default()
    /// };
    /// let payload = Payload::from(DnsSettings { dns_settings: Some(server), ..Default::default() });
    /// assert_eq!(payload.kind(), Some("com.apple.dnsSettings.managed"));
    /// ```
    pub struct DnsSettings = "com.apple.dnsSettings.managed" {
        /// The server.
        dns_settings: DnsServer = "DNSSettings" required,
        /// When it is used; always where absent.
        on_demand_rules: Vec<OnDemandRule> = "OnDemandRules",
        /// Whether the owner cannot switch it off. Default false.
        prohibit_disablement: bool = "ProhibitDisablement",
        /// The `PayloadUUID` of the identity in the same profile that authenticates the client. Since iOS 16, macOS 13.
        payload_certificate_uuid: String = "PayloadCertificateUUID",
    }
}

payload! {
    /// An encrypted name server.
    pub struct DnsServer {
        /// How it is asked. `HTTPS` or `TLS`.
        dns_protocol: String = "DNSProtocol" required,
        /// Its URI template (RFC 8484); for `HTTPS` required.
        server_url: String = "ServerURL",
        /// Its host name (RFC 7858); for `TLS` required.
        server_name: String = "ServerName",
        /// Its addresses; found by name where absent.
        server_addresses: Vec<String> = "ServerAddresses",
        /// The domains that it is asked for; all where absent.
        supplemental_match_domains: Vec<String> = "SupplementalMatchDomains",
    }
}
