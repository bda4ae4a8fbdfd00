//! Rows into signed profiles.

mod checked;
mod maker;
mod rows;

use std::{sync::atomic::AtomicBool, thread};

use self::{
    checked::Checked,
    maker::{Maker, Worked, try_out},
    rows::Reader,
};
use super::{
    Batch, Event, Options, Out, Report, Start,
    manifest::{self, FORMAT, Head, Kind},
    output::{Output, Warned},
    pipeline,
    plan::Plan,
    resume,
    table::{Table, short},
};
use crate::{Error, Result, Signable, Signer, Template, UuidSource, certificate::hex, identity::shown, template::Cut};

pub(super) fn run(
    batch: &Batch<'_>,
    mut table: Table,
    out: &Out,
    start: Start,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Report> {
    let plan = Plan::new(batch.template, &mut table, &batch.options)?;
    batch.try_signing()?;
    tell_unused(batch.template, &plan, tell);
    let head = head(batch, &table, &plan, out);
    let resumed = match start {
        Start::Fresh => None,
        Start::Resume => resume::go_on(out, &head, batch.options.sign.signing_time, tell)?,
    };
    if let Some(done) = resumed.as_ref().filter(|done| done.is_complete) {
        return Ok(done.report(out));
    }
    let cut = Cut::new(batch.template.clone(), UuidSource::Content);
    thread::scope(|scope| {
        let last_row = resumed.as_ref().map_or(0, |done| done.last_row());
        let mut output = Output::open(out, &head, resumed, batch.options.sign.signing_time, scope)?;
        output.expect(table.length().0);
        let mut reader = Reader::new(&plan, table, &batch.options, last_row, stop);
        let done = pipeline::run_and_finish(
            batch.options.jobs,
            |hand| reader.read(hand),
            || Maker::new(batch, &plan, &cut),
            Maker::make,
            Worked::finish,
            |outcome| output.put(outcome, tell),
        );
        reader.unused.iter().for_each(|key| tell(Event::Note(&unused_column(key))));
        let report = output.finish(reader.rows, done.is_ok() && !reader.is_stopped, tell);
        done.and(report)
    })
}

pub(super) fn try_signing(batch: &Batch<'_>) -> Result<()> {
    let mut signer = Signer::new(batch.identity, batch.options.sign.clone())?;
    match batch.template.sample() {
        Ok(sample) => signer.sign(&sample).map(drop).map_err(|error| explained(batch.template, error)),
        // A sample that is no profile says nothing of the rows.
        Err(_) => Ok(()),
    }
}

pub(super) fn dry_run(
    template: &Template,
    mut table: Table,
    options: &Options,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Report> {
    let plan = Plan::new(template, &mut table, options)?;
    tell_unused(template, &plan, tell);
    admit(template, options)?;
    let cut = Cut::new(template.clone(), UuidSource::Content);
    let (mut made, mut failed, mut warned) = (0, 0, Warned::default());
    let mut reader = Reader::new(&plan, table, options, 0, stop);
    pipeline::run(
        options.jobs,
        |hand| reader.read(hand),
        || Ok(Checked::new(template)),
        |checked, job| Ok(try_out(&cut, &plan, options, checked, job)),
        |tried| {
            match tried {
                Ok(warnings) => {
                    made += 1;
                    warned.tell(warnings, tell);
                }
                Err(problem) => {
                    failed += 1;
                    tell(Event::Row(&problem));
                }
            }
            Ok(())
        },
    )?;
    reader.unused.iter().for_each(|key| tell(Event::Note(&unused_column(key))));
    let (rows, is_stopped) = (reader.rows, reader.is_stopped);
    Ok(Report { rows, made, failed, resumed: 0, is_complete: !is_stopped, is_stopped, manifest: None })
}

/// What would be wrong with every row is told once.
fn admit(template: &Template, options: &Options) -> Result<()> {
    let Ok(sample) = template.sample() else { return Ok(()) };
    let mut findings = sample.refusals();
    findings.retain(|finding| !options.sign.allow.contains(&finding.code));
    if findings.is_empty() { Ok(()) } else { Err(explained(template, Error::Refused { findings })) }
}

/// What is wrong with the sample may be wrong with what the template's placeholders are declared as.
fn explained(template: &Template, error: Error) -> Error {
    match error {
        Error::Refused { findings } => {
            Error::Refused { findings: findings.into_iter().map(|finding| template.explained(finding)).collect() }
        }
        other => other,
    }
}

fn tell_unused(template: &Template, plan: &Plan, tell: &mut dyn FnMut(Event<'_>)) {
    plan.unused.iter().for_each(|column| tell(Event::Note(&unused_column(column))));
    let unused = template.unused();
    for name in plan.defaulted.iter().filter(|name| !unused.contains(&name.as_str())) {
        tell(Event::Note(&format!("placeholder {name:?} has no column: all rows get its default")));
    }
    for name in unused {
        tell(Event::Note(&format!("placeholder {name:?} is declared and used nowhere")));
    }
}

fn unused_column(column: &str) -> String {
    format!("column {:?} is used by nothing", short(column.to_owned()))
}

fn head(batch: &Batch<'_>, table: &Table, plan: &Plan, out: &Out) -> Head {
    let Options { sign, device: _, name: _, fan_out, encrypt_to, shard, jobs: _ } = &batch.options;
    let mut options = manifest::signing(sign, batch.identity);
    options.insert(manifest::OUT.into(), out.kind().into());
    options.insert(manifest::DEVICE.into(), plan.device_column().into());
    options.insert(manifest::NAME.into(), plan.name.to_string());
    options.insert("encoding".into(), table.encoding().to_string());
    if *fan_out {
        options.insert(manifest::FAN_OUT.into(), "yes".into());
    }
    if let Some(column) = encrypt_to {
        options.insert("encrypt_to".into(), column.clone());
    }
    if let Some(shard) = shard {
        options.insert(manifest::SHARD.into(), shard.to_string());
    }
    Head {
        format: FORMAT,
        made: Kind::Profiles,
        input: hex(&table.digest()),
        spec: Some(hex(&batch.spec)),
        leaf: batch.identity.certificate().fingerprint(),
        signing_time: shown(sign.signing_time),
        options,
    }
}
