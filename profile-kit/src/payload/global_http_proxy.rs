//! Global HTTP proxy: one for all networks.

use super::{secret::Secret, typed::payload};

payload! {
    /// One HTTP proxy for all networks. iOS 6 (supervised), macOS 10.9, tvOS 9 (supervised), visionOS 2 (supervised).
    pub struct GlobalHttpProxy = "com.apple.proxy.http.global" {
        /// Given by hand, or by a PAC file. `Manual` or `Auto`, default `Manual`.
        proxy_type: String = "ProxyType",
        /// The proxy's address; for `Manual` required.
        proxy_server: String = "ProxyServer",
        /// The proxy's port; for `Manual` required.
        proxy_server_port: i64 = "ProxyServerPort",
        /// The user's name at the proxy.
        proxy_username: String = "ProxyUsername",
        /// The user's password at the proxy.
        proxy_password: Secret = "ProxyPassword",
        /// Where the PAC file is.
        proxy_pac_url: String = "ProxyPACURL",
        /// Whether to go without the proxy where the PAC file cannot be had. Default false. Since iOS 7.
        proxy_pac_fallback_allowed: bool = "ProxyPACFallbackAllowed",
        /// Whether the proxy is passed by to log in at a captive portal. Default false. Since iOS 7.
        proxy_captive_login_allowed: bool = "ProxyCaptiveLoginAllowed",
    }
}
