//! What a scenario expects of a step, as words.

use super::{JobStatus, Outcome, RecordState, State, StepReport, report::Went};
use crate::{
    DeviceError, Domain,
    device::{Prompt, Refusal},
};

/// A word that a scenario expects, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub line: usize,
    pub word: String,
    pub what: What,
}

/// What is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Outcome(Outcome),
    Error(DeviceError),
    Prompt(Prompt),
    State(State),
    Record(RecordState),
    Job(JobStatus),
}

impl What {
    /// Reads a word: what came of it, the device's domain and code, a prompt, how the device stands, what the console
    /// shows.
    pub fn read(word: &str) -> Option<Self> {
        let named = |(one, what): &(String, What)| (one == word).then_some(*what);
        error(word).map(What::Error).or_else(|| words().iter().find_map(named))
    }

    /// Whether it came.
    pub fn came(self, step: &StepReport) -> bool {
        match self {
            What::Outcome(outcome) => step.outcome == outcome,
            What::Error(error) => step.error == Some(error),
            What::Prompt(prompt) => step.prompts.contains(&prompt),
            What::State(state) => step.state == state,
            What::Record(record) => step.record == record,
            What::Job(job) => step.job == job,
        }
    }
}

/// Every word but the devices' errors.
pub(super) fn words() -> Vec<(String, What)> {
    let mut words: Vec<(String, What)> = Vec::new();
    words.extend(Went::ALL.iter().map(|went| (went.to_string(), What::Outcome(Outcome::Went(*went)))));
    words.extend(Refusal::ALL.iter().map(|refusal| (refusal.to_string(), What::Outcome(Outcome::Refused(*refusal)))));
    words.extend(PROMPTS.iter().map(|prompt| (prompt.to_string(), What::Prompt(*prompt))));
    words.extend(State::ALL.iter().map(|state| (state.to_string(), What::State(*state))));
    words.extend(RecordState::ALL.iter().map(|record| (record.to_string(), What::Record(*record))));
    words.extend(JobStatus::ALL.iter().map(|job| (job.to_string(), What::Job(*job))));
    let labels = [
        ("有効", What::Record(RecordState::Active)),
        ("無効", What::Record(RecordState::Inactive)),
        ("成功", What::Job(JobStatus::Success)),
    ];
    words.extend(labels.map(|(label, what)| (label.to_owned(), what)));
    words
}

/// `MCInstallationErrorDomain 4008`.
fn error(word: &str) -> Option<DeviceError> {
    let (domain, number) = word.split_once(' ')?;
    let domain = DOMAINS.iter().find(|known| known.to_string() == domain)?;
    Some(DeviceError { domain: *domain, number: number.parse().ok()? })
}

const DOMAINS: &[Domain] = &[Domain::Profile, Domain::Payload, Domain::Installation, Domain::Mdm, Domain::Chaperone];

const PROMPTS: &[Prompt] =
    &[Prompt::Consent, Prompt::EmptyPassword, Prompt::RemovalPassword, Prompt::Administrator, Prompt::Passcode];
