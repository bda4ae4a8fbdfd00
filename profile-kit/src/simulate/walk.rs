//! Walking through a scenario's steps.

mod at_console;
mod install;
mod overwrite;
mod settings;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use super::{
    Keys, Line, Outcome, Report, Scenario, StepReport, Who,
    console::Console,
    expect::Expected,
    phone::Phone,
    report::Went,
    step::{Deed, Step},
    way,
};
use crate::{
    DeviceError, InstalledBy, Result,
    device::{Act, Answer, Done, Grounds, Prompt, Refusal, Refused},
    payload::Secret,
    preflight::Verdict,
};

/// Runs every step, also after one that went otherwise than expected.
pub(super) fn run(scenario: &Scenario, keys: &Keys) -> Result<Report> {
    let mut walk = Walk::new(scenario, keys);
    let steps = scenario.steps.iter().map(|step| walk.step(step)).collect::<Result<Vec<_>>>()?;
    let (end, _) = way::judge(&walk.phone, &walk.console, keys, walk.now)?;
    let missed_end = scenario.end.as_ref().filter(|expected| expected.word != end.word());
    let missed_end = missed_end.map(|expected| (expected.line, expected.word.clone()));
    let (title, about) = (scenario.title.clone(), scenario.about.clone());
    Ok(Report { title, about, steps, end, missed_end })
}

/// Device, console and clock on the way, and what the present step has told so far.
#[derive(Clone)]
struct Walk<'a> {
    scenario: &'a Scenario,
    keys: &'a Keys,
    phone: Phone,
    console: Console,
    now: SystemTime,
    seen: Vec<Line>,
    error: Option<DeviceError>,
    prompts: Vec<Prompt>,
    grounds: Grounds,
    preflight: Option<Verdict>,
}

impl<'a> Walk<'a> {
    fn new(scenario: &'a Scenario, keys: &'a Keys) -> Self {
        Self {
            scenario,
            keys,
            phone: Phone::new(scenario.device.clone()),
            console: Console::new(scenario.practice.clone()),
            now: scenario.start,
            seen: Vec::new(),
            error: None,
            prompts: Vec::new(),
            grounds: Grounds::default(),
            preflight: None,
        }
    }

    fn step(&mut self, step: &Step) -> Result<StepReport> {
        let at = self.now;
        let outcome = self.act(&step.deed)?;
        let (state, ways) = way::judge(&self.phone, &self.console, self.keys, self.now)?;
        let mut report = StepReport {
            line: step.line,
            action: step.action,
            at,
            seen: std::mem::take(&mut self.seen),
            outcome,
            error: self.error.take(),
            prompts: std::mem::take(&mut self.prompts),
            grounds: std::mem::take(&mut self.grounds),
            preflight: self.preflight.take(),
            state,
            record: self.console.record,
            job: self.console.job,
            ways,
            missed: Vec::new(),
        };
        report.missed = missed(&step.expected, &report);
        Ok(report)
    }

    fn act(&mut self, deed: &Deed) -> Result<Outcome> {
        let act = |by: InstalledBy, password: &Secret| Act { by, at: self.now, password: password.clone() };
        let went = match deed {
            Deed::Enrol => return self.enrol(),
            Deed::OpenInstallPage { via, stops } => return self.open_install_page(*via, *stops),
            Deed::InstallOverwrite { by, password } => return self.install_overwrite(&act(*by, password)),
            Deed::CancelOverwrite => return Ok(self.cancel_overwrite()),
            Deed::Install { profile, signer, by, password, damaged } => {
                return self.install(profile, signer, &act(*by, password), *damaged);
            }
            Deed::Remove { what, by, password } => return Ok(self.remove(what, &act(*by, password))),
            Deed::RequestInactivation { forced } => self.request(*forced),
            Deed::CancelRequest { forced } => self.cancel_request(*forced),
            Deed::OpenSettings => self.open_settings(),
            Deed::DeleteApp => self.delete_app(),
            Deed::InstallApp => self.install_app(),
            Deed::Wait(length) => self.wait(*length),
            Deed::OpenConsole => self.open_console(),
            Deed::DeleteRecord => self.delete_record(),
            Deed::Wipe => self.wipe(),
            Deed::RenewSigner { to } => self.renew_signer(Some(to)),
            Deed::SignWithNothing => self.renew_signer(None),
            Deed::LoseSigner { which } => self.lose_signer(which),
            Deed::ChangeIdentifier { to } => self.change_identifier(to),
            Deed::ChangeForm { to } => self.change_form(*to),
        };
        Ok(Outcome::Went(went))
    }

    fn see(&mut self, who: Who, number: &'static str, text: impl Into<String>) {
        self.seen.push(Line { who, number, text: text.into() });
    }

    fn owner(&mut self, number: &'static str, text: impl Into<String>) {
        self.see(Who::Owner, number, text);
    }

    fn operator(&mut self, number: &'static str, text: impl Into<String>) {
        self.see(Who::Console, number, text);
    }

    fn note(&mut self, number: &'static str, text: impl Into<String>) {
        self.see(Who::Note, number, text);
    }

    /// Takes the device's answer: the new state and `went`, or the refusal.
    fn take(&mut self, answer: Answer, went: impl FnOnce(&Done) -> Went) -> Outcome {
        match answer {
            Ok(done) => {
                let went = went(&done);
                self.grounds = std::mem::take(&mut self.grounds).and(&done.grounds);
                self.prompts.extend(&done.prompts);
                self.phone.device = done.device;
                Outcome::Went(went)
            }
            Err(refused) => self.refused(&refused),
        }
    }

    fn refused(&mut self, refused: &Refused) -> Outcome {
        self.grounds = std::mem::take(&mut self.grounds).and(&refused.grounds);
        self.error = refused.error;
        // A lock is not heard of: the button is not there.
        if refused.refusal != Refusal::Locked {
            let error = refused.error.map(|error| format!(" ({error})")).unwrap_or_default();
            let sentence = self.keys.with_names(&refused.sentence);
            self.owner("", format!("the device refuses: {sentence}{error}"));
        }
        Outcome::Refused(refused.refusal)
    }
}

/// The words that were expected and did not come.
pub(super) fn missed(expected: &[Expected], report: &StepReport) -> Vec<String> {
    expected.iter().filter(|expected| !expected.what.came(report)).map(|expected| expected.word.clone()).collect()
}
