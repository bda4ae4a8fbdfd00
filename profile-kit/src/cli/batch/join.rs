//! `batch --join`.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use profile_kit::batch::{self, Report};
use serde_json::json;

use super::{Args, manifest};
use crate::cli::{
    outcome::{Exit, Failure},
    text,
    verify::ReportFormat,
};

pub fn run(args: &Args) -> Result<Exit, Failure> {
    let Some(path) = args.out.as_deref() else {
        if args.format == ReportFormat::Json {
            return Err(Failure::usage(
                "--join writes the manifest to standard output: give --out for a summary there",
            ));
        }
        let mut out = BufWriter::new(io::stdout().lock());
        batch::join(&manifests(args), &mut out, Path::new("standard output"))
            .map_err(|error| Failure::plain(&error))?;
        out.flush().map_err(|cause| Failure::io("standard output", "cannot be written", &cause))?;
        return Ok(Exit::Yes);
    };
    let report = into_file(args, path)?;
    let name = path.display().to_string();
    let Report { rows, made, failed, .. } = report;
    match args.format {
        ReportFormat::Json => {
            text::print_json(&[json!({"manifest": name, "rows": rows, "made": made, "failed": failed})])?;
        }
        ReportFormat::Text if !args.quiet => text::print(&format!("{}: {rows} rows joined\n", text::escape(&name)))?,
        ReportFormat::Text => {}
    }
    Ok(Exit::Yes)
}

fn manifests(args: &Args) -> Vec<PathBuf> {
    args.join.iter().map(|path| manifest(path)).collect()
}

/// Into a file that is not there yet, and that is not there after a failure.
fn into_file(args: &Args, path: &Path) -> Result<Report, Failure> {
    let failed = |doing| move |cause: io::Error| Failure::io(&path.display().to_string(), doing, &cause);
    let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed("cannot be made"))?;
    let mut file = BufWriter::new(file);
    let joined =
        batch::join(&manifests(args), &mut file, path).map_err(|error| Failure::plain(&error)).and_then(|report| {
            let synced = file.flush().and_then(|()| file.get_ref().sync_all());
            synced.map(|()| report).map_err(failed("cannot be written"))
        });
    if joined.is_err() {
        // The failure is what is told.
        let _ = fs::remove_file(path);
    }
    joined
}
