//! App lock: a device that shows one app only.

use super::typed::payload;

payload! {
    /// A device that shows one app only (Single App Mode). iOS 6 (supervised), tvOS 10.2 (supervised).
    pub struct AppLock = "com.apple.app.lock" {
        /// The app and how the device behaves meanwhile.
        app: LockedApp = "App" required,
    }
}

payload! {
    /// The app that a locked device shows.
    pub struct LockedApp {
        /// The app, by bundle identifier.
        identifier: String = "Identifier" required,
        /// What is fixed while the app shows. Since iOS 7.
        options: AppLockOptions = "Options",
        /// What the owner may switch on and off. Since iOS 7.
        user_enabled_options: AppLockUserOptions = "UserEnabledOptions",
    }
}

payload! {
    /// What is fixed while an app is locked in.
    pub struct AppLockOptions {
        /// Whether touch is off. Default false.
        disable_touch: bool = "DisableTouch",
        /// Whether the screen does not turn. Default false. Not on tvOS.
        disable_device_rotation: bool = "DisableDeviceRotation",
        /// Whether the volume buttons are off. Default false. Not on tvOS.
        disable_volume_buttons: bool = "DisableVolumeButtons",
        /// Whether the ringer switch is off. Default false. Not on tvOS.
        disable_ringer_switch: bool = "DisableRingerSwitch",
        /// Whether the side button does not lock. Default false. Not on tvOS.
        disable_sleep_wake_button: bool = "DisableSleepWakeButton",
        /// Whether the device does not go to sleep by itself. Default false.
        disable_auto_lock: bool = "DisableAutoLock",
        /// Whether VoiceOver is on. Default false.
        enable_voice_over: bool = "EnableVoiceOver",
        /// Whether Zoom is on. Default false.
        enable_zoom: bool = "EnableZoom",
        /// Whether colours are inverted. Default false.
        enable_invert_colors: bool = "EnableInvertColors",
        /// Whether AssistiveTouch is on. Default false. Not on tvOS.
        enable_assistive_touch: bool = "EnableAssistiveTouch",
        /// Whether Speak Selection is on. Default false. Not on tvOS.
        enable_speak_selection: bool = "EnableSpeakSelection",
        /// Whether sound is mono. Default false. Not on tvOS.
        enable_mono_audio: bool = "EnableMonoAudio",
        /// Whether Voice Control is on. Default false. Since iOS 13; not on tvOS.
        enable_voice_control: bool = "EnableVoiceControl",
    }
}

payload! {
    /// What the owner may switch while an app is locked in.
    pub struct AppLockUserOptions {
        /// Voice Control. Default false. Since iOS 13; not on tvOS.
        voice_control: bool = "VoiceControl",
        /// VoiceOver. Default false.
        voice_over: bool = "VoiceOver",
        /// Zoom. Default false.
        zoom: bool = "Zoom",
        /// Inverted colours. Default false.
        invert_colors: bool = "InvertColors",
        /// AssistiveTouch. Default false. Not on tvOS.
        assistive_touch: bool = "AssistiveTouch",
    }
}
