//! What a batch tells: its rows, how far it is, its end.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use profile_kit::batch::{Event, Out, Progress, Report, RowProblem};
use serde_json::{Value, json};

use crate::cli::{
    outcome::{Exit, Failure},
    text,
    verify::ReportFormat,
};

/// What a batch is made of, or the manifest that is asked about.
pub struct Subject {
    /// Its name.
    pub name: String,
    /// What that is called in JSON.
    pub key: &'static str,
}

/// Takes what happens and tells it, as it was asked for.
pub struct Told {
    subject: Subject,
    format: ReportFormat,
    quiet: bool,
    bar: Option<ProgressBar>,
    begun: Instant,
    last: Instant,
    /// Files that were there before, once that is known.
    before: Option<u64>,
    errors: Vec<Value>,
    /// Bytes of them.
    kept: usize,
    more_errors: u64,
    notes: Vec<String>,
    /// What is done with a file.
    done: &'static str,
}

impl Told {
    pub fn new(subject: Subject, quiet: bool, format: ReportFormat) -> Self {
        let now = Instant::now();
        Self {
            subject,
            format,
            quiet,
            bar: (!quiet && io::stderr().is_terminal()).then(bar),
            begun: now,
            last: now,
            before: None,
            errors: Vec::new(),
            kept: 0,
            more_errors: 0,
            notes: Vec::new(),
            done: "signed",
        }
    }

    /// The same where files are verified.
    pub fn verifying(self) -> Self {
        Self { done: "good", ..self }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// What was told of rows, for machines, as far as it was kept.
    pub fn errors(&self) -> &[Value] {
        &self.errors
    }

    /// What was told besides, for machines.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// How many more there were.
    pub fn more_errors(&self) -> u64 {
        self.more_errors
    }

    pub fn tell(&mut self, event: Event<'_>) {
        match event {
            Event::Note(note) | Event::Warning(note) if self.format == ReportFormat::Json => {
                self.notes.push(note.to_owned());
            }
            Event::Note(note) => self.aside(|| text::note(&format!("{}: {note}", self.subject.name))),
            Event::Warning(warning) => self.aside(|| text::warning(&format!("{}: {warning}", self.subject.name))),
            Event::Row(problem) if self.format == ReportFormat::Json => self.keep(problem),
            Event::Row(problem) => self.aside(|| text::error(&format!("{}: {problem}", self.subject.name))),
            Event::Progress(progress) => self.progress(progress),
            _ => {}
        }
    }

    /// Prints beside the bar.
    fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// The first ones, without a gap.
    fn keep(&mut self, problem: &RowProblem) {
        let kept = self.kept + size(problem);
        if self.more_errors > 0 || self.errors.len() == MOST_ERRORS || kept > MOST_BYTES {
            self.more_errors += 1;
            return;
        }
        self.kept = kept;
        self.errors.push(row(problem));
    }

    fn progress(&mut self, progress: Progress) {
        let now = Instant::now();
        let words = self.words(progress, now);
        if let Some(bar) = &self.bar {
            bar.set_length(progress.length);
            bar.set_position(progress.position);
            bar.set_message(words);
        } else if let Some(line) = self.line(progress, &words, now) {
            text::note(&line);
        }
    }

    /// How much is done, and how fast.
    fn words(&mut self, progress: Progress, now: Instant) -> String {
        let done = progress.made + progress.failed;
        let before = *self.before.get_or_insert(done);
        let rate = (done - before) as f64 / (now - self.begun).as_secs_f64().max(0.001);
        format!("{} {}, {rate:.0}/s, {} failed", progress.made, self.done, progress.failed)
    }

    /// What is told every so often where there is no bar.
    fn line(&mut self, progress: Progress, words: &str, now: Instant) -> Option<String> {
        if self.quiet || now - self.last < BETWEEN_LINES {
            return None;
        }
        self.last = now;
        let percent = progress.position * 100 / progress.length.max(1);
        Some(format!("{}: {words}, {percent} % of it read", self.subject.name))
    }

    /// Tells the end, and what it means for the exit status; a failure for machines, with what was told before it.
    pub fn end(self, report: Result<Report, Failure>, out: Option<&Out>) -> Result<Exit, Failure> {
        self.clear();
        if self.format == ReportFormat::Json {
            text::print_json(&[self.json(report.as_ref(), out)])?;
            return Ok(report.map_or_else(|failure| failure.exit, |report| exit(&report)));
        }
        let report = report?;
        if !self.quiet {
            text::print(&format!("{}\n", self.summary(&report, out)))?;
        }
        if report.is_stopped {
            let hint = match out {
                Some(Out::Zip(_)) => ": a zip cannot be gone on with, begin again elsewhere",
                Some(_) => ": the same command with --resume goes on",
                None => "",
            };
            text::warning(&format!("interrupted{hint}"));
        }
        Ok(exit(&report))
    }

    fn summary(&self, report: &Report, out: Option<&Out>) -> String {
        let Report { made, failed, resumed, .. } = report;
        let input = text::escape(&self.subject.name);
        let files = if *made == 1 { "file" } else { "files" };
        let rows = if *failed == 1 { "row" } else { "rows" };
        let before = if *resumed > 0 { format!(" ({resumed} rows were done before)") } else { String::new() };
        let end = match report {
            Report { is_complete: false, is_stopped: false, .. } => "; it has no end: devices may be left out",
            _ => "",
        };
        match out {
            Some(out) => {
                let out = text::escape(&out.path().display().to_string());
                format!("{input}: {made} {files} in {out}, {failed} {rows} failed{before}{end}")
            }
            None => format!("{input}: {made} {files} would be signed, {failed} {rows} would fail"),
        }
    }

    /// The end, and what was told before it.
    fn json(&self, report: Result<&Report, &Failure>, out: Option<&Out>) -> Value {
        let mut result = match report {
            Ok(report) => json!({
                self.subject.key: self.subject.name,
                "out": out.map(|out| out.path().display().to_string()),
                "manifest": report.manifest.as_ref().map(|path| path.display().to_string()),
                "rows": report.rows,
                "made": report.made,
                "failed": report.failed,
                "resumed": report.resumed,
                "complete": report.is_complete,
            }),
            Err(failure) => failed(&self.subject, failure),
        };
        result["notes"] = json!(self.notes);
        result["errors"] = json!(self.errors);
        result["more_errors"] = json!(self.more_errors);
        result
    }
}

/// What a report means for the exit status.
fn exit(report: &Report) -> Exit {
    match report {
        Report { is_stopped: true, .. } => Exit::CouldNotAsk,
        Report { failed: 0, is_complete: true, .. } => Exit::Yes,
        _ => Exit::No,
    }
}

/// The result of what ended with a failure.
pub fn failed(subject: &Subject, failure: &Failure) -> Value {
    json!({subject.key: subject.name, "error": failure.message})
}

fn row(problem: &RowProblem) -> Value {
    let problems: Vec<Value> =
        problem.problems.iter().map(|cell| json!({"column": cell.column, "problem": cell.problem})).collect();
    json!({"row": problem.row, "line": problem.line, "device": problem.device, "problems": problems})
}

/// Bytes of what is told of a row, and some for each problem: a row may have a hundred.
fn size(problem: &RowProblem) -> usize {
    let cells = problem.problems.iter();
    cells.map(|cell| cell.column.as_ref().map_or(0, String::len) + cell.problem.len() + BYTES_A_PROBLEM).sum()
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}, {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

const BETWEEN_LINES: Duration = Duration::from_secs(10);
/// In JSON, where they are kept; the manifest has all of them.
const MOST_ERRORS: usize = 10_000;
const MOST_BYTES: usize = 8 << 20;
const BYTES_A_PROBLEM: usize = 64;

#[cfg(test)]
mod tests {
    use profile_kit::batch::CellProblem;

    use super::*;

    fn subject() -> Subject {
        Subject { name: "devices.csv".into(), key: "input" }
    }

    /// The lines of a batch of ten rows a second, asked for every second.
    fn lines(quiet: bool) -> Vec<String> {
        let mut told = Told { bar: None, ..Told::new(subject(), quiet, ReportFormat::Text) };
        let begun = told.begun;
        let line = |second: u64| {
            let progress = Progress { made: 9 * second, failed: second, position: second, length: 40 };
            let now = begun + Duration::from_secs(second);
            let words = told.words(progress, now);
            told.line(progress, &words, now)
        };
        (0..25).filter_map(line).collect()
    }

    #[test]
    fn without_a_terminal_a_line_every_ten_seconds_tells_how_far_it_is() {
        let expected = ["90 signed, 10/s, 10 failed, 25 % of it read", "180 signed, 10/s, 20 failed, 50 % of it read"];
        assert_eq!(lines(false), expected.map(|words| format!("devices.csv: {words}")));
    }

    #[test]
    fn of_rows_with_many_problems_only_so_many_are_kept_and_the_rest_counted() {
        let mut told = Told::new(subject(), true, ReportFormat::Json);
        let wrong = |length: usize| CellProblem { column: Some("n".repeat(length)), problem: "p".repeat(length) };
        let row = |row, length| RowProblem { row, line: row + 1, device: None, problems: vec![wrong(length); 100] };
        (1..=10_000).for_each(|number| told.tell(Event::Row(&row(number, 400))));
        let rows = told.errors().len() as u64;
        assert!((90..100).contains(&rows), "{rows}");
        told.tell(Event::Row(&row(10_001, 1)));
        assert_eq!((told.errors().len() as u64, told.more_errors()), (rows, 10_001 - rows));
    }

    #[test]
    fn nothing_tells_how_far_it_is_where_it_is_to_be_quiet() {
        assert_eq!(lines(true), [""; 0]);
    }
}
