//! A filled template, written and ready to sign.

use std::{borrow::Cow, fmt, sync::OnceLock};

use crate::{Certificate, Content, Profile, Removal, Result, Signable, check::Finding};

/// A template with its placeholders filled, as XML, and what is known of it without reading that again.
#[derive(Clone)]
pub struct Filled<'c> {
    pub(super) xml: String,
    /// Of the XML, where it came along.
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) identifier: Cow<'c, str>,
    pub(super) uuid: Option<Cow<'c, str>>,
    pub(super) payload_uuids: Vec<Option<Cow<'c, str>>>,
    pub(super) removal: Cow<'c, Removal>,
    pub(super) refusals: Cow<'c, [Finding]>,
    pub(super) profile: OnceLock<Profile>,
}

impl Filled<'_> {
    pub(super) fn of(profile: Profile, xml: String, refusals: Vec<Finding>) -> Filled<'static> {
        fn owned(text: &str) -> Cow<'static, str> {
            Cow::Owned(text.to_owned())
        }
        Filled {
            xml,
            sha256: None,
            identifier: owned(profile.identifier()),
            uuid: profile.uuid().map(owned),
            payload_uuids: profile.payloads().iter().map(|payload| payload.uuid().map(owned)).collect(),
            removal: Cow::Owned(profile.removal()),
            refusals: Cow::Owned(refusals),
            profile: OnceLock::from(profile),
        }
    }

    /// The XML property list.
    pub fn xml(&self) -> &str {
        &self.xml
    }

    /// The XML property list, to keep or as the buffer for the next one.
    pub fn into_xml(self) -> String {
        self.xml
    }

    /// `PayloadIdentifier` of the profile.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// `PayloadUUID` of the profile, if it is a string.
    pub fn uuid(&self) -> Option<&str> {
        self.uuid.as_deref()
    }

    /// `PayloadUUID` of each payload in order, if it is a string.
    pub fn payload_uuids(&self) -> impl ExactSizeIterator<Item = Option<&str>> {
        self.payload_uuids.iter().map(Option::as_deref)
    }

    /// Who may delete the profile.
    pub fn removal(&self) -> &Removal {
        &self.removal
    }
}

impl Signable for Filled<'_> {
    /// Read from the XML when somebody asks for it, which signing does not.
    fn profile(&self) -> &Profile {
        self.profile.get_or_init(|| Profile::from_bytes(self.xml.as_bytes()).expect("what is written can be read"))
    }

    fn content(&self) -> Result<Content<'_>> {
        Ok(Content::with_sha256(self.xml.as_bytes(), self.sha256))
    }

    fn required_leaf(&self) -> Option<&Certificate> {
        None
    }

    fn refusals(&self) -> Vec<Finding> {
        self.refusals.to_vec()
    }
}

/// Identifier, UUID and length: passwords may stand in the rest.
impl fmt::Debug for Filled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filled")
            .field("identifier", &self.identifier)
            .field("uuid", &self.uuid)
            .field("length", &self.xml.len())
            .finish_non_exhaustive()
    }
}
