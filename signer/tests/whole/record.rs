//! What was answered, held against what the ledger has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use signer::{Digest, issuance::IssuanceId, ledger, state::State};

use crate::{
    client::Broken,
    daemon::{Daemon, signer_does},
    load::{Asked, Told},
    site::Site,
};

/// What clients were told since there is this ledger.
#[derive(Default)]
pub struct Answered {
    issued: BTreeMap<Asked, (String, Digest)>,
    /// Those that may have been recorded and were not answered.
    open: Vec<Asked>,
    pub refused: BTreeMap<(u16, String), usize>,
}

impl Answered {
    pub fn hear(&mut self, told: Told) {
        assert_ne!(told.answer.as_ref().err(), Some(&Broken::Truncated), "an answer was cut off");
        match (told.issued(), told.refused()) {
            (Some(issued), _) => drop(self.issued.insert(told.asked, issued)),
            (_, Some(refused)) => *self.refused.entry(refused).or_default() += 1,
            _ => self.open.push(told.asked),
        }
    }

    /// As [`hear`](Self::hear), where an answer may be cut off, as the daemon was.
    pub fn hear_of_a_kill(&mut self, told: Told) {
        match told.answer {
            Err(Broken::Truncated) => self.open.push(told.asked),
            _ => self.hear(told),
        }
    }

    pub fn issued(&self) -> usize {
        self.issued.len()
    }

    pub fn refused(&self) -> usize {
        self.refused.values().sum()
    }

    /// Everything that was answered is in the ledger with its digest, opens, and the audit verifies. No daemon runs.
    pub async fn is_recorded(&self, site: &Site) {
        signer_does(&["audit", "verify"], &site.config());
        let state = State::load(site.config(), std::time::SystemTime::now()).unwrap();
        let (keys, checkpoints) = (state.secrets.ledger_keys(), state.secrets.checkpoint_key.clone());
        let options = ledger::Options::new(site.path("ledger.db"), keys.clone(), checkpoints.clone());
        let options = ledger::Options { checkpoints: site.path("checkpoints.jsonl"), ..options };
        let ledger = ledger::Ledger::open(options).unwrap();
        for (asked, (id, digest)) in &self.issued {
            let id: IssuanceId = id.parse().unwrap();
            let kept = ledger.issuance(id).await.unwrap().unwrap_or_else(|| panic!("{asked:?} is lost"));
            assert_eq!((kept.signed, kept.device.as_str()), (*digest, &*asked.name));
        }
        ledger.close().await.unwrap();
        let archive = ledger::Archive::open(&site.path("ledger.db")).unwrap();
        let check = archive.check(&keys, &[checkpoints.verifier()], &[]).unwrap();
        assert!(check.profiles >= self.issued.len() as u64);
    }

    /// Who asks again what he asked last gets the same, or what he did not get; and there is one record of each.
    pub async fn is_answered_again(&mut self, daemon: &Daemon, site: &Site) {
        let mut client = daemon.client().await;
        let last = self.issued.keys().rev().take(AGAIN).cloned();
        for asked in last.chain(std::mem::take(&mut self.open)).collect::<Vec<_>>() {
            let answer = asked.ask(&mut client).await.unwrap();
            assert_eq!(answer.status, 200, "{asked:?}: {}", answer.text());
            let again = (answer.header("issuance-id").unwrap().to_owned(), Digest::of(&answer.body));
            let before = self.issued.insert(asked, again.clone());
            assert!(before.is_none_or(|before| before == again), "another answer to the same request");
        }
        let events = events(site);
        let mut issued: Vec<_> = events.iter().filter(|event| event["action"] == "issue").collect();
        issued.retain(|event| event["outcome"] == "done");
        let devices: BTreeSet<_> = issued.iter().map(|event| event["device"].to_string()).collect();
        assert_eq!(devices.len(), issued.len(), "a request was recorded twice");
        assert_eq!(devices.len(), self.issued.len(), "something was recorded that nobody can get");
    }
}

/// The events of the audit.
pub fn events(site: &Site) -> Vec<Value> {
    let export = signer_does(&["audit", "export"], &site.config());
    let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].clone();
    export.lines().map(event).collect()
}

/// How many of the answers are asked for again.
const AGAIN: usize = 24;
