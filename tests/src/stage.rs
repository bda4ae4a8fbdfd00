//! What all journeys share: a moment, and a content.

use std::{
    ops::Range,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The years in which certificates are valid: wide, because GnuTLS asks the machine's clock.
pub const YEARS: Range<u32> = 2020..2049;

/// 1 July 2025, in seconds since 1970.
pub const SUMMER_2025: u64 = 1_751_328_000;

/// [`SUMMER_2025`].
pub fn moment() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(SUMMER_2025)
}

/// A profile with both kinds of line ends, letters outside ASCII, and none at the end: whoever touches it is found out.
pub const CONTENT: &[u8] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
    <plist version=\"1.0\"><dict>\n\
    <key>PayloadContent</key><array><dict>\r\n\
    <key>PayloadIdentifier</key><string>jp.example.interop.restrictions</string>\n\
    <key>PayloadType</key><string>com.apple.applicationaccess</string>\n\
    <key>PayloadUUID</key><string>0B5B0F7E-9F5C-4B0E-8C43-5C1D8E1A7A52</string>\n\
    <key>PayloadVersion</key><integer>1</integer>\r\n\
    </dict></array>\n\
    <key>PayloadDisplayName</key><string>構成 – profile</string>\r\n\
    <key>PayloadIdentifier</key><string>jp.example.interop</string>\n\
    <key>PayloadType</key><string>Configuration</string>\n\
    <key>PayloadUUID</key><string>6F4E6C0E-2D53-4B6B-9D2B-3C0F3A3E8F11</string>\r\n\
    <key>PayloadVersion</key><integer>1</integer>\n\n\
    </dict></plist>"
    .as_bytes();
