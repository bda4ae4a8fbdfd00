//! Why a signature cannot be looked at, or does not hold.

use super::{Verdict, cms::Algorithm};
use crate::certificate::oid_text;

/// A verdict that is not good, and a sentence.
pub(crate) type Refusal = (Verdict, String);

/// That an algorithm has no name here.
pub(super) fn unknown(what: &str, algorithm: &Algorithm<'_>) -> Refusal {
    (Verdict::SignatureAlgorithmUnknown, format!("unknown {what} {}", oid_text(algorithm.oid)))
}
