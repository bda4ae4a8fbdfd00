//! Settings of the payload types that the library knows.

use super::Finding;
use crate::Profile;

pub(super) fn check(profile: &Profile, findings: &mut Vec<Finding>) {
    let _ = (profile, findings);
}
