//! Passcode policy: what a passcode must be like.

use super::typed::payload;

payload! {
    /// What a passcode must be like. iOS 4, macOS 10.7, visionOS 2, watchOS 10.
    ///
    /// ```
    /// use profile_kit::{Payload, payload::PasscodePolicy};
    ///
    /// let policy = PasscodePolicy { force_pin: Some(true), min_length: Some(8), ..Default::default() };
    /// let payload = Payload::from(policy);
    /// assert_eq!(payload.read::<PasscodePolicy>()?.min_length, Some(8));
    /// # Ok::<(), profile_kit::Error>(())
    /// ```
    pub struct PasscodePolicy = "com.apple.mobiledevice.passwordpolicy" {
        /// Whether repeated and rising or falling characters may do. Default true.
        allow_simple: bool = "allowSimple",
        /// Whether there must be a passcode. Default false.
        force_pin: bool = "forcePIN",
        /// After how many wrong passcodes the device erases itself (macOS: locks). 2 to 11, default 11.
        max_failed_attempts: i64 = "maxFailedAttempts",
        /// After how many idle minutes the device locks; the owner may choose fewer (macOS allows 60). 0 to 15.
        max_inactivity: i64 = "maxInactivity",
        /// After how many days the passcode must change. 0 to 730.
        max_pin_age_in_days: i64 = "maxPINAgeInDays",
        /// How many characters must be neither letters nor digits. 0 to 4, default 0. Not on watchOS.
        min_complex_chars: i64 = "minComplexChars",
        /// How many characters a passcode must have. 0 to 16, default 0.
        min_length: i64 = "minLength",
        /// Whether there must be letters too. Default false. Not on watchOS.
        require_alphanumeric: bool = "requireAlphanumeric",
        /// How many earlier passcodes may not come back. 1 to 50.
        pin_history: i64 = "pinHistory",
        /// For how many minutes a locked device opens without the passcode. Default 0.
        max_grace_period: i64 = "maxGracePeriod",
        /// After how many minutes failed logins are forgotten; needs `maxFailedAttempts`. Since macOS 10.10; not on
        /// iOS, visionOS, watchOS.
        minutes_until_failed_login_reset: i64 = "minutesUntilFailedLoginReset",
        /// Whether the password must change at the next login. Default false. Since macOS 10.13; not on iOS, visionOS,
        /// watchOS.
        change_at_next_auth: bool = "changeAtNextAuth",
        /// A pattern that passwords must match. Since macOS 14; not on iOS, visionOS, watchOS.
        custom_regex: PasscodePattern = "customRegex",
    }
}

payload! {
    /// A pattern that passwords must match.
    pub struct PasscodePattern {
        /// The pattern, in ICU's syntax.
        password_content_regex: String = "passwordContentRegex" required,
        /// What the pattern asks for, in words by language tag (`en-US`), `default` for other languages.
        password_content_description: plist::Dictionary = "passwordContentDescription",
    }
}
