//! The verb `check`.

mod answer;
mod codes;
mod crew;
mod sarif;
mod target;
mod walk;

use std::{num::NonZero, path::PathBuf, thread, time::SystemTime};

use clap::ValueEnum;
use profile_kit::{
    TrustStore,
    inspect::{Counts, Inspector, Levels},
};

use self::{
    answer::{Answer, Form, Question},
    codes::Denied,
    target::TargetOptions,
    walk::Found,
};
use super::{
    outcome::{Exit, Failure},
    text, verify,
};

/// Check profiles, signed or not: whether devices take them, and whether they do what you think.
///
/// A directory is searched for files whose names end in .mobileconfig, in whatever case; hidden ones are passed over,
/// links to files are followed, links to directories are not. Exit status 1 where anything is an error, 2 where a file
/// cannot be read.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  profile-kit check profiles/ --os 17 --supervised yes --deny warnings")]
pub struct Args {
    /// Files and directories; `-` is standard input.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    target: TargetOptions,
    /// Pass over findings of this code.
    #[arg(long, value_name = "CODE", value_parser = codes::code)]
    allow: Vec<profile_kit::check::Code>,
    /// Make findings of this code errors; `warnings` means all warnings.
    #[arg(long, value_name = "CODE|warnings", value_parser = codes::denied)]
    deny: Vec<Denied>,
    /// Ask whether these roots, PEM, vouch for the signers; not asked, unless given.
    #[arg(long, value_name = "PEM")]
    roots: Option<PathBuf>,
    /// The time that dates are compared with and at which certificates must be valid, in RFC 3339; now, unless given.
    #[arg(long, value_name = "TIME", value_parser = text::parse_time)]
    at: Option<SystemTime>,
    /// How many files are checked at once; as many as there are cores, unless given.
    #[arg(long, short, value_name = "NUMBER")]
    jobs: Option<NonZero<usize>>,
    /// How the answer is written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: FormatName,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum FormatName {
    /// As compilers do, with the line.
    #[default]
    Text,
    /// The project's own.
    Json,
    /// SARIF 2.1.0, for code hosts.
    Sarif,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    let levels = levels(args)?;
    let roots = args.roots.as_deref().map(verify::roots).transpose()?;
    let at = args.at.unwrap_or_else(SystemTime::now);
    let form = match args.format {
        FormatName::Text => Form::Text,
        FormatName::Json => Form::Json,
        FormatName::Sarif => Form::Sarif,
    };
    let question = Question { target: args.target.target(), levels, at, form };
    let found: Vec<Found> = args.paths.iter().flat_map(|path| walk::files(path)).collect();
    Output::new(form).write(&found, jobs(args), &question, roots.as_ref())
}

fn levels(args: &Args) -> Result<Levels, Failure> {
    let contradiction = |error: profile_kit::inspect::ContradictoryLevels| Failure::usage(error.to_string());
    let mut levels = Levels::new();
    args.allow.iter().try_for_each(|code| levels.allow(*code)).map_err(contradiction)?;
    for denied in &args.deny {
        match denied {
            Denied::Warnings => levels.deny_warnings(),
            Denied::Code(code) => levels.deny(*code).map_err(contradiction)?,
        }
    }
    Ok(levels)
}

fn jobs(args: &Args) -> usize {
    args.jobs.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get)
}

/// What goes to standard output, file after file: ten thousand answers are never in memory at once.
struct Output {
    form: Form,
    items: usize,
    files: usize,
    counts: Counts,
    unread: Vec<String>,
    exit: Exit,
}

impl Output {
    fn new(form: Form) -> Self {
        Self { form, items: 0, files: 0, counts: Counts::default(), unread: Vec::new(), exit: Exit::Yes }
    }

    fn write(
        mut self,
        found: &[Found],
        jobs: usize,
        question: &Question,
        roots: Option<&TrustStore>,
    ) -> Result<Exit, Failure> {
        text::print(&self.form.head())?;
        let inspector = || Inspector::new(question.target, question.at, roots);
        crew::in_order(
            found,
            jobs,
            inspector,
            |inspector, found| question.answer(found, inspector),
            |answer| self.take(answer),
        )?;
        text::print(&self.form.tail(self.items, self.exit, &self.unread))?;
        if self.form == Form::Text {
            text::print(&self.summary())?;
        }
        Ok(self.exit)
    }

    fn take(&mut self, answer: Answer) -> Result<(), Failure> {
        for item in &answer.items {
            text::print(&self.form.item(item, self.items))?;
            self.items += 1;
        }
        self.files += usize::from(answer.is_file);
        self.counts += answer.counts;
        self.exit = self.exit.max(answer.exit);
        if let Some(problem) = answer.unread {
            text::error(&problem);
            self.unread.push(problem);
        }
        Ok(())
    }

    /// `12 files: 1 error, 3 warnings`.
    fn summary(&self) -> String {
        let files = if self.files == 1 { "1 file".into() } else { format!("{} files", self.files) };
        let unread = match self.unread.len() {
            0 => String::new(),
            count => format!(", {count} could not be checked"),
        };
        format!("{files}: {}{unread}\n", self.counts)
    }
}
