//! `batch --overwrite`.

use std::{path::Path, time::SystemTime};

use profile_kit::{
    Error, Os, PasswordForm,
    batch::{Out, Overwrites},
};

use super::{Args, interrupt, manifest, told::Told, whole_seconds};
use crate::cli::{
    outcome::{Exit, Failure},
    overwrite::Form,
    text,
};

pub fn run(args: &Args, installed: &Path) -> Result<Exit, Failure> {
    let installed = manifest(installed);
    let out = Out::of(args.out.as_deref().unwrap_or(Path::new("overwrites")));
    let sign = args.sign_options(&out)?;
    let identity = args.keys.load(sign.signing_time, None)?;
    let target = args.os.map(|version| Os { platform: args.platform.platform(), version });
    let overwrites = Overwrites {
        form: args.removal_password.form(),
        target,
        strip: args.strip,
        sign_each: args.sign_each,
        shard: args.shard,
        jobs: args.jobs(),
        ..Overwrites::new(&installed, &identity, sign, whole_seconds(SystemTime::now()))
    };
    let name = installed.display().to_string();
    tell_form(&name, args.removal_password, target);
    let stop = interrupt::flag()?;
    let mut told = Told::new(args.subject(), args.quiet, args.format);
    let report = overwrites.run(&out, args.start(), &stop, &mut |event| told.tell(event));
    let failed = |error: Error| match &error {
        Error::OtherSigner { .. } => Failure::of(&name, &error),
        _ => Failure::plain(&error),
    };
    told.end(report.map_err(failed), Some(&out))
}

/// As the verb `overwrite` tells it.
fn tell_form(name: &str, form: Form, target: Option<Os>) {
    if target.is_none() && matches!(form, Form::Auto) {
        let written = match PasswordForm::Auto.for_target(None) {
            PasswordForm::Empty => "empty",
            _ => "omitted",
        };
        text::note(&format!(
            "{name}: no target given: writing the removal password's form `{written}`; name the target with --os, or the form with --removal-password"
        ));
    }
}
