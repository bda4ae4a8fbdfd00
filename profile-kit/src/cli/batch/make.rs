//! `batch SPEC DEVICES`.

use std::path::Path;

use profile_kit::{
    Error,
    batch::{self, Batch, Options, Out},
};

use super::{Args, interrupt, source, told::Told};
use crate::cli::{
    build::Spec,
    files::{is_dash, name},
    outcome::{Exit, Failure},
};

pub fn run(args: &Args, spec: &Path, devices: &Path) -> Result<Exit, Failure> {
    if is_dash(spec) && is_dash(devices) {
        return Err(Failure::usage("SPEC and DEVICES are both standard input"));
    }
    let out = Out::of(args.out.as_deref().unwrap_or(Path::new("profiles")));
    let failed = |error| failure([spec, devices], &error);
    let options = options(args, &out)?;
    let spec = Spec::read(spec)?;
    let table = source::table(devices, args.encoding())?;
    let stop = interrupt::flag()?;
    let mut told = Told::new(args.subject(), args.quiet, args.format);
    if args.dry_run {
        if args.keys.given() {
            let identity = args.keys.load(options.sign.signing_time, None)?;
            Batch::new(&spec.template, &spec.bytes, &identity, options.clone()).try_signing().map_err(failed)?;
        }
        let report = batch::dry_run(&spec.template, table, &options, &stop, &mut |event| told.tell(event));
        return told.end(report.map_err(failed), None);
    }
    let identity = args.keys.load(options.sign.signing_time, None)?;
    let batch = Batch::new(&spec.template, &spec.bytes, &identity, options);
    let report = batch.run(table, &out, args.start(), &stop, &mut |event| told.tell(event));
    told.end(report.map_err(failed), Some(&out))
}

fn options(args: &Args, out: &Out) -> Result<Options, Failure> {
    Ok(Options {
        device: args.device.clone(),
        name: args.name.clone(),
        fan_out: args.fan_out,
        encrypt_to: args.encrypt_to.clone(),
        shard: args.shard,
        jobs: args.jobs(),
        ..Options::new(args.sign_options(out)?)
    })
}

/// Names what an error of the library is about.
fn failure([spec, devices]: [&Path; 2], error: &Error) -> Failure {
    match error {
        Error::Table { .. } => Failure::of(&name(devices, "standard input"), error),
        Error::Refused { .. } => Failure::of(&name(spec, "standard input"), error),
        _ => Failure::plain(error),
    }
}
