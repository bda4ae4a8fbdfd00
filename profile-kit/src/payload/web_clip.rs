//! Web clips: icons on the home screen that open a page.

use super::typed::payload;

payload! {
    /// A page as an icon on the home screen. iOS 4, macOS 10.7.
    pub struct WebClip = "com.apple.webClip.managed" {
        /// Whether the icon gets no shine. Default false. Not on macOS.
        precomposed: bool = "Precomposed",
        /// Whether it opens as an app of its own. Default false. Not on macOS.
        full_screen: bool = "FullScreen",
        /// The page.
        url: String = "URL" required,
        /// The icon as PNG, square, at most 400 by 400 pixels and 1 MB; white where absent.
        icon: Vec<u8> = "Icon",
        /// Whether the owner can delete it. Default true. Not on macOS.
        is_removable: bool = "IsRemovable",
        /// The name under the icon.
        label: String = "Label" required,
        /// Whether a full-screen web clip may go to other sites without Safari's bars. Default false. Since iOS 14; not
        /// on macOS.
        ignore_manifest_scope: bool = "IgnoreManifestScope",
        /// The app that opens the page, by bundle identifier; only through MDM. Since iOS 14; not on macOS.
        target_application_bundle_identifier: String = "TargetApplicationBundleIdentifier",
    }
}
