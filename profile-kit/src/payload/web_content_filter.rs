//! Web content filter: which pages and connections a device allows.

use super::{secret::Secret, typed::payload};

payload! {
    /// Which pages and connections a device allows. iOS 7, macOS 10.15, visionOS 1.1.
    pub struct WebContentFilter = "com.apple.webcontent-filter" {
        /// Apple's own filter, or an app's. `BuiltIn` or `Plugin`, default `BuiltIn`. Since iOS 8.
        filter_type: String = "FilterType",
        /// Whether Apple's filter judges pages by their content. Default false. Not on macOS.
        auto_filter_enabled: bool = "AutoFilterEnabled",
        /// Pages that the automatic filter lets pass. Not on macOS.
        permitted_urls: Vec<String> = "PermittedURLs",
        /// The older name of `DenyListURLs`. Not on macOS, visionOS; deprecated in iOS 14.5.
        blacklisted_urls: Vec<String> = "BlacklistedURLs",
        /// Pages that are refused. Since iOS 14.5; not on macOS.
        deny_list_urls: Vec<String> = "DenyListURLs",
        /// Whether Settings does not show which. Default false. Since iOS 18, visionOS 2; not on macOS.
        hide_deny_list_urls: bool = "HideDenyListURLs",
        /// The older name of `AllowListBookmarks`. Not on macOS, visionOS; deprecated in iOS 14.5.
        whitelisted_bookmarks: Vec<FilterBookmark> = "WhitelistedBookmarks",
        /// The only pages that are allowed, as bookmarks. Since iOS 14.5; not on macOS.
        allow_list_bookmarks: Vec<FilterBookmark> = "AllowListBookmarks",
        /// The filter's name as shown; for `Plugin` required.
        user_defined_name: String = "UserDefinedName",
        /// The app that filters; for `Plugin` required.
        plugin_bundle_id: String = "PluginBundleID",
        /// The app's server: host name, address, or URL.
        server_address: String = "ServerAddress",
        /// The user's name at the server.
        user_name: String = "UserName",
        /// The user's password at the server.
        password: Secret = "Password",
        /// The `PayloadUUID` of the identity in the same profile that authenticates the user.
        payload_certificate_uuid: String = "PayloadCertificateUUID",
        /// A text that the app gets.
        organization: String = "Organization",
        /// Values that the app gets, its own keys.
        vendor_config: plist::Dictionary = "VendorConfig",
        /// Whether the app filters web pages. Default false. Not on macOS.
        filter_browsers: bool = "FilterBrowsers",
        /// Whether the app filters connections. Default false.
        filter_sockets: bool = "FilterSockets",
        /// The code requirement of the system extension that filters data. Not on iOS, visionOS.
        filter_data_provider_designated_requirement: String = "FilterDataProviderDesignatedRequirement",
        /// The system extension that filters data, by bundle identifier. Not on iOS, visionOS.
        filter_data_provider_bundle_identifier: String = "FilterDataProviderBundleIdentifier",
        /// Whether the app filters packets. Default false. Not on iOS, visionOS.
        filter_packets: bool = "FilterPackets",
        /// The code requirement of the system extension that filters packets. Not on iOS, visionOS.
        filter_packet_provider_designated_requirement: String = "FilterPacketProviderDesignatedRequirement",
        /// The system extension that filters packets, by bundle identifier. Not on iOS, visionOS.
        filter_packet_provider_bundle_identifier: String = "FilterPacketProviderBundleIdentifier",
        /// Which filters see the traffic first: firewalls before inspectors. `firewall` or `inspector`, default
        /// `firewall`. Not on iOS, visionOS.
        filter_grade: String = "FilterGrade",
        /// The name by which managed apps refer to this filter. Since iOS 16; not on macOS.
        content_filter_uuid: String = "ContentFilterUUID",
    }
}

payload! {
    /// A page that is allowed.
    pub struct FilterBookmark {
        /// The page.
        url: String = "URL" required,
        /// The bookmark's name.
        title: String = "Title" required,
    }
}
