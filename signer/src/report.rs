//! What callers tell of devices: an answer to `InstallProfile`, a profile list, a profile that a device has.
//!
//! All of it comes from outside: it is bounded, read and verified here, and becomes what the ledger records.

use plist::{Dictionary, Value};
use profile_kit::{Certificate, Error, Form, Place, SignedProfile, document};
use serde::Deserialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    Digest, Refusal,
    catalogue::{self, LONGEST_IDENTIFIER},
    device_id::DeviceId,
    issuance::{Acknowledgement, ErrorLink, ProfileFacts},
    keyring::{Holding, Keyring},
    ledger::{ListedProfile, ObservedProfile, ProfileList},
};

/// What a device answered to the command that carried an issuance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgementReport {
    /// MDM's own word.
    pub status: Status,
    /// The device's `ErrorChain`, outermost first; only with `Error`.
    #[serde(default)]
    #[schema(max_items = 32)]
    pub error_chain: Vec<ReportedError>,
    /// When the device answered (RFC 3339), if that is not handed in at once. Refused where it is more than five minutes ahead
    /// of the daemon's clock.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<OffsetDateTime>,
}

/// The status of an MDM answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub enum Status {
    /// The profile is installed.
    Acknowledged,
    /// The device refused it; what it had before it still has (R8).
    Error,
    /// The device will ask again.
    NotNow,
}

/// One item of an `ErrorChain`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportedError {
    /// `ErrorDomain`, such as `MCInstallationErrorDomain`.
    #[schema(min_length = 1, max_length = 200)]
    pub domain: String,
    /// `ErrorCode`, such as 4008.
    pub code: i64,
    /// The device's sentence; what is longer than 500 characters is cut.
    #[serde(default)]
    pub description: Option<String>,
}

impl TryFrom<AcknowledgementReport> for Acknowledgement {
    type Error = Refusal;

    /// What the ledger records.
    ///
    /// # Errors
    /// [`Refusal::InvalidRequest`] for an error chain where there is no error, and one that no device would send.
    fn try_from(report: AcknowledgementReport) -> Result<Self, Refusal> {
        let AcknowledgementReport { status, error_chain, answered_at: _ } = report;
        if status != Status::Error && !error_chain.is_empty() {
            return Err(invalid("error_chain comes with status \"Error\" only"));
        }
        match status {
            Status::Acknowledged => Ok(Self::Acknowledged),
            Status::NotNow => Ok(Self::NotNow),
            Status::Error if error_chain.len() > LONGEST_CHAIN => {
                Err(invalid(format!("error_chain has more than {LONGEST_CHAIN} items")))
            }
            Status::Error => {
                let chain = error_chain.into_iter().map(link).collect::<Result<_, _>>()?;
                Ok(Self::Error { chain })
            }
        }
    }
}

fn link(ReportedError { domain, code, description }: ReportedError) -> Result<ErrorLink, Refusal> {
    if domain.is_empty() || domain.chars().count() > LONGEST_DOMAIN {
        return Err(invalid(format!("a domain in error_chain has not 1 to {LONGEST_DOMAIN} characters")));
    }
    let description = description.map(|text| text.chars().take(LONGEST_DESCRIPTION).collect());
    Ok(ErrorLink { domain, code, description })
}

/// Reads a device's answer to the MDM command `ProfileList`, an XML or binary property list, within so many levels.
/// `complete`: whether the command asked for all profiles. `expected` are the identifiers that matter in any case; so does
/// that of a profile which a leaf of the keyring signed, unless the device says that its owner can delete it.
///
/// # Errors
/// [`Refusal::TooDeep`], [`Refusal::MalformedPlist`]; [`Refusal::InvalidRequest`] where it is another answer, or has an item
/// of no identifier, or one of an expected identifier that cannot be read.
pub fn profile_list(
    body: &[u8],
    levels: u64,
    complete: bool,
    expected: Vec<String>,
    keyring: &Keyring,
) -> Result<ProfileList, Refusal> {
    let answer = dictionary(body, levels)?;
    if let Some(status) = answer.get("Status").filter(|status| status.as_string() != Some("Acknowledged")) {
        let shown = status.as_string().unwrap_or("no string");
        let known = ["Error", "NotNow", "Idle", "CommandFormatError"].into_iter().find(|known| *known == shown);
        let problem =
            format!("Status is {}: the device did not list its profiles", known.unwrap_or("of no known word"));
        return Err(invalid(problem));
    }
    let Some(items) = answer.get("ProfileList") else { return Err(invalid("ProfileList is missing")) };
    let Some(items) = items.as_array() else { return Err(invalid("ProfileList is no array")) };
    if items.len() > MOST_PROFILES {
        return Err(invalid(format!("ProfileList has more than {MOST_PROFILES} items")));
    }
    let (mut profiles, mut unread) = (Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        match listed(index, item) {
            Ok(item) => profiles.push(item),
            Err(refusal) => unread.push(unrelated(item, &expected).ok_or(refusal)?),
        }
    }
    let is_ours = |leaf: &Digest| keyring.holding(leaf) != Holding::Unknown;
    let ours =
        profiles.iter().filter(|item| item.leaf.as_ref().is_some_and(is_ours) && item.is_locked() != Some(false));
    let expected = expected.into_iter().chain(ours.map(|item| item.identifier.clone())).collect();
    Ok(ProfileList { profiles, unread, complete, expected, answered_at: None })
}

fn dictionary(body: &[u8], levels: u64) -> Result<Dictionary, Refusal> {
    let bound = usize::try_from(levels).unwrap_or(usize::MAX);
    let document = document::read_within(body, bound).map_err(|error| unread(error, levels))?;
    document.value.into_dictionary().ok_or_else(|| invalid("the root of the property list is no dictionary"))
}

/// The identifier of an item that cannot be read, where it is none of those that matter.
fn unrelated(item: &Value, expected: &[String]) -> Option<String> {
    let identifier = item.as_dictionary()?.get("PayloadIdentifier")?.as_string()?;
    let is_one = !identifier.is_empty() && identifier.chars().count() <= LONGEST_TEXT;
    (is_one && expected.iter().all(|expected| expected != identifier)).then(|| identifier.to_owned())
}

/// Apple's schema has all of these keys as optional but the identifier, without which nothing can be said.
fn listed(index: usize, item: &Value) -> Result<ListedProfile, Refusal> {
    let wrong = |key: &str, what: &str| invalid(format!("ProfileList[{index}].{key} {what}"));
    let Some(item) = item.as_dictionary() else {
        return Err(invalid(format!("ProfileList[{index}] is no dictionary")));
    };
    let text = |key: &str| match item.get(key) {
        None => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= LONGEST_TEXT => Ok(Some(text.clone())),
        Some(Value::String(_)) => Err(wrong(key, "is too long")),
        Some(_) => Err(wrong(key, "is no string")),
    };
    let flag = |key: &str| match item.get(key) {
        None => Ok(None),
        Some(value) => value.as_boolean().map(Some).ok_or_else(|| wrong(key, "is no boolean")),
    };
    let identifier = text("PayloadIdentifier")?.filter(|text| !text.is_empty());
    Ok(ListedProfile {
        identifier: identifier.ok_or_else(|| wrong("PayloadIdentifier", "is missing"))?,
        uuid: text("PayloadUUID")?.unwrap_or_default(),
        removal_disallowed: flag("PayloadRemovalDisallowed")?,
        has_removal_passcode: flag("HasRemovalPasscode")?,
        leaf: leaf(item).map_err(|what| wrong("SignerCertificates", what))?,
    })
}

/// The signer's certificate comes first; an unsigned profile has none.
fn leaf(item: &Dictionary) -> Result<Option<Digest>, &'static str> {
    let Some(certificates) = item.get("SignerCertificates") else { return Ok(None) };
    let Some(first) = certificates.as_array().ok_or("is no array")?.first() else { return Ok(None) };
    let der = first.as_data().ok_or("holds something that is no data")?;
    let certificate = Certificate::from_der(der).map_err(|_| "holds something that is no certificate")?;
    Ok(Some(Digest::of(certificate.der())))
}

/// Reads and verifies a signed profile that a device has, which a leaf of the keyring must have signed. Dates and trust do
/// not matter: it is there.
///
/// # Errors
/// [`Refusal::NotSigned`], [`Refusal::SignatureBroken`], [`Refusal::NotSignedByKeyring`]; [`Refusal::TooDeep`] and
/// [`Refusal::MalformedPlist`] for what is in the signature; [`Refusal::InvalidRequest`] where that is no profile, or one
/// whose identifier no path of the API has room for: nobody could ask for its overwrite.
pub fn observed(device: DeviceId, signed: Vec<u8>, levels: u64, keyring: &Keyring) -> Result<ObservedProfile, Refusal> {
    if !document::looks_signed(&signed) {
        return Err(Refusal::NotSigned);
    }
    let verified = SignedProfile::from_bytes(signed).and_then(|signed| signed.verify_integrity());
    let verified = verified.map_err(|error| unread(error, levels))?;
    dictionary(verified.content(), levels)?;
    let profile = ProfileFacts::of(&verified);
    if keyring.holding(&profile.leaf) == Holding::Unknown {
        return Err(Refusal::NotSignedByKeyring { leaf: profile.leaf });
    }
    if profile.identifier.len() > LONGEST_IDENTIFIER {
        return Err(invalid(format!(
            "the profile's PayloadIdentifier is longer than {LONGEST_IDENTIFIER} bytes: its overwrite is asked for by a path \
             with the identifier in it, and could not be"
        )));
    }
    // A removal password may be among payloads that cannot be read.
    let locked = catalogue::may_lock(verified.profile());
    Ok(ObservedProfile { device, profile, locked, signed: verified.signed().as_bytes().to_vec() })
}

/// Why something from outside was not read; without its own words but for the names of keys.
fn unread(error: Error, limit: u64) -> Refusal {
    match error {
        Error::TooDeep { .. } => Refusal::TooDeep { limit },
        Error::NotSigned { .. } => Refusal::NotSigned,
        Error::Integrity { verdict, .. } => Refusal::SignatureBroken { verdict: verdict.to_string() },
        Error::Malformed { form: Form::Cms, .. } => Refusal::SignatureBroken { verdict: MALFORMED.to_owned() },
        Error::NotAProfile { .. } => invalid("what is signed is no configuration profile"),
        Error::Malformed { place, .. } => Refusal::MalformedPlist { problem: broken_at(place) },
        Error::AlreadySigned => Refusal::MalformedPlist { problem: "it is a signed file".into() },
        _ => Refusal::Internal,
    }
}

/// Key paths are the body's own words.
fn broken_at(place: Place) -> String {
    let place = Place { path: None, ..place }.to_string();
    match place.trim_end_matches(": ") {
        "" => "it does not begin like one, or not all of it is there".into(),
        place => format!("see {place}"),
    }
}

fn invalid(problem: impl Into<String>) -> Refusal {
    Refusal::InvalidRequest { problem: problem.into() }
}

/// What a file is that begins as a signed one and is broken.
const MALFORMED: &str = "Malformed";
/// Devices send two or three.
const LONGEST_CHAIN: usize = 32;
const LONGEST_DOMAIN: usize = 200;
const LONGEST_DESCRIPTION: usize = 500;
/// Of an identifier or a UUID in a list.
const LONGEST_TEXT: usize = 1024;
/// Devices have some dozens.
const MOST_PROFILES: usize = 2000;

#[cfg(test)]
mod tests;
