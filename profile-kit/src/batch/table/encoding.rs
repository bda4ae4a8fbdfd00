//! The encodings of tables.

use std::{borrow::Cow, fmt};

use encoding_rs::SHIFT_JIS;

/// How a CSV file's text is encoded. JSON Lines are UTF-8 (RFC 8259 §8.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    Utf8,
    /// Shift_JIS as Windows and Excel in Japan write it (code page 932; the Encoding Standard's `shift_jis`).
    ShiftJis,
}

impl Encoding {
    /// The text of a cell. Commas, quotes and line ends are no part of any character in either encoding, so that cells
    /// can be told apart before. That it is none is told without what stands there: it may be a secret.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, String> {
        match self {
            Encoding::Utf8 => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|cause| {
                let byte = cause.valid_up_to() + 1;
                format!("is not UTF-8 at byte {byte}; name the encoding if it is another, such as Shift_JIS")
            }),
            Encoding::ShiftJis => SHIFT_JIS
                .decode_without_bom_handling_and_without_replacement(bytes)
                .ok_or_else(|| "is not Shift_JIS".to_owned()),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::Utf8 => "UTF-8",
            Encoding::ShiftJis => "Shift_JIS",
        })
    }
}
