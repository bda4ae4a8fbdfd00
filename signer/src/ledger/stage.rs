//! A ledger in a folder of its own, and things to put into it, for tests.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use super::{Draft, Idempotency, Ledger, LedgerKey, LedgerKeys, Options, Request};
use crate::{
    audit::{CheckpointFile, CheckpointKey},
    device_id::DeviceId,
    digest::Digest,
    issuance::{Basis, OverwriteForm, ProfileFacts, SpecRef, Variant},
    ledger::{Archive, Check, Result},
    moment::from_millis,
};

pub(crate) const IDENTIFIER: &str = "jp.example.ivi-mdm";

pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    pub(crate) options: Options,
    pub(crate) ledger: Ledger,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = CheckpointKey::generate().unwrap();
        let mut options = Options::new(folder.path().join("ledger.db"), keys(), key);
        options.clock = Arc::new(|| at(0));
        change(&mut options);
        let ledger = Ledger::open(options.clone()).unwrap();
        Self { folder, options, ledger }
    }

    /// A ledger that waits for all that is announced, and how many writes each of its commits had.
    pub(crate) fn counting() -> (Arc<Mutex<Vec<usize>>>, Self) {
        let commits: Arc<Mutex<Vec<usize>>> = Arc::default();
        let told = commits.clone();
        let stage = Self::with(|options| {
            options.company = Duration::from_secs(600);
            options.on_commit = Some(Arc::new(move |commit| told.lock().unwrap().push(commit.writes)));
        });
        (commits, stage)
    }

    /// Closes the ledger and opens it again.
    pub(crate) async fn reopen(&mut self) -> Result<()> {
        self.ledger.close().await.unwrap();
        self.open_again()
    }

    /// Opens a closed ledger again.
    pub(crate) fn open_again(&mut self) -> Result<()> {
        self.ledger = Ledger::open(self.options.clone())?;
        Ok(())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A connection of somebody who has the file.
    pub(crate) fn intruder(&self) -> rusqlite::Connection {
        let db = rusqlite::Connection::open(&self.options.path).unwrap();
        db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        db
    }

    pub(crate) fn check(&self) -> Result<Check> {
        let text = std::fs::read_to_string(self.ledger.checkpoint_file()).unwrap();
        let in_file = CheckpointFile::read(&text).unwrap();
        let archive = Archive::open(&self.options.path)?;
        archive.check(&self.options.keys, &[self.options.checkpoint_key.verifier()], &in_file)
    }

    /// The events of the audit, in their order.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let mut lines = Vec::new();
        Archive::open(&self.options.path).unwrap().export_audit(&mut lines).unwrap();
        let event = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].take();
        String::from_utf8(lines).unwrap().lines().map(event).collect()
    }

    pub(crate) fn last_event(&self) -> serde_json::Value {
        self.events().pop().unwrap()
    }
}

pub(crate) fn keys() -> LedgerKeys {
    LedgerKeys::new(LedgerKey::new(&[7; 32]))
}

/// Seconds after the tests' own beginning of time.
pub(crate) fn at(seconds: i64) -> SystemTime {
    from_millis(1_790_000_000_000 + seconds * 1000)
}

pub(crate) fn device(name: &str) -> DeviceId {
    name.parse().unwrap()
}

pub(crate) fn request(caller: &str) -> Request {
    Request {
        caller: caller.into(),
        role: "issue".into(),
        id: Some("r-1".into()),
        idempotency: None,
        at: at(1),
        room: None,
    }
}

pub(crate) fn keyed(caller: &str, key: &str, body: &str) -> Request {
    let fingerprint = Digest::of(body.as_bytes());
    Request { idempotency: Some(Idempotency { key: key.into(), fingerprint }), ..request(caller) }
}

pub(crate) fn profile(uuid: &str, leaf: u8) -> ProfileFacts {
    ProfileFacts {
        identifier: IDENTIFIER.into(),
        uuid: uuid.into(),
        payload_uuids: vec![format!("{uuid}-1"), format!("{uuid}-2")],
        plist: Digest::of(uuid.as_bytes()),
        leaf: Digest([leaf; 32]),
        leaf_key: Digest([leaf + 1; 32]),
    }
}

/// A locked profile of this UUID for a device.
pub(crate) fn draft(to: &str, uuid: &str, leaf: u8) -> Draft {
    Draft {
        device: device(to),
        profile: profile(uuid, leaf),
        variant: Variant::Locked,
        spec: Some(SpecRef { name: "ivi".into(), digest: Digest([3; 32]) }),
        parameters: Some(b"{\"password\":\"1234\"}".to_vec()),
        signed: format!("signed {to} {uuid}").into_bytes(),
        remarks: serde_json::json!({}),
        ticket: None,
        serving: None,
        budget: None,
        request: request("mdm"),
    }
}

/// An overwrite of what a device has.
pub(crate) fn overwrite(to: &str, uuid: &str, leaf: u8, of: Basis) -> Draft {
    let variant = Variant::Overwrite { form: OverwriteForm::Omitted, of };
    Draft { variant, ..draft(to, uuid, leaf) }
}
