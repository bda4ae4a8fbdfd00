//! Restrictions: what a device does not let its owner do.

use super::typed::payload;

payload! {
    /// What a device does not let its owner do. `allow_…` fields name what false takes away, `force_…` fields what true
    /// imposes. iOS 4, macOS 10.7, tvOS 9, visionOS 1.1, watchOS 10.
    ///
    /// ```
    /// use profile_kit::{Profile, payload::Restrictions};
    ///
    /// let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    /// profile.push(Restrictions { allow_app_installation: Some(false), ..Default::default() });
    /// assert_eq!(profile.payloads()[0].kind(), Some("com.apple.applicationaccess"));
    /// ```
    pub struct Restrictions = "com.apple.applicationaccess" {
        /// Adding and changing accounts (Apple Account, mail, contacts, calendars). Default true. iOS 7 (supervised),
        /// macOS 14, visionOS 2 (supervised), watchOS 10 (supervised).
        allow_account_modification: bool = "allowAccountModification",
        /// Handoff. Default true. iOS 8, macOS 10.15, visionOS 2.
        allow_activity_continuation: bool = "allowActivityContinuation",
        /// Adding Game Center friends. Default true. iOS 4.2.1 (supervised), macOS 10.13.
        allow_adding_game_center_friends: bool = "allowAddingGameCenterFriends",
        /// AirDrop. Default true. iOS 7 (supervised), macOS 10.13, visionOS 2 (supervised).
        allow_airdrop: bool = "allowAirDrop",
        /// AirPlay from other devices. Default true. macOS 12.3, tvOS 10.2 (supervised).
        allow_airplay_incoming_requests: bool = "allowAirPlayIncomingRequests",
        /// AirPrint. Default true. iOS 11 (supervised).
        allow_airprint: bool = "allowAirPrint",
        /// Keeping AirPrint user names and passwords in the keychain. Default true. iOS 11 (supervised).
        allow_airprint_credentials_storage: bool = "allowAirPrintCredentialsStorage",
        /// Finding AirPrint printers by iBeacon. Default true. iOS 11 (supervised).
        allow_airprint_ibeacon_discovery: bool = "allowAirPrintiBeaconDiscovery",
        /// Choosing which apps may use cellular data. Default true. iOS 7 (supervised).
        allow_app_cellular_data_modification: bool = "allowAppCellularDataModification",
        /// App Clips; those present go. Default true. iOS 14 (supervised).
        allow_app_clips: bool = "allowAppClips",
        /// The App Store, and installing and updating apps by the owner in any way. Default true. iOS 4 (supervised),
        /// visionOS 2 (supervised), watchOS 10 (supervised).
        allow_app_installation: bool = "allowAppInstallation",
        /// Apple's personalised advertising. Default true. iOS 14, macOS 12, visionOS 2.
        allow_apple_personalized_advertising: bool = "allowApplePersonalizedAdvertising",
        /// Deleting apps. Default true. iOS 4.2.1 (supervised), watchOS 10 (supervised).
        allow_app_removal: bool = "allowAppRemoval",
        /// Hiding apps. Default true. iOS 18 (supervised).
        allow_apps_to_be_hidden: bool = "allowAppsToBeHidden",
        /// Locking apps, and so hiding them. Default true. iOS 18 (supervised).
        allow_apps_to_be_locked: bool = "allowAppsToBeLocked",
        /// Changing Remote Management sharing. Default true. macOS 14.
        allow_ard_remote_management_modification: bool = "allowARDRemoteManagementModification",
        /// Siri. Default true. iOS 5, macOS 14, visionOS 2.
        allow_assistant: bool = "allowAssistant",
        /// Siri answers from what people write on the web. Default true. iOS 7 (supervised), watchOS 10 (supervised).
        allow_assistant_user_generated_content: bool = "allowAssistantUserGeneratedContent",
        /// Siri on a locked device that has a passcode. Default true. iOS 5.1, watchOS 10.
        allow_assistant_while_locked: bool = "allowAssistantWhileLocked",
        /// Automatic correction while typing. Default true. iOS 8.1.3 (supervised).
        allow_auto_correction: bool = "allowAutoCorrection",
        /// Dimming of OLED iPads by themselves. Default true. iOS 17.4 (supervised).
        allow_auto_dim: bool = "allowAutoDim",
        /// Downloading apps that were bought on other devices; updates are not concerned. Default true. iOS 9
        /// (supervised), watchOS 10 (supervised).
        allow_automatic_app_downloads: bool = "allowAutomaticAppDownloads",
        /// The screen saver that starts by itself. Default true. tvOS 15.4 (supervised).
        allow_automatic_screen_saver: bool = "allowAutomaticScreenSaver",
        /// Unlocking by a nearby device. Default true. iOS 14.5, macOS 10.12.
        allow_auto_unlock: bool = "allowAutoUnlock",
        /// Changing Bluetooth settings. Default true. iOS 11 (supervised), macOS 13.
        allow_bluetooth_modification: bool = "allowBluetoothModification",
        /// Changing Bluetooth sharing. Default true. macOS 14.
        allow_bluetooth_sharing_modification: bool = "allowBluetoothSharingModification",
        /// The Book Store in Books. Default true. iOS 6 (supervised).
        allow_bookstore: bool = "allowBookstore",
        /// Books that are marked as erotica. Default true. iOS 6; tvOS 11.3, deprecated in 17.
        allow_bookstore_erotica: bool = "allowBookstoreErotica",
        /// Recording calls. Default true. iOS 18.1 (supervised).
        allow_call_recording: bool = "allowCallRecording",
        /// The camera. Default true. iOS 4, macOS 10.11, tvOS 17, visionOS 2.
        allow_camera: bool = "allowCamera",
        /// Changing the cellular plan. Default true. iOS 11 (supervised).
        allow_cellular_plan_modification: bool = "allowCellularPlanModification",
        /// Messages by iMessage. Default true. iOS 5 (supervised).
        allow_chat: bool = "allowChat",
        /// Contacts in iCloud. Default true. macOS 10.12.
        allow_cloud_address_book: bool = "allowCloudAddressBook",
        /// Backups to iCloud. Default true. iOS 5, visionOS 2.
        allow_cloud_backup: bool = "allowCloudBackup",
        /// Bookmarks in iCloud. Default true. macOS 10.12.
        allow_cloud_bookmarks: bool = "allowCloudBookmarks",
        /// Calendars in iCloud. Default true. macOS 10.12.
        allow_cloud_calendar: bool = "allowCloudCalendar",
        /// Desktop and Documents in iCloud. Default true. macOS 10.12.4.
        allow_cloud_desktop_and_documents: bool = "allowCloudDesktopAndDocuments",
        /// Documents and key-value data in iCloud. Default true. iOS 5 (supervised), macOS 10.11, visionOS 2
        /// (supervised).
        allow_cloud_document_sync: bool = "allowCloudDocumentSync",
        /// Freeform in iCloud. Default true. macOS 14.
        allow_cloud_freeform: bool = "allowCloudFreeform",
        /// The keychain in iCloud. Default true. iOS 7, macOS 10.12, visionOS 2.
        allow_cloud_keychain_sync: bool = "allowCloudKeychainSync",
        /// Mail in iCloud. Default true. macOS 10.12.
        allow_cloud_mail: bool = "allowCloudMail",
        /// Notes in iCloud. Default true. macOS 10.12.
        allow_cloud_notes: bool = "allowCloudNotes",
        /// Photos in iCloud; pictures not fully downloaded go from the device. Default true. iOS 9, macOS 10.12,
        /// visionOS 2.
        allow_cloud_photo_library: bool = "allowCloudPhotoLibrary",
        /// iCloud Private Relay. Default true. iOS 15 (supervised), macOS 12, visionOS 2 (supervised).
        allow_cloud_private_relay: bool = "allowCloudPrivateRelay",
        /// Reminders in iCloud. Default true. macOS 10.12.
        allow_cloud_reminders: bool = "allowCloudReminders",
        /// Serving as a content cache. Default true. macOS 10.13.
        allow_content_caching: bool = "allowContentCaching",
        /// Typing by sliding (QuickPath). Default true. iOS 13 (supervised).
        allow_continuous_path_keyboard: bool = "allowContinuousPathKeyboard",
        /// Looking words up. Default true. iOS 8.1.3 (supervised), macOS 10.11.
        allow_definition_lookup: bool = "allowDefinitionLookup",
        /// Renaming the device. Default true. iOS 9 (supervised), macOS 14, tvOS 11 (supervised), visionOS 2
        /// (supervised).
        allow_device_name_modification: bool = "allowDeviceNameModification",
        /// Going to sleep by itself. Default true. tvOS 13 (supervised).
        allow_device_sleep: bool = "allowDeviceSleep",
        /// Sending diagnostic reports to Apple. Default true. iOS 6, macOS 10.13, visionOS 2, watchOS 10.
        allow_diagnostic_submission: bool = "allowDiagnosticSubmission",
        /// Changing whether diagnostics and analytics are sent. Default true. iOS 9.3.2 (supervised), visionOS 2
        /// (supervised).
        allow_diagnostic_submission_modification: bool = "allowDiagnosticSubmissionModification",
        /// Dictation. Default true. iOS 10.3 (supervised), macOS 10.13.
        allow_dictation: bool = "allowDictation",
        /// Screen Time (before iOS 12: Restrictions) set by the owner. Default true. iOS 8 (supervised), visionOS 2
        /// (supervised).
        allow_enabling_restrictions: bool = "allowEnablingRestrictions",
        /// Trusting the developer of an app from outside the store by hand. Default true. iOS 9, visionOS 2.
        allow_enterprise_app_trust: bool = "allowEnterpriseAppTrust",
        /// Backups of the organisation's books. Default true. iOS 8.
        allow_enterprise_book_backup: bool = "allowEnterpriseBookBackup",
        /// Syncing notes and highlights of the organisation's books. Default true. iOS 8.
        allow_enterprise_book_metadata_sync: bool = "allowEnterpriseBookMetadataSync",
        /// Erase All Content and Settings. Default true. iOS 8 (supervised), macOS 12, visionOS 2 (supervised).
        allow_erase_content_and_settings: bool = "allowEraseContentAndSettings",
        /// Changing eSIMs. Default true. iOS 12.1 (supervised).
        allow_esim_modification: bool = "allowESIMModification",
        /// Moving an eSIM to another device. Default true. iOS 18 (supervised).
        allow_esim_outgoing_transfers: bool = "allowESIMOutgoingTransfers",
        /// Music and video that are marked as explicit. Default true. iOS 4 (supervised), tvOS 11.3 (supervised).
        allow_explicit_content: bool = "allowExplicitContent",
        /// Changing File Sharing. Default true. macOS 14.
        allow_file_sharing_modification: bool = "allowFileSharingModification",
        /// Network drives in Files. Default true. iOS 13.1 (supervised), visionOS 2 (supervised).
        allow_files_network_drive_access: bool = "allowFilesNetworkDriveAccess",
        /// USB drives in Files. Default true. iOS 13 (supervised).
        allow_files_usb_drive_access: bool = "allowFilesUSBDriveAccess",
        /// Find My Device. Default true. iOS 13 (supervised), macOS 10.15.
        allow_find_my_device: bool = "allowFindMyDevice",
        /// Find My Friends. Default true. iOS 13 (supervised), macOS 10.15.
        allow_find_my_friends: bool = "allowFindMyFriends",
        /// Changing Find My Friends. Default true. iOS 7 (supervised).
        allow_find_my_friends_modification: bool = "allowFindMyFriendsModification",
        /// Unlocking by Touch ID, Face ID or Optic ID. Default true. iOS 7, macOS 10.12.4, visionOS 2.
        allow_fingerprint_for_unlock: bool = "allowFingerprintForUnlock",
        /// Changing the enrolled fingers and faces. Default true. iOS 8.3 (supervised), macOS 14, visionOS 2
        /// (supervised).
        allow_fingerprint_modification: bool = "allowFingerprintModification",
        /// Game Center. Default true. iOS 6 (supervised), macOS 10.13.
        allow_game_center: bool = "allowGameCenter",
        /// Making Genmoji. Default true. iOS 18 (supervised), macOS 15.
        allow_genmoji: bool = "allowGenmoji",
        /// Background fetches while roaming. Default true. iOS 4.
        allow_global_background_fetch_when_roaming: bool = "allowGlobalBackgroundFetchWhenRoaming",
        /// Pairing with computers other than the supervising one. Default true. iOS 7 (supervised).
        allow_host_pairing: bool = "allowHostPairing",
        /// Making pictures with Image Playground. Default true. iOS 18 (supervised), macOS 15.
        allow_image_playground: bool = "allowImagePlayground",
        /// Image Wand. Default true. iOS 18 (supervised).
        allow_image_wand: bool = "allowImageWand",
        /// Purchases inside apps. Default true. iOS 4.
        allow_in_app_purchases: bool = "allowInAppPurchases",
        /// Changing Internet Sharing. Default true. macOS 14.
        allow_internet_sharing_modification: bool = "allowInternetSharingModification",
        /// iPhone Mirroring: of this iPhone, or on this Mac. Default true. iOS 18 (supervised), macOS 15.
        allow_iphone_mirroring: bool = "allowiPhoneMirroring",
        /// Widgets of this iPhone on the owner's Mac. Default true. iOS 17 (supervised).
        allow_iphone_widgets_on_mac: bool = "allowiPhoneWidgetsOnMac",
        /// The iTunes Store. Default true. iOS 4 (supervised).
        allow_itunes: bool = "allowiTunes",
        /// File sharing by iTunes. Default true. macOS 10.13.
        allow_itunes_file_sharing: bool = "allowiTunesFileSharing",
        /// Keyboard shortcuts. Default true. iOS 9 (supervised).
        allow_keyboard_shortcuts: bool = "allowKeyboardShortcuts",
        /// The only apps that show and start, by bundle identifier; `com.apple.webapp` stands for web clips. iOS 15
        /// (supervised), tvOS 15 (supervised).
        allow_listed_app_bundle_ids: Vec<String> = "allowListedAppBundleIDs",
        /// Live Voicemail. Default true. iOS 17.2 (supervised).
        allow_live_voicemail: bool = "allowLiveVoicemail",
        /// Adding users in System Settings. Default true. macOS 14.
        allow_local_user_creation: bool = "allowLocalUserCreation",
        /// Control Center on the lock screen. Default true. iOS 7.
        allow_lock_screen_control_center: bool = "allowLockScreenControlCenter",
        /// Past notifications on the lock screen; new ones still show. Default true. iOS 7, watchOS 10.
        allow_lock_screen_notifications_view: bool = "allowLockScreenNotificationsView",
        /// The Today view on the lock screen. Default true. iOS 7.
        allow_lock_screen_today_view: bool = "allowLockScreenTodayView",
        /// Mail Privacy Protection. Default true. iOS 15.2 (supervised).
        allow_mail_privacy_protection: bool = "allowMailPrivacyProtection",
        /// Summaries of mail on demand; automatic ones are not concerned. Default true. iOS 18.1 (supervised),
        /// macOS 15.1.
        allow_mail_summary: bool = "allowMailSummary",
        /// iCloud for managed apps. Default true. iOS 8, visionOS 2.
        allow_managed_apps_cloud_sync: bool = "allowManagedAppsCloudSync",
        /// Managed apps writing contacts to unmanaged accounts; without effect while `allowOpenFromManagedToUnmanaged`
        /// is true. Default false. iOS 12, visionOS 2.
        allow_managed_to_write_unmanaged_contacts: bool = "allowManagedToWriteUnmanagedContacts",
        /// Alternative app marketplaces, and what they would install. Default true. iOS 17.4 (supervised).
        allow_marketplace_app_installation: bool = "allowMarketplaceAppInstallation",
        /// Changing Media Sharing. Default true. macOS 15.1.
        allow_media_sharing_modification: bool = "allowMediaSharingModification",
        /// Games with other players. Default true. iOS 4.1 (supervised), macOS 10.13.
        allow_multiplayer_gaming: bool = "allowMultiplayerGaming",
        /// Apple Music. Default true. iOS 9.3 (supervised), macOS 10.12.
        allow_music_service: bool = "allowMusicService",
        /// News. Default true. iOS 9 (supervised).
        allow_news: bool = "allowNews",
        /// NFC. Default true. iOS 14.2 (supervised).
        allow_nfc: bool = "allowNFC",
        /// Changing notification settings. Default true. iOS 9.3 (supervised), visionOS 2 (supervised).
        allow_notifications_modification: bool = "allowNotificationsModification",
        /// Opening managed documents in unmanaged apps. Default true. iOS 7, visionOS 2.
        allow_open_from_managed_to_unmanaged: bool = "allowOpenFromManagedToUnmanaged",
        /// Opening unmanaged documents in managed apps. Default true. iOS 7, visionOS 2.
        allow_open_from_unmanaged_to_managed: bool = "allowOpenFromUnmanagedToManaged",
        /// Updates of trusted certificates over the air; revocation checks go on. Default true. iOS 7.
        allow_ota_pki_updates: bool = "allowOTAPKIUpdates",
        /// Pairing with an Apple Watch; a paired one is unpaired and erased. Default true. iOS 9 (supervised).
        allow_paired_watch: bool = "allowPairedWatch",
        /// Wallet notifications on the lock screen. Default true. iOS 6.
        allow_passbook_while_locked: bool = "allowPassbookWhileLocked",
        /// Adding, changing and removing the passcode. Default true. iOS 9 (supervised), macOS 10.13, visionOS 2
        /// (supervised).
        allow_passcode_modification: bool = "allowPasscodeModification",
        /// Filling in saved passwords, and offering strong ones. Default true. iOS 12 (supervised), macOS 10.14,
        /// visionOS 2 (supervised).
        allow_password_auto_fill: bool = "allowPasswordAutoFill",
        /// Asking nearby devices for passwords. Default true. iOS 12 (supervised), macOS 10.14, tvOS 12 (supervised).
        allow_password_proximity_requests: bool = "allowPasswordProximityRequests",
        /// Sharing passwords by AirDrop. Default true. iOS 12 (supervised), macOS 10.14, visionOS 2 (supervised).
        allow_password_sharing: bool = "allowPasswordSharing",
        /// Changing the personal hotspot. Default true. iOS 12.2 (supervised).
        allow_personal_hotspot_modification: bool = "allowPersonalHotspotModification",
        /// Text made in the owner's handwriting. Default true. iOS 18 (supervised).
        allow_personalized_handwriting_results: bool = "allowPersonalizedHandwritingResults",
        /// My Photo Stream. Default true. iOS 5, deprecated in 17.
        allow_photo_stream: bool = "allowPhotoStream",
        /// Podcasts. Default true. iOS 8 (supervised).
        allow_podcasts: bool = "allowPodcasts",
        /// Suggestions while typing. Default true. iOS 8.1.3 (supervised).
        allow_predictive_keyboard: bool = "allowPredictiveKeyboard",
        /// Changing Printer Sharing. Default true. macOS 14.
        allow_printer_sharing_modification: bool = "allowPrinterSharingModification",
        /// Offering to set up a new device nearby. Default true. iOS 11 (supervised).
        allow_proximity_setup_to_new_device: bool = "allowProximitySetupToNewDevice",
        /// Apple Music radio. Default true. iOS 9.3 (supervised).
        allow_radio_service: bool = "allowRadioService",
        /// Installing rapid security responses. Default true. iOS 16 (supervised), macOS 13.
        allow_rapid_security_response_installation: bool = "allowRapidSecurityResponseInstallation",
        /// Removing rapid security responses. Default true. iOS 16 (supervised), macOS 13.
        allow_rapid_security_response_removal: bool = "allowRapidSecurityResponseRemoval",
        /// Messages by RCS. Default true. iOS 18.1 (supervised).
        allow_rcs_messaging: bool = "allowRCSMessaging",
        /// Changing Remote Apple Events. Default true. macOS 14.
        allow_remote_apple_events_modification: bool = "allowRemoteAppleEventsModification",
        /// Pairing an Apple TV with the remote of Control Center. Default true. tvOS 10.2 (supervised).
        allow_remote_app_pairing: bool = "allowRemoteAppPairing",
        /// Classroom watching the screen; false as well where `allowScreenShot` is. Default true. iOS 9.3,
        /// macOS 10.14.4.
        allow_remote_screen_observation: bool = "allowRemoteScreenObservation",
        /// Safari, and opening web clips. Default true. iOS 4 (supervised).
        allow_safari: bool = "allowSafari",
        /// Screenshots and screen recordings. Default true. iOS 3.1, macOS 10.14.4, visionOS 2, watchOS 10.
        allow_screen_shot: bool = "allowScreenShot",
        /// Guest sessions on a Shared iPad. Default true. iOS 13.4 (supervised).
        allow_shared_device_temporary_session: bool = "allowSharedDeviceTemporarySession",
        /// Shared albums. Default true. iOS 6.
        allow_shared_stream: bool = "allowSharedStream",
        /// Spell checking. Default true. iOS 8.1.3 (supervised).
        allow_spell_check: bool = "allowSpellCheck",
        /// Answers from the internet in Spotlight. Default true. iOS 8, macOS 10.11.
        allow_spotlight_internet_results: bool = "allowSpotlightInternetResults",
        /// Choosing the startup disk. Default true. macOS 14.
        allow_startup_disk_modification: bool = "allowStartupDiskModification",
        /// Deleting Apple's own apps. Default true. iOS 11 (supervised), visionOS 2 (supervised).
        allow_system_app_removal: bool = "allowSystemAppRemoval",
        /// Changing Time Machine. Default true. macOS 14.
        allow_time_machine_backup: bool = "allowTimeMachineBackup",
        /// The App Store on the device; other ways of installing stay. Default true. iOS 9 (supervised), visionOS 2
        /// (supervised), watchOS 10 (supervised).
        allow_ui_app_installation: bool = "allowUIAppInstallation",
        /// Installing profiles and certificates by hand. Default true. iOS 6 (supervised), macOS 13, visionOS 2
        /// (supervised).
        allow_ui_configuration_profile_installation: bool = "allowUIConfigurationProfileInstallation",
        /// Universal Control. Default true. macOS 13.
        allow_universal_control: bool = "allowUniversalControl",
        /// Unmanaged apps reading contacts of managed accounts; without effect while `allowOpenFromManagedToUnmanaged`
        /// is true. Default false. iOS 12, visionOS 2.
        allow_unmanaged_to_read_managed_contacts: bool = "allowUnmanagedToReadManagedContacts",
        /// Booting into recovery from an unpaired device. Default false. iOS 14.5 (supervised).
        allow_unpaired_external_boot_to_recovery: bool = "allowUnpairedExternalBootToRecovery",
        /// Asking the owner about untrusted HTTPS certificates instead of refusing them. Default true. iOS 5,
        /// visionOS 1.1.
        allow_untrusted_tls_prompt: bool = "allowUntrustedTLSPrompt",
        /// Keeping USB accessories out while locked (macOS: until they are approved); false lets them in. Default true.
        /// iOS 11.4.1 (supervised), macOS 13.
        allow_usb_restricted_mode: bool = "allowUSBRestrictedMode",
        /// FaceTime. Default true. iOS 4 (supervised), visionOS 2 (supervised).
        allow_video_conferencing: bool = "allowVideoConferencing",
        /// Dialling by voice on a locked device. Default true. iOS 4, deprecated in 17.
        allow_voice_dialing: bool = "allowVoiceDialing",
        /// Adding VPNs. Default true. iOS 11 (supervised), visionOS 2 (supervised).
        allow_vpn_creation: bool = "allowVPNCreation",
        /// Changing the wallpaper. Default true. iOS 9 (supervised), macOS 10.13.
        allow_wallpaper_modification: bool = "allowWallpaperModification",
        /// Installing apps from developers' web sites. Default true. iOS 17.5 (supervised).
        allow_web_distribution_app_installation: bool = "allowWebDistributionAppInstallation",
        /// Writing Tools. Default true. iOS 18 (supervised), macOS 15.
        allow_writing_tools: bool = "allowWritingTools",
        /// Apps that may lock the device to themselves, by bundle identifier. iOS 7 (supervised).
        autonomous_single_app_mode_permitted_app_ids: Vec<String> = "autonomousSingleAppModePermittedAppIDs",
        /// The older name of `blockedAppBundleIDs`. iOS 9.3 (supervised), deprecated in 15; tvOS 11 (supervised),
        /// deprecated in 15.
        blacklisted_app_bundle_ids: Vec<String> = "blacklistedAppBundleIDs",
        /// Apps that neither show nor start, by bundle identifier; `com.apple.webapp` stands for web clips. iOS 15
        /// (supervised), tvOS 15 (supervised).
        blocked_app_bundle_ids: Vec<String> = "blockedAppBundleIDs",
        /// After how many seconds Touch ID asks for the password again. Default 172800. macOS 12.
        enforced_fingerprint_timeout: i64 = "enforcedFingerprintTimeout",
        /// By how many days software updates are held back, where `forceDelayedSoftwareUpdates` is true. 1 to 90,
        /// default 30. iOS 11.3 (supervised), macOS 10.13.4, tvOS 12.2 (supervised).
        enforced_software_update_delay: i64 = "enforcedSoftwareUpdateDelay",
        /// By how many days new major versions are held back, where `forceDelayedMajorSoftwareUpdates` is true. 1 to
        /// 90, default 30. macOS 11.3.
        enforced_software_update_major_os_deferred_install_delay: i64 = "enforcedSoftwareUpdateMajorOSDeferredInstallDelay",
        /// By how many days new minor versions are held back, where `forceDelayedSoftwareUpdates` is true. 1 to 90,
        /// default 30. macOS 11.3.
        enforced_software_update_minor_os_deferred_install_delay: i64 = "enforcedSoftwareUpdateMinorOSDeferredInstallDelay",
        /// By how many days other updates are held back, where `forceDelayedAppSoftwareUpdates` is true. 1 to 90,
        /// default 30. macOS 11.3.
        enforced_software_update_non_os_deferred_install_delay: i64 = "enforcedSoftwareUpdateNonOSDeferredInstallDelay",
        /// AirDrop counts as unmanaged. Default false. iOS 9, visionOS 2.
        force_airdrop_unmanaged: bool = "forceAirDropUnmanaged",
        /// A pairing password for AirPlay to this device. Default false. tvOS 9.
        force_airplay_incoming_requests_pairing_password: bool = "forceAirPlayIncomingRequestsPairingPassword",
        /// A pairing password for AirPlay from this device. Default false. iOS 7.1.
        force_airplay_outgoing_requests_pairing_password: bool = "forceAirPlayOutgoingRequestsPairingPassword",
        /// Trusted certificates for AirPrint over TLS. Default false. iOS 11 (supervised).
        force_airprint_trusted_tls_requirement: bool = "forceAirPrintTrustedTLSRequirement",
        /// Siri's and dictation's profanity filter. Default false. iOS 5 (supervised), macOS 10.13.
        force_assistant_profanity_filter: bool = "forceAssistantProfanityFilter",
        /// Authentication before passwords and cards are filled in. Default false. iOS 11 (supervised), visionOS 2
        /// (supervised).
        force_authentication_before_auto_fill: bool = "forceAuthenticationBeforeAutoFill",
        /// Date and time set by themselves. Default false. iOS 12 (supervised), tvOS 12.2 (supervised), visionOS 2
        /// (supervised).
        force_automatic_date_and_time: bool = "forceAutomaticDateAndTime",
        /// No alert about screen capture. Default false. macOS 15.1.
        force_bypass_screen_capture_alert: bool = "forceBypassScreenCaptureAlert",
        /// The teacher's requests are granted without asking the student. Default false. iOS 11 (supervised),
        /// macOS 10.14.4 (supervised).
        force_classroom_automatically_join_classes: bool = "forceClassroomAutomaticallyJoinClasses",
        /// Leaving an unmanaged class needs the teacher's permission. Default false. iOS 11.3 (supervised),
        /// macOS 10.14.4 (supervised).
        force_classroom_request_permission_to_leave_classes: bool = "forceClassroomRequestPermissionToLeaveClasses",
        /// The teacher may lock apps and device without asking the student. Default false. iOS 11 (supervised),
        /// macOS 10.14.4 (supervised).
        force_classroom_unprompted_app_and_device_lock: bool = "forceClassroomUnpromptedAppAndDeviceLock",
        /// The teacher may watch the screen without asking the student of a managed class. Default false. iOS 11
        /// (supervised), macOS 10.14.4 (supervised).
        force_classroom_unprompted_screen_observation: bool = "forceClassroomUnpromptedScreenObservation",
        /// Holds back updates other than the system's. Default false. macOS 11.
        force_delayed_app_software_updates: bool = "forceDelayedAppSoftwareUpdates",
        /// Holds back new major versions. Default false. macOS 11.3.
        force_delayed_major_software_updates: bool = "forceDelayedMajorSoftwareUpdates",
        /// Holds back software updates. Default false. iOS 11.3 (supervised), macOS 10.13, tvOS 12.2 (supervised).
        force_delayed_software_updates: bool = "forceDelayedSoftwareUpdates",
        /// Backups are encrypted. Default false. iOS 4.
        force_encrypted_backup: bool = "forceEncryptedBackup",
        /// The password for each purchase. Default false. iOS 6, deprecated in 17.
        force_itunes_store_password_entry: bool = "forceITunesStorePasswordEntry",
        /// No ad tracking, and no app may ask for it. Default false. iOS 7.
        force_limit_ad_tracking: bool = "forceLimitAdTracking",
        /// Dictation without Siri's servers. Default false. iOS 14.5, macOS 14, visionOS 2, watchOS 10.
        force_on_device_only_dictation: bool = "forceOnDeviceOnlyDictation",
        /// Translation without Siri's servers. Default false. iOS 15, watchOS 10.
        force_on_device_only_translation: bool = "forceOnDeviceOnlyTranslation",
        /// The eSIM outlives erasing. Default false. iOS 17.2 (supervised).
        force_preserve_esim_on_erase: bool = "forcePreserveESIMOnErase",
        /// Wrist detection on the paired Apple Watch. Default false. iOS 8.2, watchOS 10.
        force_watch_wrist_detection: bool = "forceWatchWristDetection",
        /// Wi-Fi cannot be switched off. Default false. iOS 13 (supervised).
        force_wifi_power_on: bool = "forceWiFiPowerOn",
        /// Only Wi-Fi networks that a profile set up. Default false. iOS 14.5 (supervised), visionOS 2 (supervised).
        force_wifi_to_allowed_networks_only: bool = "forceWiFiToAllowedNetworksOnly",
        /// The older name of `forceWiFiToAllowedNetworksOnly`. Default false. iOS 10.3 (supervised), deprecated in
        /// 14.5.
        force_wifi_whitelisting: bool = "forceWiFiWhitelisting",
        /// The highest rating of apps. 0 to 1000, default 1000. iOS 4, tvOS 11.3.
        rating_apps: i64 = "ratingApps",
        /// The highest rating of films. 0 to 1000, default 1000. iOS 4, tvOS 11.3.
        rating_movies: i64 = "ratingMovies",
        /// The region whose ratings profile tools show; devices ignore it. `us`, `au`, `ca`, `de`, `fr`, `ie`, `jp`,
        /// `nz` or `gb`. iOS 4, macOS 10.7, tvOS 9.
        rating_region: String = "ratingRegion",
        /// The highest rating of TV shows. 0 to 1000, default 1000. iOS 4, tvOS 11.3.
        rating_tv_shows: i64 = "ratingTVShows",
        /// Copy and paste follow the two `allowOpenFrom…` rules. Default false. iOS 15, visionOS 2.
        require_managed_pasteboard: bool = "requireManagedPasteboard",
        /// Which cookies Safari takes, from none (0) to all (2). 0.0, 1.0, 1.5 or 2.0, default 2.0. iOS 4.
        safari_accept_cookies: f64 = "safariAcceptCookies",
        /// Safari fills in forms. Default true. iOS 4 (supervised), macOS 10.13, visionOS 2 (supervised).
        safari_allow_auto_fill: bool = "safariAllowAutoFill",
        /// Safari runs JavaScript. Default true. iOS 4.
        safari_allow_javascript: bool = "safariAllowJavaScript",
        /// Safari opens pop-up windows. Default true. iOS 4.
        safari_allow_popups: bool = "safariAllowPopups",
        /// Safari warns of fraud. Default false. iOS 4.
        safari_force_fraud_warning: bool = "safariForceFraudWarning",
        /// The older name of `allowListedAppBundleIDs`. iOS 9.3 (supervised), deprecated in 15; tvOS 11 (supervised),
        /// deprecated in 15.
        whitelisted_app_bundle_ids: Vec<String> = "whitelistedAppBundleIDs",
    }
}
