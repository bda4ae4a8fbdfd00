//! `batch --verify`.

use std::{path::Path, sync::atomic::Ordering, time::SystemTime};

use profile_kit::{
    batch::{self, Report},
    verify::VerifyOptions,
};
use serde_json::json;

use super::{Args, interrupt, manifest, told::Told};
use crate::cli::{
    outcome::{Exit, Failure},
    text,
    verify::{ReportFormat, roots},
};

pub fn run(args: &Args, path: &Path) -> Result<Exit, Failure> {
    let path = manifest(path);
    let name = path.display().to_string();
    let store = args.roots.as_deref().map(roots).transpose()?;
    let options = VerifyOptions::new(SystemTime::now());
    let stop = interrupt::flag()?;
    let mut told = Told::new(args.subject(), args.quiet, args.format).verifying();
    let report = batch::verify(&path, store.as_ref(), &options, args.jobs(), &stop, &mut |event| told.tell(event));
    let report = match report.map_err(|error| Failure::plain(&error)) {
        Ok(_) if stop.load(Ordering::Relaxed) => return told.end(Err(Failure::usage("interrupted")), None),
        Ok(report) => report,
        Err(failure) => return told.end(Err(failure), None),
    };
    told.clear();
    match args.format {
        ReportFormat::Json => text::print_json(&[json!({
            "manifest": name,
            "rows": report.rows,
            "good": report.made,
            "bad": report.failed,
            "complete": report.is_complete,
            "notes": told.notes(),
            "errors": told.errors(),
            "more_errors": told.more_errors(),
        })])?,
        ReportFormat::Text if !args.quiet => text::print(&format!("{}\n", summary(&name, &report)))?,
        ReportFormat::Text => {}
    }
    let is_good = report.is_complete && report.failed == 0;
    Ok(if is_good { Exit::Yes } else { Exit::No })
}

fn summary(name: &str, report: &Report) -> String {
    let name = text::escape(name);
    let bad = if report.failed == 1 { "1 is not".to_owned() } else { format!("{} are not", report.failed) };
    let good = if report.made == 1 { "1 file is".to_owned() } else { format!("{} files are", report.made) };
    let end = if report.is_complete { "" } else { "; it has no end: the batch is not complete" };
    format!("{name}: {good} what it says, {bad}{end}")
}
