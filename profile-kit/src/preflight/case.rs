//! One device with one choice for each policy that matters: what the model says, step by step.

use std::fmt;

use super::Question;
use crate::{
    Device, DeviceError, Fact, InstalledBy, Policy,
    device::{Act, Done, Effect, Grounds, Known, Prompt, Refusal, Refused, Signature, Unknown},
    policy::Choice,
};

/// What a device does with the choices that matter.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Case {
    /// The choices among open policies on which this case rests; none where it rests on none.
    pub choices: Vec<Choice>,
    /// Whether the owner could delete what is installed, without any password, before the overwrite.
    pub free_before: bool,
    /// Whether the overwrite was installed, and replaced what is installed: `None` where the device refuses it.
    pub replaces: Option<bool>,
    /// Whether the owner can delete everything afterwards, without any password.
    pub free_after: bool,
    /// What follows.
    pub outcome: Outcome,
    /// What the owner is asked on the way.
    pub prompts: Vec<Prompt>,
    /// What stands in the way, or is not known, step by step.
    pub reasons: Vec<Reason>,
    /// What decided all of it.
    pub grounds: Grounds,
}

/// What becomes of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The owner could delete the profile before, and can afterwards.
    AlreadyFree,
    /// The owner could not, and can.
    Frees,
    /// It hangs on something that nobody knows and no policy stands for: the reasons name it.
    Depends,
    /// The owner cannot afterwards.
    Strands,
}

/// One thing that stands in the way, or is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reason {
    /// Where it came up.
    pub step: Step,
    /// A stable word: that of a [`Refusal`] or an [`Unknown`], `AddedBeside` or a [`Prompt`].
    pub word: &'static str,
    /// One sentence.
    pub sentence: String,
    /// The device's own error, where one is known.
    pub error: Option<DeviceError>,
    /// The facts that decided the step, the one that says so first.
    pub facts: Vec<Fact>,
    /// The policies that decided the step.
    pub policies: Vec<Choice>,
}

/// A step of the procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The owner downloads the overwrite.
    Download,
    /// The overwrite is installed.
    Install,
    /// The owner deletes what is left.
    Delete,
}

impl Step {
    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Step::Download => "download",
            Step::Install => "install",
            Step::Delete => "delete",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Outcome {
    /// The word in output; that of a verdict, or `depends`.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::AlreadyFree => "already-free",
            Outcome::Frees => "frees",
            Outcome::Depends => "depends",
            Outcome::Strands => "strands",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What is known of the two profiles: once for all runs.
pub(super) struct Pair {
    installed: Known,
    overwrite: Known,
}

impl Question<'_> {
    pub(super) fn pair(&self) -> Pair {
        let [installed, overwrite] = [self.installed, self.overwrite].map(|arrival| Known::of(&arrival.profile));
        Pair { installed, overwrite }
    }

    /// Every case of a device: where a run rests on a policy that is open and not fixed, it is run with each of its values.
    /// What no run rests on is left alone.
    pub(super) fn cases(&self, device: &Device, fixed: &[Policy], pair: &Pair) -> Vec<Case> {
        self.cases_from(device, fixed, pair, &[])
    }

    fn cases_from(&self, device: &Device, fixed: &[Policy], pair: &Pair, choices: &[Choice]) -> Vec<Case> {
        let case = Run::of(self, device, pair).case(choices);
        let chosen = |policy: Policy| fixed.contains(&policy) || choices.iter().any(|choice| choice.policy == policy);
        let open = case.grounds.policies.iter().map(|choice| choice.policy);
        let Some(policy) = open.into_iter().find(|policy| !chosen(*policy) && values(*policy, device).len() > 1) else {
            return vec![case];
        };
        let branches = values(policy, device).iter().flat_map(|value| {
            let mut device = device.clone();
            device.policies.set(policy.word(), value).expect("every listed value is one");
            let choice = Choice { policy, value: (*value).into() };
            self.cases_from(&device, fixed, pair, &[choices, &[choice]].concat())
        });
        branches.collect()
    }
}

fn values(policy: Policy, device: &Device) -> &'static [&'static str] {
    policy.open(device.os, device.supervised)
}

/// The procedure on one device.
struct Run<'a> {
    question: &'a Question<'a>,
    pair: &'a Pair,
    free_before: bool,
    free_after: bool,
    replaces: Option<bool>,
    prompts: Vec<Prompt>,
    reasons: Vec<Reason>,
    grounds: Grounds,
}

impl<'a> Run<'a> {
    fn of(question: &'a Question<'a>, device: &Device, pair: &'a Pair) -> Self {
        let mut run = Self {
            question,
            pair,
            free_before: false,
            free_after: false,
            replaces: None,
            prompts: Vec::new(),
            reasons: Vec::new(),
            grounds: Grounds::default(),
        };
        let act = Act { by: question.installed_by, ..Act::by_hand(question.at) };
        let device = device.clone().with(question.installed, &act).expire(question.at).device;
        run.free_before = run.delete(&device);
        run.forget();
        if matches!(question.installed.signature, Signature::Broken(_)) {
            let mut grounds = Grounds::default();
            grounds.unknown(Unknown::InstalledBroken);
            run.note(Step::Install, &grounds);
        }
        let device = run.overwrite(&device).unwrap_or(device);
        run.free_after = run.delete(&device);
        run
    }

    /// What stood in the way before the overwrite is no reason against it, and nor is what was not known of it; what
    /// decided it counts.
    fn forget(&mut self) {
        self.reasons.clear();
        self.prompts.clear();
        self.grounds.unknowns.clear();
    }

    fn case(self, choices: &[Choice]) -> Case {
        Case {
            choices: choices.to_vec(),
            free_before: self.free_before,
            replaces: self.replaces,
            free_after: self.free_after,
            outcome: self.outcome(),
            prompts: self.prompts,
            reasons: self.reasons,
            grounds: self.grounds,
        }
    }

    fn outcome(&self) -> Outcome {
        let unknowns = &self.grounds.unknowns;
        // Whether an overwrite arrives is all one to an owner who can delete the profile with and without it.
        let matters = |unknown: &Unknown| !(self.free_before && unknown.is_about_arrival());
        match (self.free_before, self.free_after) {
            (_, true) if unknowns.iter().any(matters) => Outcome::Depends,
            (true, true) => Outcome::AlreadyFree,
            (false, true) => Outcome::Frees,
            (_, false) if unknowns.iter().any(|unknown| unknown.is_worst()) => Outcome::Depends,
            (_, false) => Outcome::Strands,
        }
    }

    /// The device with the overwrite, unless it refuses it.
    fn overwrite(&mut self, device: &Device) -> Option<Device> {
        let Question { overwrite, overwrite_by, at, .. } = *self.question;
        let answer = match overwrite_by {
            InstalledBy::Hand => {
                let downloaded = device.download(overwrite, at);
                self.note(Step::Download, &downloaded.grounds);
                downloaded.device.install_pending_known(&Act::by_hand(at), Some(&self.pair.overwrite))
            }
            InstalledBy::Mdm => device.install_known(overwrite, &Act::by_mdm(at), &self.pair.overwrite),
        };
        if let Err(refused) = &answer
            && !self.free_before
            && self.is_inherited(device, refused)
        {
            let mut grounds = Grounds::default();
            grounds.unknown(Unknown::Inherited);
            self.note(Step::Install, &grounds);
        }
        let done = self.answered(Step::Install, answer)?;
        self.replaces = Some(done.effect != Effect::Added);
        if done.effect == Effect::Added {
            let sentence = "nothing of its identifier is replaced: it is added beside what is installed";
            self.reason(Step::Install, "AddedBeside", sentence.into(), None, &done.grounds);
        }
        Some(done.device)
    }

    /// Whether what is installed should have been refused for the same reason, whatever else it has, though it is there.
    fn is_inherited(&mut self, device: &Device, refused: &Refused) -> bool {
        let Question { installed, installed_by, at, .. } = *self.question;
        let act = Act { by: installed_by, ..Act::by_hand(at) };
        let Pair { installed: known, overwrite } = self.pair;
        let (has_it, mut grounds) = device.faults_alike(installed, &act, known, (refused, overwrite));
        grounds.unknowns.clear();
        self.note(Step::Install, &grounds);
        has_it
    }

    /// Whether the owner deletes both, if both are there, without any password.
    fn delete(&mut self, device: &Device) -> bool {
        let identifiers =
            [self.question.installed, self.question.overwrite].map(|arrival| arrival.profile.identifier());
        let mut device = device.clone();
        let mut free = true;
        for identifier in identifiers {
            while free && device.find(identifier).is_some() {
                let answer = device.remove(identifier, &Act::by_hand(self.question.at));
                let Some(done) = self.answered(Step::Delete, answer) else { return false };
                for prompt in done.prompts.iter().filter(|prompt| prompt.needs_a_password()) {
                    let mut on = Grounds::default();
                    on.fact(prompt.fact());
                    self.reason(Step::Delete, prompt.word(), prompt.sentence().into(), None, &on.and(&done.grounds));
                    free = false;
                }
                device = done.device;
            }
        }
        free
    }

    fn answered(&mut self, step: Step, answer: Result<Done, Refused>) -> Option<Done> {
        match answer {
            Ok(done) => {
                self.note(step, &done.grounds);
                let new = done.prompts.iter().filter(|prompt| !self.prompts.contains(prompt));
                let new: Vec<Prompt> = new.copied().collect();
                self.prompts.extend(new);
                Some(done)
            }
            Err(Refused { refusal, error, sentence, mut grounds, .. }) => {
                // A refusal is one whatever else is not known, unless the model took the worse of it.
                grounds.unknowns.retain(|unknown| unknown.is_worst());
                self.note(step, &grounds);
                self.reason(step, refusal.word(), sentence, error, &grounds);
                None
            }
        }
    }

    fn note(&mut self, step: Step, grounds: &Grounds) {
        for unknown in &grounds.unknowns {
            if !self.reasons.iter().any(|reason| reason.word == unknown.word()) {
                let mut on = Grounds::default();
                on.fact(unknown.fact());
                self.reason(step, unknown.word(), unknown.sentence().into(), None, &on.and(grounds));
            }
        }
        self.grounds = std::mem::take(&mut self.grounds).and(grounds);
    }

    fn reason(&mut self, step: Step, word: &'static str, sentence: String, error: Option<DeviceError>, on: &Grounds) {
        let (facts, policies) = (on.facts.clone(), on.policies.clone());
        self.reasons.push(Reason { step, word, sentence, error, facts, policies });
    }
}

/// The words that a [`Reason`] may have.
pub fn reason_words() -> impl Iterator<Item = &'static str> {
    let refusals = Refusal::ALL.iter().map(|refusal| refusal.word());
    let unknowns = Unknown::ALL.iter().map(|unknown| unknown.word());
    refusals.chain(unknowns).chain(["AddedBeside", "Administrator", "RemovalPassword"])
}
