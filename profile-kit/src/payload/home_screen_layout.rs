//! Home screen layout: where the icons are.

use super::typed::payload;

payload! {
    /// Where the icons are on the home screen. iOS 9.3 (supervised), tvOS 11 (supervised).
    pub struct HomeScreenLayout = "com.apple.homescreenlayout" {
        /// The icons of the dock; empty where absent.
        dock: Vec<HomeScreenIcon> = "Dock",
        /// The pages, each a list of icons.
        pages: Vec<Vec<HomeScreenIcon>> = "Pages" required,
    }
}

payload! {
    /// An app, a web clip, or a folder of them.
    pub struct HomeScreenIcon {
        /// What the icon is. `App`, `Folder` or `WebClip`.
        kind: String = "Type" required,
        /// The name of a folder.
        display_name: String = "DisplayName",
        /// The app, by bundle identifier.
        bundle_id: String = "BundleID",
        /// The pages of a folder, each a list of icons.
        pages: Vec<Vec<HomeScreenIcon>> = "Pages",
        /// The page of a web clip that another payload makes. Since iOS 11.3.
        url: String = "URL",
    }
}
