//! A file looked at from every side: its signature, its profile, and what a check says of it.

use std::time::SystemTime;

use crate::{
    Error, Form, Profile, Result, Target,
    check::{self, Finding},
    document, signed,
    verify::{self, Verification, VerifyOptions},
};

/// What a file is, signed or not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// What became of its signature, trust aside; `None` where it is not signed.
    pub verification: Option<Verification>,
    /// How its property list is written.
    pub form: Form,
    /// Its profile. Where the signature does not hold, nobody vouches for it.
    pub profile: Profile,
    /// What a check says of the profile.
    pub findings: Vec<Finding>,
}

impl Inspection {
    /// Looks at a file's bytes, for a target; `at` is the moment that dates are compared with.
    ///
    /// A signature that does not hold is told in `verification`, not an error.
    ///
    /// # Errors
    /// [`Error::Malformed`](crate::Error::Malformed) and [`Error::NotAProfile`](crate::Error::NotAProfile), for the
    /// file or for the content of its signature; [`Error::NotSigned`](crate::Error::NotSigned) for a signature without
    /// content.
    pub fn of(bytes: &[u8], target: &Target, at: SystemTime) -> Result<Self> {
        if !document::looks_signed(bytes) {
            let (form, profile) = read(bytes)?;
            return Ok(Self { verification: None, form, findings: check::check(&profile, target, at), profile });
        }
        let verification = verify::verify_bytes(bytes, None, &VerifyOptions::new(at))?;
        let content = verification.content.as_deref().ok_or(Error::NotSigned { found: verify::DETACHED })?;
        let (form, profile) = read(content).map_err(signed::within_signature)?;
        let findings = check::check(&profile, target, at);
        Ok(Self { verification: Some(verification), form, profile, findings })
    }
}

fn read(content: &[u8]) -> Result<(Form, Profile)> {
    let document = document::read(content)?;
    Ok((document.form, Profile::from_dictionary(document.into_dictionary()?)?))
}
