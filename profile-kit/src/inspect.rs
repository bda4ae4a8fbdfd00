//! A file looked at from every side: its signature, its profile, and what a check says of it.

use std::time::SystemTime;

use crate::{
    Form, Profile, Result,
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
    /// Looks at a file's bytes; `at` is the moment that dates are compared with.
    ///
    /// A signature that does not hold is told in `verification`, not an error.
    ///
    /// # Errors
    /// [`Error::Malformed`](crate::Error::Malformed) and [`Error::NotAProfile`](crate::Error::NotAProfile), for the
    /// file or for the content of its signature; [`Error::NotSigned`](crate::Error::NotSigned) for a signature without
    /// content.
    pub fn of(bytes: &[u8], at: SystemTime) -> Result<Self> {
        if !document::looks_signed(bytes) {
            return Self::of_content(bytes, None, at);
        }
        let verification = verify::verify_bytes(bytes, None, &VerifyOptions::new(at))?;
        let content = match &verification.content {
            Some(content) => content.clone(),
            None => verify::content(bytes)?,
        };
        Self::of_content(&content, Some(verification), at).map_err(signed::within_signature)
    }

    fn of_content(content: &[u8], verification: Option<Verification>, at: SystemTime) -> Result<Self> {
        let document = document::read(content)?;
        let form = document.form;
        let profile = Profile::from_dictionary(document.into_dictionary()?)?;
        let findings = check::check(&profile, at);
        Ok(Self { verification, form, profile, findings })
    }
}
