//! A passphrase that is typed: the terminal shows nothing of it, and is left as it was, also by ^C and by signals.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    sync::{Mutex, MutexGuard, Once, PoisonError},
    thread,
};

use profile_kit::Passphrase;
use rpassword::ConfigBuilder;
use rustix::{
    process::{Signal, getpid, kill_process},
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr},
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
    low_level::emulate_default_handler,
};

use crate::cli::batch::interrupt;

/// Asks a question on the terminal. ^C ends the process as it does elsewhere; where somebody watches for it, it is an
/// error. A signal ends the process, whoever watches.
pub(super) fn ask(question: &str) -> io::Result<Passphrase> {
    let mut terminal = OpenOptions::new().read(true).write(true).open(TERMINAL)?;
    end_by_signals()?;
    let typed = typed(&terminal, question);
    terminal.write_all(b"\n")?;
    if typed.as_ref().is_err_and(is_interruption) {
        match interrupt::is_watched() {
            true => kill_process(getpid(), Signal::INT)?,
            false => emulate_default_handler(SIGINT)?,
        }
    }
    typed.map(Passphrase::new)
}

fn typed(terminal: &File, question: &str) -> io::Result<String> {
    hush(terminal.try_clone()?)?;
    let keys = Keys(terminal.try_clone()?);
    let config = ConfigBuilder::new().input_reader(keys).output_discard().build();
    let asked = (&*terminal).write_all(question.as_bytes());
    let typed = asked.and_then(|()| rpassword::read_password_with_config(config));
    silence().take();
    typed
}

/// Lets signals end the process as they would, once the terminal is as it was. What somebody watches for is his after
/// the question.
fn end_by_signals() -> io::Result<()> {
    static BEGUN: Once = Once::new();
    if BEGUN.is_completed() {
        return Ok(());
    }
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    BEGUN.call_once(|| {
        thread::spawn(move || {
            for signal in signals.forever() {
                let was_silent = silence().take().is_some();
                if was_silent || !interrupt::is_watched() {
                    let _ = emulate_default_handler(signal);
                }
            }
        });
    });
    Ok(())
}

/// Before the question: whoever answers at once is not shown either.
fn hush(terminal: File) -> io::Result<()> {
    // Held while it is hushed, so that no signal comes in between.
    let mut silence = silence();
    *silence = Some(Silence::on(terminal)?);
    Ok(())
}

fn silence() -> MutexGuard<'static, Option<Silence>> {
    static SILENCE: Mutex<Option<Silence>> = Mutex::new(None);
    SILENCE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal that shows nothing and hands over each key, until this is dropped.
struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    fn on(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&terminal, OptionalActions::Now, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

/// What is typed, up to ^C: that is an error, so that nobody ends the process before the terminal is as it was.
struct Keys(File);

impl Read for Keys {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        match buffer[..count].contains(&CTRL_C) {
            true => Err(io::Error::other(Interruption)),
            false => Ok(count),
        }
    }
}

/// ^C was typed.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interruption;

fn is_interruption(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|cause| cause.is::<Interruption>())
}

const TERMINAL: &str = "/dev/tty";
const CTRL_C: u8 = 3;
