//! The removal password: what the owner must give to delete the profile.

use super::{secret::Secret, typed::payload};

payload! {
    /// What the owner must give to delete the profile. [`Profile::set_removal`](crate::Profile::set_removal) writes it
    /// together with its flag. iOS 4 (supervised), macOS 10.7, tvOS 9 (supervised).
    pub struct RemovalPassword = "com.apple.profileRemovalPassword" {
        /// The password.
        password: Secret = "RemovalPassword",
    }
}
