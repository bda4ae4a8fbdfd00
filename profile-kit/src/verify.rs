//! Whether a signature holds, and whom it comes from.

use std::fmt;

/// What became of a signature: stable words, NSS's and Apple's `security cms` where they have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// The signature holds and its certificate is trusted.
    GoodSignature,
    /// The signature does not match.
    BadSignature,
}

impl Verdict {
    /// The stable word.
    pub fn code(self) -> &'static str {
        match self {
            Verdict::GoodSignature => "GoodSignature",
            Verdict::BadSignature => "BadSignature",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
