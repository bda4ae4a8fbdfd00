//! A passphrase that is typed: the terminal shows nothing of it, and is left as it was, also by ^C.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
};

use profile_kit::Passphrase;
use rpassword::ConfigBuilder;
use rustix::{
    process::{Signal, getpid, kill_process},
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr},
};

/// Asks a question on the terminal. ^C ends the process as it does elsewhere; where somebody watches for it, it is an
/// error.
pub(super) fn ask(question: &str) -> io::Result<Passphrase> {
    let mut terminal = OpenOptions::new().read(true).write(true).open(TERMINAL)?;
    let typed = typed(&terminal, question);
    terminal.write_all(b"\n")?;
    if typed.as_ref().is_err_and(is_interruption) {
        kill_process(getpid(), Signal::INT)?;
    }
    typed.map(Passphrase::new)
}

fn typed(terminal: &File, question: &str) -> io::Result<String> {
    // Before the question: whoever answers at once is not shown either.
    let _silence = Silence::on(terminal)?;
    (&*terminal).write_all(question.as_bytes())?;
    let keys = Keys(terminal.try_clone()?);
    rpassword::read_password_with_config(ConfigBuilder::new().input_reader(keys).output_discard().build())
}

/// A terminal that shows nothing and hands over each key, until this is dropped.
struct Silence<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silence<'a> {
    fn on(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Now, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
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
