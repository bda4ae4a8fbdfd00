//! The audit: a chain of records of every decision, so that a changed record shows.
//!
//! The records are kept in the ledger's database and written in the transaction of what they tell of. This module is
//! their form: what an event says, its canonical text, the digest that chains it, checkpoints, and their verification.
//! `docs/audit.md` describes the format for other implementations.

mod canonical;
mod checkpoint;
mod verify;

use std::collections::BTreeMap;

use openssl::sha::Sha256;
use serde::Serialize;
use serde_json::Value;

pub use checkpoint::{Checkpoint, CheckpointFile, CheckpointKey, CheckpointVerifier};
pub use verify::{Fault, Report, Tampering, verify, verify_lines};

use crate::{device_id::DeviceId, digest::Digest, issuance::IssuanceId};

/// One decision, or something else that the record must not lack.
///
/// It must hold no secret: no key, password, token or parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What was asked for, such as `issue`, `overwrite`, `acknowledge` or `reload`.
    pub action: &'static str,
    /// What was decided.
    pub outcome: Outcome,
    /// Who asked.
    pub caller: Option<String>,
    /// The role that allowed it, or that was missing.
    pub role: Option<String>,
    /// The request's own name, as the log has it.
    pub request: Option<String>,
    /// The device that it was about.
    pub device: Option<DeviceId>,
    /// The profile's identifier.
    pub identifier: Option<String>,
    /// The issuance that it was about.
    pub issuance: Option<IssuanceId>,
    /// More, by name.
    pub detail: BTreeMap<&'static str, Detail>,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused {
        /// The refusal's stable code.
        code: String,
    },
}

/// A value in an event's detail. There are no fractions: they have no canonical text that all languages share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Detail {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// A list of texts.
    Texts(Vec<String>),
}

impl Event {
    /// An event that tells of something done, by nobody yet.
    pub fn done(action: &'static str) -> Self {
        Self {
            action,
            outcome: Outcome::Done,
            caller: None,
            role: None,
            request: None,
            device: None,
            identifier: None,
            issuance: None,
            detail: BTreeMap::new(),
        }
    }

    /// An event that tells of a refusal, of nobody yet.
    pub fn refused(action: &'static str, code: impl Into<String>) -> Self {
        Self { outcome: Outcome::Refused { code: code.into() }, ..Self::done(action) }
    }

    /// This event with one more detail.
    pub fn with(mut self, name: &'static str, detail: impl Into<Detail>) -> Self {
        self.detail.insert(name, detail.into());
        self
    }

    /// The event in canonical JSON: what is chained, stored and exported.
    pub fn to_canonical(&self) -> String {
        let Self { action, outcome, caller, role, request, device, identifier, issuance, detail } = self;
        let (outcome, code) = match outcome {
            Outcome::Done => ("done", None),
            Outcome::Refused { code } => ("refused", Some(&**code)),
        };
        let members = Members {
            action,
            caller: caller.as_deref(),
            code,
            detail,
            device: device.as_ref(),
            identifier: identifier.as_deref(),
            issuance: *issuance,
            outcome,
            request: request.as_deref(),
            role: role.as_deref(),
        };
        serde_json::to_string(&members).expect("an event holds texts, whole numbers and flags only")
    }
}

/// An event's members in the order of their names, as canonical JSON has them.
#[derive(Serialize)]
struct Members<'a> {
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    detail: &'a BTreeMap<&'static str, Detail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a DeviceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuance: Option<IssuanceId>,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
}

impl From<&str> for Detail {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Digest> for Detail {
    fn from(digest: Digest) -> Self {
        Self::Text(digest.to_string())
    }
}

impl From<i64> for Detail {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Detail {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Detail {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Vec<String>> for Detail {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts)
    }
}

/// The end of the chain: the last record's number and digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many records there are: the first has the number 1.
    pub seq: u64,
    /// The last one's digest; zeros where there is none.
    pub hash: Digest,
}

impl Head {
    /// The end of a chain without records.
    pub const START: Self = Self { seq: 0, hash: Digest([0; 32]) };

    /// The record that follows.
    pub fn chain(self, time: i64, event: String) -> Record {
        let mut record = Record { seq: self.seq + 1, time, previous: self.hash, event, hash: Digest([0; 32]) };
        record.hash = record.digest(record.seq);
        record
    }
}

/// One record of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 1 on without gaps.
    pub seq: u64,
    /// When it was written, in milliseconds since 1970.
    pub time: i64,
    /// The digest of the record before; zeros in the first.
    pub previous: Digest,
    /// The event in canonical JSON.
    pub event: String,
    /// The digest of all that.
    pub hash: Digest,
}

impl Record {
    /// The chain's end after this record.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// The record as a line of an export, canonical JSON without the line's end.
    ///
    /// # Errors
    ///
    /// When the event is no JSON, which no record of ours is.
    pub fn to_line(&self) -> Result<String, Fault> {
        let wrong = || Fault::NotARecord { line: self.seq, problem: "its event is no JSON".into() };
        let event: Value = serde_json::from_str(&self.event).map_err(|_| wrong())?;
        let line = serde_json::json!({
            "event": event, "hash": self.hash, "previous": self.previous, "seq": self.seq, "time": self.time,
        });
        canonical::text(&line).ok_or_else(wrong)
    }

    /// Reads a line of an export. The line has to be canonical, so that no two readers take it differently.
    ///
    /// # Errors
    ///
    /// [`Fault::NotARecord`] with the line's number, counted from 1.
    pub fn from_line(number: u64, line: &str) -> Result<Self, Fault> {
        let wrong = |problem: &str| Fault::NotARecord { line: number, problem: problem.into() };
        let value: Value = serde_json::from_str(line).map_err(|_| wrong("it is no JSON"))?;
        if canonical::text(&value).as_deref() != Some(line) {
            return Err(wrong("it is not canonical JSON"));
        }
        let member = |name: &str| value.get(name).ok_or_else(|| wrong(&format!("\"{name}\" is missing")));
        let digest = |name: &str| {
            let text = member(name)?.as_str().unwrap_or_default();
            text.parse::<Digest>().map_err(|_| wrong(&format!("\"{name}\" is no digest")))
        };
        let event = canonical::text(member("event")?).ok_or_else(|| wrong("its event is not canonical"))?;
        Ok(Self {
            seq: member("seq")?.as_u64().ok_or_else(|| wrong("\"seq\" is no number"))?,
            time: member("time")?.as_i64().ok_or_else(|| wrong("\"time\" is no number"))?,
            previous: digest("previous")?,
            event,
            hash: digest("hash")?,
        })
    }

    /// The digest that this record would have under a number: SHA-256 over the mark, the number, the time, the digest
    /// before, the event's length and the event; numbers are 8 bytes, most significant first.
    fn digest(&self, seq: u64) -> Digest {
        let mut sha = Sha256::new();
        sha.update(RECORD_MARK);
        sha.update(&seq.to_be_bytes());
        sha.update(&self.time.to_be_bytes());
        sha.update(&self.previous.0);
        sha.update(&(self.event.len() as u64).to_be_bytes());
        sha.update(self.event.as_bytes());
        Digest(sha.finish())
    }

    /// Whether its own digest holds.
    fn holds(&self) -> bool {
        self.digest(self.seq) == self.hash
    }
}

const RECORD_MARK: &[u8] = b"profile signer audit record 1\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_written_in_the_order_of_its_keys() {
        let event = Event { caller: Some("mdm".into()), ..Event::refused("overwrite", "role-missing") };
        let event = event.with("of", "x\"\u{1}ü\u{7f}").with("count", 3_usize).with("again", true);
        assert_eq!(
            event.to_canonical(),
            "{\"action\":\"overwrite\",\"caller\":\"mdm\",\"code\":\"role-missing\",\"detail\":{\"again\":true,\"count\":3,\"of\":\"x\\\"\\u0001ü\u{7f}\"},\"outcome\":\"refused\"}"
        );
    }

    #[test]
    fn an_event_with_everything_is_canonical() {
        let event = Event {
            caller: Some("mdm".into()),
            role: Some("issue".into()),
            request: Some("r-1".into()),
            device: "C02".parse().ok(),
            identifier: Some("jp.example.ivi-mdm".into()),
            issuance: Some(IssuanceId(uuid::Uuid::from_u128(7))),
            ..Event::refused("overwrite", "role-missing").with("b", vec!["x".to_owned()]).with("a", -1_i64)
        };
        let text = event.to_canonical();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap().as_object().unwrap().len(), 10);
        assert_eq!(canonical::text(&serde_json::from_str(&text).unwrap()), Some(text));
    }

    #[test]
    fn the_digest_of_a_record_is_the_documented_one() {
        let record = Head::START.chain(1_790_000_000_123, Event::done("open").to_canonical());
        // Made by Python's hashlib, by the layout of docs/audit.md.
        assert_eq!(record.hash.to_string(), "2ebd52687dd63390c134892b7e429a5f6b3676f3f4e1b784b85120eb273d38b4");
    }

    #[test]
    fn a_record_survives_the_way_through_a_line() {
        let record = Head::START.chain(-5, Event::done("open").with("ö", "\u{2028}").to_canonical());
        assert_eq!(Record::from_line(1, &record.to_line().unwrap()), Ok(record));
    }

    #[test]
    fn a_line_that_readers_may_take_differently_is_refused() {
        let line = Head::START.chain(5, Event::done("open").to_canonical()).to_line().unwrap();
        let twice = line.replacen("{\"action\":", "{\"action\":\"x\",\"action\":", 1);
        for line in
            [format!(" {line}"), twice, line.replace("\"seq\":1", "\"seq\":1.0"), line.replace("open", "op\\u0065n")]
        {
            assert!(matches!(Record::from_line(1, &line), Err(Fault::NotARecord { line: 1, .. })), "{line}");
        }
    }
}
