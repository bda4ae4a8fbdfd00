//! Moments as the ledger and the audit keep them: milliseconds since 1970, UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970; negative before.
pub fn millis(at: SystemTime) -> i64 {
    let count = |length: Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    match at.duration_since(UNIX_EPOCH) {
        Ok(after) => count(after),
        Err(before) => -count(before.duration()),
    }
}

/// The moment so many milliseconds after 1970; 1970 itself for one that the system cannot tell.
pub fn from_millis(millis: i64) -> SystemTime {
    let length = Duration::from_millis(millis.unsigned_abs());
    let at = if millis < 0 { UNIX_EPOCH.checked_sub(length) } else { UNIX_EPOCH.checked_add(length) };
    at.unwrap_or(UNIX_EPOCH)
}

/// For `#[serde(with = "crate::moment::as_millis")]`.
pub(crate) mod as_millis {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(super::millis(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        i64::deserialize(from).map(super::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_the_way_there_and_back() {
        for count in [0, 1, -1, 1_790_000_000_123, -86_400_000] {
            assert_eq!(millis(from_millis(count)), count);
        }
    }
}
