//! What the daemon says of itself: events on standard error, and never a secret among them.
//!
//! A thread of its own writes them: where nobody reads them on, the daemon goes on all the same, and lines are lost.

use std::{error::Error, io, panic, sync::mpsc, thread, time::Duration};

use clap::ValueEnum;
use tokio::time::sleep;
use tracing::{Level, Subscriber, level_filters::LevelFilter};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

/// How events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line of JSON each.
    #[default]
    Json,
    /// For people.
    Text,
}

/// The log at work. Where it is dropped, what still waits is written, if that takes little more than a second.
#[derive(Debug)]
pub struct Log {
    lost: ErrorCounter,
    writing: Option<WorkerGuard>,
}

impl Drop for Log {
    fn drop(&mut self) {
        let (writing, (ended, end)) = (self.writing.take(), mpsc::channel());
        // Where nobody reads, the guard may tell so on an output that nobody reads either.
        let write = move || {
            drop(writing);
            let _ = ended.send(());
        };
        if thread::Builder::new().name("log's end".into()).spawn(write).is_ok() {
            let _ = end.recv_timeout(LAST_LINES);
        }
    }
}

impl Log {
    /// What tells of lost lines, for ever.
    pub fn tell_lost(&self) -> impl Future<Output = ()> + Send + use<> {
        let lost = self.lost.clone();
        async move {
            let mut told = 0;
            loop {
                sleep(LOST_EVERY).await;
                let lines = lost.dropped_lines();
                if lines > told {
                    tracing::warn!(lines = lines - told, "lines of the log were lost: nobody took them");
                }
                told = lines;
            }
        }
    }
}

/// Writes the program's events from this level on to standard error, also panics: where, but not why, as that may tell
/// what nobody should read. To be called once, at the start.
///
/// # Errors
/// Where somebody else writes events already.
pub fn start(format: Format, level: Level) -> Result<Log, tracing::subscriber::SetGlobalDefaultError> {
    let thread = NonBlockingBuilder::default().thread_name("log").buffered_lines_limit(MOST_WAITING);
    let (writer, writing) = thread.finish(io::stderr());
    let log = Log { lost: writer.error_counter(), writing: Some(writing) };
    tracing::subscriber::set_global_default(subscriber(format, level, writer))?;
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current().name().map(ToOwned::to_owned);
        tracing::error!(place, thread, "a panic");
    }));
    Ok(log)
}

/// Events of the libraries below are written from `warn` on only: further down they tell what is sent and received.
fn subscriber<W>(format: Format, level: Level, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter =
        Targets::new().with_default(level.min(Level::WARN)).with_target("signer", LevelFilter::from_level(level));
    let layer = fmt::layer().with_writer(writer).with_ansi(false);
    let layer = match format {
        Format::Json => layer.json().boxed(),
        Format::Text => layer.boxed(),
    };
    Box::new(tracing_subscriber::registry().with(layer.with_filter(filter)))
}

/// An error and every cause beneath it, in one line: for the log and for an operator.
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some libraries repeat their cause in their own words: SQLite's errors do.
        if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line.replace('\n', " ")
}

/// How many lines wait at most where they are not taken.
const MOST_WAITING: usize = 8_192;
const LOST_EVERY: Duration = Duration::from_secs(10);
/// How long the last lines may take.
const LAST_LINES: Duration = Duration::from_millis(1_500);

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::{audit::Fault, ledger};

    #[test]
    fn a_cause_that_an_error_tells_itself_is_not_told_twice() {
        let busy = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(5), None);
        let words = busy.to_string();
        assert_eq!(busy.source().unwrap().to_string(), words);
        assert_eq!(chain(&ledger::Error::from(busy)), format!("the ledger cannot be read: {words}"));
        let torn = ledger::Error::from(Fault::NotACheckpoint { line: 3 });
        assert_eq!(torn.to_string(), "the audit does not hold");
        assert_eq!(chain(&torn), "the audit does not hold: line 3 is no checkpoint");
    }

    #[test]
    fn libraries_are_heard_from_warnings_on_only() {
        for (format, first) in [(Format::Json, '{'), (Format::Text, '2')] {
            let told = Told::default();
            let writer = told.clone();
            tracing::subscriber::with_default(subscriber(format, Level::DEBUG, move || writer.clone()), || {
                tracing::debug!(target: "h2::codec", "header canary");
                tracing::warn!(target: "hyper", "theirs");
                tracing::debug!(target: "signer::http", "ours");
                tracing::trace!(target: "signer::http", "too much");
            });
            let text = String::from_utf8(told.0.lock().unwrap().clone()).unwrap();
            assert!(text.contains("theirs") && text.contains("ours"), "{text}");
            assert_eq!(text.lines().count(), 2, "{text}");
            assert!(text.starts_with(first), "{text}");
        }
    }

    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<u8>>>);

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
