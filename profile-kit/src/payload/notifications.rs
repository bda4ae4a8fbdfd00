//! Notifications: how apps may show theirs.

use super::typed::payload;

payload! {
    /// How apps may show notifications. iOS 9.3 (supervised), macOS 10.15.
    ///
    /// ```
    /// use profile_kit::{Payload, payload::{NotificationSettings, Notifications}};
    ///
    /// let mail = NotificationSettings {
    ///     bundle_identifier: Some("com.apple.mobilemail".into()),
    ///     notifications_enabled: Some(false),
    ///     ..Default::default()
    /// };
    /// let payload = Payload::from(Notifications { notification_settings: Some(vec![mail]), ..Default::default() });
    /// assert_eq!(payload.kind(), Some("com.apple.notificationsettings"));
    /// ```
    pub struct Notifications = "com.apple.notificationsettings" {
        /// One entry for each app.
        notification_settings: Vec<NotificationSettings> = "NotificationSettings" required,
    }
}

payload! {
    /// How one app may show notifications.
    pub struct NotificationSettings {
        /// The app.
        bundle_identifier: String = "BundleIdentifier" required,
        /// Whether it may notify at all. Default true.
        notifications_enabled: bool = "NotificationsEnabled",
        /// Whether they show in Notification Center. Default true.
        show_in_notification_center: bool = "ShowInNotificationCenter",
        /// Whether they show on the lock screen. Default true.
        show_in_lock_screen: bool = "ShowInLockScreen",
        /// How they show: 0 not, 1 as a banner that goes, 2 as an alert that stays. Default 1.
        alert_type: i64 = "AlertType",
        /// Whether the icon has a badge. Default true.
        badges_enabled: bool = "BadgesEnabled",
        /// Whether they sound. Default true.
        sounds_enabled: bool = "SoundsEnabled",
        /// Whether they show in CarPlay. Default true. Since iOS 12; not on macOS.
        show_in_carplay: bool = "ShowInCarPlay",
        /// Whether critical ones pass Do Not Disturb and the ringer switch. Default false. Since iOS 12.
        critical_alert_enabled: bool = "CriticalAlertEnabled",
        /// How they are grouped: 0 automatically, 1 by app, 2 not. Default 0. Since iOS 12; not on macOS.
        grouping_type: i64 = "GroupingType",
        /// When their content shows: 0 always, 1 when unlocked, 2 never. Since iOS 14; not on macOS.
        preview_type: i64 = "PreviewType",
    }
}
