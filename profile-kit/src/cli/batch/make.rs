//! `batch SPEC DEVICES`.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use profile_kit::{
    Error, SignOptions,
    batch::{self, Batch, Options, Out, Start},
};

use super::{Args, interrupt, source, told::Told};
use crate::cli::{
    build::Spec,
    files::{is_dash, name},
    outcome::{Exit, Failure},
};

pub fn run(args: &Args) -> Result<Exit, Failure> {
    if is_dash(&args.spec) && is_dash(&args.devices) {
        return Err(Failure::usage("SPEC and DEVICES are both standard input"));
    }
    let spec = Spec::read(&args.spec)?;
    let out = Out::of(args.out.as_deref().unwrap_or(Path::new("profiles")));
    let options = options(args, &out)?;
    let table = source::table(&args.devices, args.encoding())?;
    let stop = interrupt::flag()?;
    let mut told = Told::new(&args.devices, args.quiet, args.format);
    if args.dry_run {
        let report = batch::dry_run(&spec.template, table, &options, &stop, &mut |event| told.tell(event));
        return told.end(&report.map_err(|error| failure(args, &out, &error))?, None);
    }
    let identity = args.keys.load(options.sign.signing_time, None)?;
    let start = if args.resume { Start::Resume } else { Start::Fresh };
    let batch = Batch::new(&spec.template, &spec.bytes, &identity, options);
    let report = batch.run(table, &out, start, &stop, &mut |event| told.tell(event));
    told.end(&report.map_err(|error| failure(args, &out, &error))?, Some(&out))
}

fn options(args: &Args, out: &Out) -> Result<Options, Failure> {
    let sign = SignOptions { allow: args.allow.clone(), allow_expired: args.allow_expired, ..signing(args, out)? };
    Ok(Options {
        device: args.device.clone(),
        name: args.name.clone(),
        fan_out: args.fan_out,
        encrypt_to: args.encrypt_to.clone(),
        shard: args.shard,
        jobs: args.jobs(),
        ..Options::new(sign)
    })
}

/// A batch that is gone on with keeps its signing time, unless another is asked for, which is refused then.
fn signing(args: &Args, out: &Out) -> Result<SignOptions, Failure> {
    let options = args.signing.options();
    if !args.resume || args.signing.names_time() {
        return Ok(SignOptions { signing_time: whole_seconds(options.signing_time), ..options });
    }
    let begun = batch::signing_time(out).map_err(|error| Failure::of(&out.manifest().display().to_string(), &error))?;
    Ok(SignOptions { signing_time: begun.unwrap_or(whole_seconds(options.signing_time)), ..options })
}

/// As the manifest and the signature hold it.
fn whole_seconds(moment: SystemTime) -> SystemTime {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

/// What an error of the library is about.
fn failure(args: &Args, out: &Out, error: &Error) -> Failure {
    match error {
        Error::Table { .. } => Failure::of(&name(&args.devices, "standard input"), error),
        Error::Manifest { .. } => Failure::of(&out.manifest().display().to_string(), error),
        Error::Refused { .. } => Failure::of(&name(&args.spec, "standard input"), error),
        _ => Failure::plain(error),
    }
}
