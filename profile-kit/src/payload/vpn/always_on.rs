//! Always On: a VPN without which the device has no network.

use crate::payload::typed::payload;

payload! {
    /// A VPN without which the device has no network.
    pub struct AlwaysOnVpn {
        /// Whether the owner may switch the VPN off. 0 or 1, default 0.
        ui_toggle_enabled: i64 = "UIToggleEnabled",
        /// The tunnels and the interfaces that they serve.
        tunnel_configurations: Vec<AlwaysOnTunnel> = "TunnelConfigurations" required,
        /// System services that do not go through the tunnel.
        service_exceptions: Vec<ServiceException> = "ServiceExceptions",
        /// Apps that do not go through the tunnel. Since iOS 13.6.
        application_exceptions: Vec<ApplicationException> = "ApplicationExceptions",
        /// Whether the system's login to captive portals passes by the tunnel. 0 or 1, default 0.
        allow_captive_web_sheet: i64 = "AllowCaptiveWebSheet",
        /// Whether all apps for captive portals do. 0 or 1, default 0.
        allow_all_captive_network_plugins: i64 = "AllowAllCaptiveNetworkPlugins",
        /// Which apps for captive portals do, where not all.
        allowed_captive_network_plugins: Vec<CaptiveNetworkPlugin> = "AllowedCaptiveNetworkPlugins",
    }
}

payload! {
    /// A tunnel and the interfaces that it serves.
    pub struct AlwaysOnTunnel {
        /// The tunnel's kind. Only `IKEv2`.
        protocol_type: String = "ProtocolType" required,
        /// The interfaces that it serves. `Cellular` or `WiFi`.
        interfaces: Vec<String> = "Interfaces",
    }
}

payload! {
    /// A system service that does not go through the tunnel.
    pub struct ServiceException {
        /// The service. `VoiceMail`, `AirPrint`, `CellularServices` or `DeviceCommunication`.
        service_name: String = "ServiceName" required,
        /// What happens to its traffic. `Allow` or `Drop`.
        action: String = "Action" required,
    }
}

payload! {
    /// An app that does not go through the tunnel.
    pub struct ApplicationException {
        /// The app.
        bundle_identifier: String = "BundleIdentifier" required,
        /// The protocols that are excepted. Only `UDP`.
        limit_to_protocols: Vec<String> = "LimitToProtocols",
    }
}

payload! {
    /// An app that logs in to captive portals.
    pub struct CaptiveNetworkPlugin {
        /// The app.
        bundle_identifier: String = "BundleIdentifier" required,
    }
}
