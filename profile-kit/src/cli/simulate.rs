//! The verb `simulate`.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use profile_kit::{
    Error,
    simulate::{Report, SHIPPED, Scenario, Shipped, State, StepReport},
};
use serde_json::{Value, json};

use super::{
    files::{Content, Input, to_standard_output},
    outcome::{Exit, Failure},
    text,
    verify::ReportFormat,
};

/// Run the inactivation procedure step by step on a modelled device, with really signed profiles.
///
/// A scenario is a TOML file, or the name of one that comes with the program (--list). Tells what owner and console see
/// at each step, and which facts and policies decided. Exit status 1 where something that the scenario expects does not
/// come, 2 where the scenario cannot be run: it is the question, so that nothing was asked.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  profile-kit simulate hybrid\n  profile-kit simulate --print hybrid > my.toml")]
pub struct Args {
    /// Scenarios: files, or names of those that come along; `-` is standard input.
    #[arg(value_name = "SCENARIO", required_unless_present_any = ["list", "print"])]
    scenarios: Vec<PathBuf>,
    /// Name the scenarios that come along.
    #[arg(long, conflicts_with_all = ["scenarios", "print", "format"])]
    list: bool,
    /// Write out a scenario that comes along, as a start for one's own.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["scenarios", "format"])]
    print: Option<String>,
    /// How the answer is written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: ReportFormat,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    if args.list {
        return list();
    }
    if let Some(name) = &args.print {
        let shipped = Shipped::find(name).ok_or_else(|| Failure::usage(unknown(name)))?;
        to_standard_output(shipped.text.as_bytes(), Content::Text)?;
        return Ok(Exit::Yes);
    }
    let mut exit = Exit::Yes;
    let mut results = Vec::new();
    for path in &args.scenarios {
        let answer = Answer::of(path);
        exit = exit.max(answer.exit());
        match args.format {
            ReportFormat::Text => answer.tell()?,
            ReportFormat::Json => results.push(answer.json()),
        }
    }
    if args.format == ReportFormat::Json {
        text::print_json(&results)?;
    }
    Ok(exit)
}

fn list() -> Result<Exit, Failure> {
    let mut list = String::new();
    let widest = SHIPPED.iter().map(|shipped| shipped.name.len()).max().unwrap_or_default();
    for shipped in SHIPPED {
        let scenario = Scenario::parse(shipped.text).map_err(|error| Failure::of(shipped.name, &error))?;
        writeln!(list, "{:widest$}  {}", shipped.name, scenario.title).expect(TAKES_ANY);
    }
    text::print(&list)?;
    Ok(Exit::Yes)
}

fn unknown(name: &str) -> String {
    format!("{name}: no scenario of this name comes along: --list names those that do")
}

/// What became of a scenario, and its name.
struct Answer {
    name: String,
    report: Result<Report, Failure>,
}

impl Answer {
    fn of(path: &Path) -> Self {
        let name = super::files::name(path, "standard input");
        let report = text_of(path).and_then(|text| {
            let failed = |error: Error| Failure { exit: Exit::CouldNotAsk, ..Failure::of(&name, &error) };
            Scenario::parse_with(&text, |file| beside(path, file)).and_then(|it| it.run()).map_err(failed)
        });
        Self { name, report }
    }

    fn exit(&self) -> Exit {
        match &self.report {
            Err(failure) => failure.exit,
            Ok(report) if report.is_met() => Exit::Yes,
            Ok(_) => Exit::No,
        }
    }

    fn tell(&self) -> Result<(), Failure> {
        let report = match &self.report {
            Err(failure) => {
                text::error(&failure.message);
                return Ok(());
            }
            Ok(report) => report,
        };
        let bold = text::bold();
        let mut told = format!("{bold}{}{bold:#}: {}\n", text::escape(&self.name), text::escape(&report.title));
        if !report.about.is_empty() {
            writeln!(told, "  {}", text::escape(&report.about)).expect(TAKES_ANY);
        }
        let mut ways: &[String] = &[];
        for step in &report.steps {
            tell_step(&mut told, step, step.ways != ways);
            ways = &step.ways;
        }
        writeln!(told, "  {bold}in the end{bold:#}: {}", report.end).expect(TAKES_ANY);
        text::print(&told)?;
        for problem in problems(report) {
            text::error(&format!("{}: {problem}", self.name));
        }
        Ok(())
    }

    fn json(&self) -> Value {
        match &self.report {
            Err(failure) => json!({"scenario": self.name, "error": failure.message}),
            Ok(report) => json!({
                "scenario": self.name,
                "title": report.title,
                "about": report.about,
                "met": report.is_met(),
                "end": report.end.word(),
                "missed": problems(report),
                "steps": report.steps.iter().map(step_json).collect::<Vec<_>>(),
            }),
        }
    }
}

/// A file's text, or that of the scenario that comes along under its name.
fn text_of(path: &Path) -> Result<String, Failure> {
    let name = path.to_str().unwrap_or_default();
    if let Some(shipped) = Shipped::find(name).filter(|_| !path.exists()) {
        return Ok(shipped.text.to_owned());
    }
    if !path.exists() && name != "-" && path.extension().is_none() {
        return Err(Failure::usage(format!("{}, and there is no such file", unknown(&path.display().to_string()))));
    }
    let Input { name, bytes } = Input::read(path).map_err(|failure| Failure { exit: Exit::CouldNotAsk, ..failure })?;
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{name}: is not UTF-8")))
}

/// A file that a scenario names, relative to the scenario's own.
fn beside(scenario: &Path, file: &str) -> io::Result<Vec<u8>> {
    let path = scenario.parent().unwrap_or(Path::new("")).join(file);
    match fs::metadata(&path)?.len() {
        0..=LARGEST => fs::read(path),
        _ => Err(io::Error::other("is larger than 32 MiB")),
    }
}

/// Ways out are told where they changed.
fn tell_step(told: &mut String, step: &StepReport, other_ways: bool) {
    let bold = text::bold();
    let StepReport { line, action, at, outcome, state, .. } = step;
    let error = step.error.map(|error| format!(" ({error})")).unwrap_or_default();
    let time = text::time(*at);
    writeln!(told, "  {bold}{action}{bold:#} (line {line}, {time}): {outcome}{error}; the device: {state}")
        .expect(TAKES_ANY);
    for seen in &step.seen {
        let number = if seen.number.is_empty() { String::new() } else { format!(" {}", seen.number) };
        writeln!(told, "    {}{number}: {}", seen.who, text::escape(&seen.text)).expect(TAKES_ANY);
    }
    for way in step.ways.iter().filter(|_| other_ways) {
        let label = if *state == State::NeedsWipe { "stranded" } else { "way out" };
        writeln!(told, "    {label}: {}", text::escape(way)).expect(TAKES_ANY);
    }
    let decided = decided(step);
    if !decided.is_empty() {
        writeln!(told, "    decided by: {}", decided.join(", ")).expect(TAKES_ANY);
    }
    for unknown in &step.grounds.unknowns {
        writeln!(told, "    not known: {}", unknown.sentence()).expect(TAKES_ANY);
    }
}

fn decided(step: &StepReport) -> Vec<String> {
    let facts = step.grounds.facts.iter().map(ToString::to_string);
    facts.chain(step.grounds.policies.iter().map(ToString::to_string)).collect()
}

/// What was expected and did not come, with what came instead.
fn problems(report: &Report) -> Vec<String> {
    let missed = |step: &StepReport| {
        let (expected, came) = (step.missed.join(", "), step.words().join(", "));
        format!("line {}: {}: expected {expected}; came {came}", step.line, step.action)
    };
    let steps = report.steps.iter().filter(|step| !step.missed.is_empty()).map(missed);
    let end = report.missed_end.iter();
    let end = end.map(|(line, expected)| format!("line {line}: end: expected {expected}; came {}", report.end));
    steps.chain(end).collect()
}

fn step_json(step: &StepReport) -> Value {
    let words = |all: Vec<String>| Value::from(all);
    let seen = |seen: &profile_kit::simulate::Line| {
        let number = Some(seen.number).filter(|number| !number.is_empty());
        json!({"who": seen.who.to_string(), "number": number, "text": seen.text})
    };
    json!({
        "line": step.line,
        "do": step.action,
        "at": text::time(step.at),
        "outcome": step.outcome.to_string(),
        "error": step.error.map(|error| error.to_string()),
        "prompts": words(step.prompts.iter().map(ToString::to_string).collect()),
        "preflight": step.preflight.map(|verdict| verdict.word()),
        "state": step.state.word(),
        "record": step.record.word(),
        "job": step.job.word(),
        "seen": step.seen.iter().map(seen).collect::<Vec<_>>(),
        "ways": step.ways,
        "facts": words(step.grounds.facts.iter().map(ToString::to_string).collect()),
        "policies": words(step.grounds.policies.iter().map(ToString::to_string).collect()),
        "unknowns": words(step.grounds.unknowns.iter().map(ToString::to_string).collect()),
        "missed": step.missed,
    })
}

const LARGEST: u64 = 32 << 20;
const TAKES_ANY: &str = "a string takes any text";
