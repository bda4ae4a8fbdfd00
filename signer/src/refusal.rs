//! Why the daemon does not do what was asked: one stable word, one HTTP status and one sentence for each reason.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::Digest;

/// Declares the refusals once: variant, status, code, title, detail.
macro_rules! refusals {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident $({ $( $(#[doc = $field_doc:literal])+ $field:ident: $type:ty ),+ $(,)? })?
        $status:literal $code:literal $title:literal $detail:literal
    )+) => {
        /// A refusal. Its `Display` is the detail that the caller is told; causes belong into the log, not here.
        #[derive(Clone, Debug, PartialEq, thiserror::Error)]
        #[non_exhaustive]
        pub enum Refusal {
            $(
                $(#[doc = $doc])+
                #[error($detail)]
                $name $({ $( $(#[doc = $field_doc])+ $field: $type ),+ })?,
            )+
        }

        impl Refusal {
            /// Every refusal in the order of the documentation: its code, its status, what it says.
            pub const ALL: &'static [(&'static str, u16, &'static str)] =
                &[$(($code, $status, concat!($($doc),+).trim_ascii())),+];

            /// Every code, in the same order.
            pub const ALL_CODES: &'static [&'static str] = &[$($code),+];

            /// The HTTP status of a code.
            pub fn status_of(code: &str) -> Option<u16> {
                Self::ALL.iter().find(|(known, ..)| *known == code).map(|(_, status, _)| *status)
            }

            /// The stable word for it: in answers, in the audit log, in metrics.
            pub fn code(&self) -> &'static str {
                match self { $(Self::$name { .. } => $code),+ }
            }

            /// The HTTP status (RFC 9110 §15).
            pub fn status(&self) -> u16 {
                match self { $(Self::$name { .. } => $status),+ }
            }

            /// What kind of refusal it is, in a few words that do not change from case to case.
            pub fn title(&self) -> &'static str {
                match self { $(Self::$name { .. } => $title),+ }
            }
        }
    };
}

refusals! {
    /// No caller belongs to what the request brings.
    Unauthenticated 401 "unauthenticated" "Caller unknown"
        "the request brings nothing that belongs to a caller of this daemon"
    /// The caller has not the role.
    RoleMissing {
        /// The caller's name.
        caller: String,
        /// The role that is needed.
        role: &'static str,
    } 403 "role-missing" "Role missing" "caller {caller:?} does not have the role {role:?}"
    /// The caller has the role, but not for this device or spec.
    OutOfScope {
        /// The caller's name.
        caller: String,
        /// What it is not for: `device` or `spec`.
        what: &'static str,
    } 403 "out-of-scope" "Outside of the caller's scope" "caller {caller:?} may not act on this {what}"

    /// No such route.
    NotFound 404 "not-found" "No such resource" "there is nothing at this path"
    /// The route has other methods.
    MethodNotAllowed {
        /// The methods that it has, as the `Allow` field lists them.
        allow: String,
    } 405 "method-not-allowed" "Method not allowed" "this path takes {allow}"
    /// No form that the caller accepts is one that there is.
    NotAcceptable {
        /// The media types that there are, with commas.
        offered: String,
    } 406 "not-acceptable" "No acceptable form" "Accept names none of the forms that there are: {offered}"
    /// `Host` is missing, there several times, or names no host.
    InvalidHost 400 "invalid-host" "Invalid Host" "a request of HTTP/1.1 has one Host, which names a host and perhaps a port"
    /// The body is coded for its transfer in a way that is not read here.
    UnknownTransferCoding 501 "unknown-transfer-coding" "Unknown transfer coding"
        "Transfer-Encoding names something else than chunked"
    /// The request did not arrive in time.
    Timeout 408 "timeout" "Request too slow" "the request did not arrive in time"
    /// The body did not arrive as a whole.
    BodyBroken 400 "body-broken" "Body broken off" "the body broke off or is framed wrongly"
    /// The body is longer than the limit.
    BodyTooLarge {
        /// The most bytes that a body may have.
        limit: u64,
    } 413 "body-too-large" "Body too large" "the body is larger than {limit} bytes"
    /// The request's target is longer than the limit.
    UriTooLong {
        /// The most bytes that it may have.
        limit: u64,
    } 414 "uri-too-long" "URI too long" "the path and the query are longer than {limit} bytes"
    /// The body is of a media type that the route does not take.
    UnsupportedMediaType {
        /// The media types that it takes, with commas.
        expected: String,
    } 415 "unsupported-media-type" "Unsupported media type" "this path takes a body of {expected}"
    /// The header section is longer than the limit.
    HeaderTooLarge {
        /// The most bytes that it may have.
        limit: u64,
    } 431 "header-too-large" "Header too large" "the header section is larger than {limit} bytes"

    /// The body is not JSON.
    MalformedJson {
        /// Where and what, without the body's own words.
        problem: String,
    } 400 "malformed-json" "Malformed JSON" "the body is not JSON: {problem}"
    /// The body is not a property list.
    MalformedPlist {
        /// Where and what, without the body's own words.
        problem: String,
    } 400 "malformed-plist" "Malformed property list" "the body is not a property list: {problem}"
    /// The body is nested deeper than the limit.
    TooDeep {
        /// The most levels.
        limit: u64,
    } 400 "too-deep" "Nested too deep" "the body is nested deeper than {limit} levels"
    /// The request has the right form, but says something that has no meaning here.
    InvalidRequest {
        /// What, by its name; without the caller's own words.
        problem: String,
    } 422 "invalid-request" "Request without meaning" "{problem}"
    /// The device in the path is none that this daemon can name.
    InvalidDeviceId 400 "invalid-device-id" "Invalid device id"
        "a device id is 1 to 128 characters out of A-Z, a-z, 0-9, `.`, `_` and `-`"
    /// The idempotency key is missing, or cannot be one.
    InvalidIdempotencyKey 400 "invalid-idempotency-key" "Invalid Idempotency-Key"
        "Idempotency-Key is 1 to 255 visible ASCII characters, and needed with every POST"
    /// The same key came with another request.
    IdempotencyConflict 422 "idempotency-conflict" "Idempotency-Key used for another request"
        "this Idempotency-Key was used before, with another request"

    /// Nothing is known of the device.
    UnknownDevice {
        /// The device.
        device: String,
    } 404 "unknown-device" "Unknown device" "nothing is known of device {device:?}"
    /// There is no such spec.
    UnknownSpec {
        /// The name that was asked for.
        spec: String,
    } 404 "unknown-spec" "Unknown spec" "there is no spec {spec:?}"
    /// There is no such issuance.
    UnknownIssuance 404 "unknown-issuance" "Unknown issuance" "there is no such issuance"
    /// There is no such ticket.
    UnknownTicket 404 "unknown-ticket" "Unknown ticket" "there is no such ticket"
    /// Parameters are missing, unknown or wrong; all that are so are named.
    InvalidParameters {
        /// Each one, at least one.
        problems: Vec<ParameterProblem>,
    } 422 "invalid-parameters" "Invalid parameters" "parameters are missing, unknown or wrong"
    /// With these parameters the profile is one that a device refuses, or whose overwrite frees nothing.
    UnfreeableProfile {
        /// The codes of the findings, each once.
        findings: Vec<&'static str>,
    } 422 "unfreeable-profile" "Profile refused"
        "with these parameters a device refuses the profile, or cannot be freed of it"
    /// Nothing is known of a profile of this identifier on the device.
    UnknownInstallation {
        /// The device.
        device: String,
        /// The profile's identifier.
        identifier: String,
        /// Those that it is known for and that differ in the case of letters or in blanks at their ends only.
        similar: Vec<String>,
    } 404 "unknown-installation" "Unknown installation"
        "device {device:?} is not known to have a profile {identifier:?}"
    /// The device may have one of several profiles, signed by different leaves; the caller has to say which.
    AmbiguousInstallation {
        /// What it may have, at least two.
        candidates: Vec<Candidate>,
    } 409 "ambiguous-installation" "Ambiguous installation"
        "the device may have profiles of different signers: name the issuance that is installed"
    /// The device was seen to have a profile that is not in the record.
    ForeignInstallation {
        /// The device.
        device: String,
        /// The profile's identifier.
        identifier: String,
        /// What it may be all the same, and what was issued since and may be there instead.
        candidates: Vec<Candidate>,
    } 409 "foreign-installation" "Foreign installation"
        "device {device:?} was seen to have a profile {identifier:?} that is not in the record: hand it in, or name the issuance that is installed"
    /// What the device has became known otherwise, again and again, while its overwrite was made.
    InstallationChanged 409 "installation-changed" "Installation changed"
        "what the device has became known otherwise while its overwrite was made: ask again"
    /// The owner could not delete the profile after this overwrite either.
    Strands {
        /// What stands in the way, in stable words.
        reasons: Vec<String>,
    } 422 "strands" "Overwrite would strand the device"
        "this overwrite would not free the device: choose a form by name if it has to be this one"
    /// No overwrite can be made of what the device has.
    NoOverwrite {
        /// What stands in the way.
        problem: String,
        /// What it would be made of if the caller named it, where the device was seen without the profile.
        candidates: Vec<Candidate>,
    } 422 "no-overwrite" "No overwrite possible" "no overwrite can be made: {problem}"
    /// A signed profile was expected, and this one carries no signature.
    NotSigned 422 "not-signed" "Not signed" "the profile is not signed"
    /// The signature of the profile does not hold.
    SignatureBroken {
        /// The stable word of the verdict.
        verdict: String,
    } 422 "signature-broken" "Signature broken" "the profile's signature does not hold: {verdict}"
    /// The profile is signed by a certificate that the keyring does not know.
    NotSignedByKeyring {
        /// SHA-256 of the leaf certificate.
        leaf: Digest,
    } 422 "not-signed-by-keyring" "Foreign signer" "the profile is signed by certificate {leaf}, which is not of the keyring"

    /// The key that signed what the device has is gone: no overwrite can be signed.
    IdentityGone {
        /// The identity's name.
        identity: String,
        /// SHA-256 of the leaf certificate.
        leaf: Digest,
    } 409 "identity-gone" "Signing key gone"
        "the device's profile is signed by certificate {leaf} of {identity:?}, whose key is gone: the device has to be wiped"
    /// The certificate that signed what the device has is not known.
    IdentityUnknown {
        /// SHA-256 of the leaf certificate.
        leaf: Digest,
    } 409 "identity-unknown" "Signing certificate unknown"
        "the device's profile is signed by certificate {leaf}, which the keyring does not know"
    /// The certificate that would sign is out of its time: nothing new is issued, and before its time no overwrite either.
    IdentityNotValid {
        /// The identity's name.
        identity: String,
    } 503 "identity-not-valid" "Signing certificate out of its time"
        "the certificate of {identity:?} is not valid now, and nothing is signed with it: see the clock, or rotate the key"

    /// The overwrite needs a ticket that another caller has approved.
    TicketRequired 403 "ticket-required" "Ticket required" "an overwrite needs an approved ticket"
    /// Nobody has approved the ticket yet.
    TicketNotApproved 403 "ticket-not-approved" "Ticket not approved" "another caller has to approve the ticket first"
    /// Who asked for a ticket cannot approve it.
    TicketSelfApproval 403 "ticket-self-approval" "Own ticket" "who asked for a ticket cannot approve it"
    /// Who approved a ticket cannot use it.
    TicketOwnUse 403 "ticket-own-use" "Ticket approved by its user" "who approved a ticket cannot use it"
    /// Somebody approved the ticket before.
    TicketAlreadyApproved 409 "ticket-already-approved" "Ticket approved already" "the ticket was approved before"
    /// The ticket is for other devices, or for other specs.
    TicketNotForThis 403 "ticket-not-for-this" "Ticket for something else" "the ticket is for other devices or specs"
    /// The ticket served already.
    TicketUsed 409 "ticket-used" "Ticket used" "the ticket was used before"
    /// The ticket's time is over.
    TicketExpired 409 "ticket-expired" "Ticket expired" "the ticket's time is over"
    /// The caller has had as many overwrites as it may within the hour.
    BudgetExceeded {
        /// When it may try again.
        retry_after: Duration,
    } 429 "budget-exceeded" "Budget exceeded" "the caller has used up its overwrites of this hour"

    /// There is more to do than the daemon takes on.
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    } 503 "overloaded" "Overloaded" "there is too much to do at this moment"
    /// The daemon is on its way down.
    Draining 503 "draining" "Stopping" "the daemon is stopping"
    /// What is issued cannot be recorded, so nothing is.
    LedgerUnavailable {
        /// When to try again.
        retry_after: Duration,
    } 503 "ledger-unavailable" "Record unavailable" "nothing can be recorded at this moment, so nothing is issued"
    /// The answer was not ready in time.
    DeadlineExceeded {
        /// When to try again.
        retry_after: Duration,
    } 503 "deadline-exceeded" "Answer too slow" "the answer was not ready in time"
    /// Something failed that should not.
    Internal 500 "internal" "Internal error" "the daemon failed; its log knows why"
}

/// A refusal on its way to the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Denied {
    /// Why.
    pub refusal: Refusal,
    /// Whether the audit has it already.
    pub recorded: bool,
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, recorded: false }
    }
}

/// A parameter that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterProblem {
    /// Its name; cut after 64 characters where the caller made it up.
    pub name: String,
    /// What is wrong, to be read after the name; without the value.
    pub problem: String,
}

/// One of several profiles that a device may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The issuance to name.
    pub issuance: Uuid,
    /// When it was issued.
    pub issued: SystemTime,
    /// SHA-256 of the leaf certificate that signed it.
    pub leaf: Digest,
}

impl Refusal {
    /// When to try again, where it is known (the `Retry-After` field).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::BudgetExceeded { retry_after }
            | Self::Overloaded { retry_after }
            | Self::LedgerUnavailable { retry_after }
            | Self::DeadlineExceeded { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// Whether it says what was decided, and so is for the audit; the others say that nothing could be, or that no request
    /// arrived as a whole.
    pub fn is_decision(&self) -> bool {
        !matches!(
            self,
            Self::Timeout
                | Self::BodyBroken
                | Self::BodyTooLarge { .. }
                | Self::Overloaded { .. }
                | Self::Draining
                | Self::LedgerUnavailable { .. }
                | Self::DeadlineExceeded { .. }
                | Self::Internal
        )
    }

    /// Whether a request that was granted before may be refused with this today, for what has changed since. Who may not
    /// ask any more gets nothing again.
    pub fn may_have_been_granted(&self) -> bool {
        self.is_decision() && !matches!(self, Self::RoleMissing { .. } | Self::OutOfScope { .. })
    }

    /// The sentence for the caller: no secrets, no causes.
    pub fn detail(&self) -> String {
        self.to_string()
    }

    /// What a caller's program may want to know beyond the code (RFC 9457 §3.2).
    pub fn members(&self) -> Map<String, Value> {
        let members = match self {
            Self::RoleMissing { role, .. } => json!({ "role": role }),
            Self::OutOfScope { what, .. } => json!({ "scope": what }),
            Self::BodyTooLarge { limit }
            | Self::UriTooLong { limit }
            | Self::HeaderTooLarge { limit }
            | Self::TooDeep { limit } => json!({ "limit": limit }),
            Self::InvalidParameters { problems } => json!({ "parameters": parameters(problems) }),
            Self::UnfreeableProfile { findings } => json!({ "findings": findings }),
            Self::Strands { reasons } => json!({ "reasons": reasons }),
            Self::AmbiguousInstallation { candidates }
            | Self::ForeignInstallation { candidates, .. }
            | Self::NoOverwrite { candidates, .. } => {
                json!({ "candidates": candidates.iter().map(candidate).collect::<Vec<_>>() })
            }
            Self::UnknownInstallation { similar, .. } => json!({ "similar": similar }),
            Self::SignatureBroken { verdict } => json!({ "verdict": verdict }),
            Self::NotSignedByKeyring { leaf } | Self::IdentityUnknown { leaf } => json!({ "leaf": leaf.to_string() }),
            Self::IdentityGone { identity, leaf } => json!({ "identity": identity, "leaf": leaf.to_string() }),
            Self::IdentityNotValid { identity } => json!({ "identity": identity }),
            _ => json!({}),
        };
        let Value::Object(members) = members else { unreachable!("every arm is an object") };
        members
    }

    /// The members of a problem document (RFC 9457 §3), in the order in which people read them.
    pub fn problem(&self) -> Map<String, Value> {
        let mut problem = Map::new();
        problem.insert("type".into(), format!("{TYPE}{}", self.code()).into());
        problem.insert("title".into(), self.title().into());
        problem.insert("status".into(), self.status().into());
        problem.insert("code".into(), self.code().into());
        problem.insert("detail".into(), self.detail().into());
        problem.extend(self.members());
        problem
    }
}

fn parameters(problems: &[ParameterProblem]) -> Vec<Value> {
    problems.iter().map(|it| json!({ "name": it.name, "problem": it.problem })).collect()
}

fn candidate(candidate: &Candidate) -> Value {
    let issued = OffsetDateTime::from(candidate.issued).format(&Rfc3339).ok();
    json!({ "issuance": candidate.issuance.to_string(), "issued": issued, "leaf": candidate.leaf.to_string() })
}

/// What a code becomes a URI with; nothing is to be fetched there.
const TYPE: &str = "urn:signer:refusal:";

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::UNIX_EPOCH};

    use super::*;

    #[test]
    fn codes_are_kebab_words_and_each_there_once() {
        let kebab = |code: &&str| code.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        assert!(Refusal::ALL_CODES.iter().all(kebab));
        assert_eq!(Refusal::ALL_CODES.iter().collect::<BTreeSet<_>>().len(), Refusal::ALL_CODES.len());
    }

    #[test]
    fn a_problem_document_has_what_rfc_9457_names_and_the_code() {
        let problem = Refusal::BodyTooLarge { limit: 7 }.problem();
        let expected = json!({
            "type": "urn:signer:refusal:body-too-large", "title": "Body too large", "status": 413,
            "code": "body-too-large", "detail": "the body is larger than 7 bytes", "limit": 7,
        });
        assert_eq!(Value::Object(problem), expected);
    }

    #[test]
    fn no_member_hides_a_standard_one() {
        let standard = ["type", "title", "status", "code", "detail", "instance"];
        for refusal in with_members() {
            assert!(refusal.members().keys().all(|key| !standard.contains(&key.as_str())), "{refusal:?}");
            assert!(!refusal.members().is_empty(), "{refusal:?}");
        }
    }

    #[test]
    fn an_ambiguous_installation_lists_what_the_caller_can_name() {
        let members = with_members().remove(0).members();
        assert_eq!(members["candidates"][0]["issuance"], "00000000-0000-0000-0000-000000000000");
        assert_eq!(members["candidates"][0]["issued"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn what_passes_by_itself_says_when_to_try_again() {
        let retry_after = Duration::from_secs(3);
        for refusal in [
            Refusal::BudgetExceeded { retry_after },
            Refusal::Overloaded { retry_after },
            Refusal::LedgerUnavailable { retry_after },
            Refusal::DeadlineExceeded { retry_after },
        ] {
            assert_eq!(refusal.retry_after(), Some(retry_after));
        }
        assert_eq!(Refusal::Draining.retry_after(), None);
    }

    fn with_members() -> Vec<Refusal> {
        let leaf = Digest::of(b"leaf");
        let problem = ParameterProblem { name: "pin".into(), problem: "has no value".into() };
        vec![
            Refusal::AmbiguousInstallation {
                candidates: vec![Candidate { issuance: Uuid::nil(), issued: UNIX_EPOCH, leaf }],
            },
            Refusal::InvalidParameters { problems: vec![problem] },
            Refusal::UnfreeableProfile { findings: vec!["OverwriteForbidden"] },
            Refusal::IdentityGone { identity: "old".into(), leaf },
            Refusal::IdentityUnknown { leaf },
            Refusal::RoleMissing { caller: "core".into(), role: "issue" },
        ]
    }
}
