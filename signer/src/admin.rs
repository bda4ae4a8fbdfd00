//! The operator's door: what is asked over the admin socket, and what is answered.
//!
//! A line of JSON is asked and a line of JSON is answered, as often as wanted on one connection. The daemon takes only
//! its own user and root, as the kernel tells them.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::{
    device_id::DeviceId,
    import::{Became, Offered},
};

/// What an operator asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// To read the configuration and all that it names again.
    Reload {
        /// The number of devices that may be left without the key of their leaf.
        #[serde(default)]
        accept_stranded: Option<u64>,
    },
    /// Which devices cannot be freed.
    Stranded {
        /// Those after this one.
        #[serde(default)]
        after: Option<DeviceId>,
    },
    /// To take profiles into the record that something else has issued.
    Import {
        /// At most [`BATCH`] at once, and [`BATCH_BYTES`].
        profiles: Vec<Profile>,
    },
    /// To copy the record: the bytes of the files follow the answer.
    Backup,
}

/// A signed profile that is to be taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    device: DeviceId,
    /// In base64.
    signed: String,
    from: String,
}

impl From<&Offered> for Profile {
    fn from(offered: &Offered) -> Self {
        let Offered { device, signed, from } = offered;
        Self { device: device.clone(), signed: STANDARD.encode(signed), from: from.clone() }
    }
}

impl TryFrom<Profile> for Offered {
    type Error = base64::DecodeError;

    fn try_from(Profile { device, signed, from }: Profile) -> Result<Self, base64::DecodeError> {
        Ok(Self { device, signed: STANDARD.decode(signed)?, from })
    }
}

/// How many profiles are imported at once.
pub const BATCH: usize = 64;
/// How many bytes of signed profiles.
pub const BATCH_BYTES: usize = 8 << 20;

/// What the daemon answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// The new configuration is at work.
    Reloaded {
        /// The parts that have changed and are taken up at the next start only.
        restart: Vec<String>,
        /// What is worth knowing although nothing is wrong.
        warnings: Vec<String>,
    },
    /// Devices that cannot be freed, as the key of what they have is not there; none when there are no more.
    Stranded {
        /// In the order of their names.
        devices: Vec<DeviceId>,
    },
    /// What became of each profile.
    Imported {
        /// In the order in which they were asked.
        became: Vec<Became>,
    },
    /// A verified copy of the record, whose files' bytes follow one after the other.
    Backup {
        /// The files: name and length.
        files: Vec<(String, u64)>,
    },
    /// Nothing has changed.
    Refused {
        /// A stable word for why.
        code: String,
        /// Everything that is wrong, a line each.
        problems: Vec<String>,
    },
}

/// The code of a refusal of everything, as too many operators ask at once.
pub const TOO_MANY: &str = "too-many-operators";

/// Why a daemon could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", socket.display())]
pub struct Unreachable {
    /// Its socket.
    pub socket: PathBuf,
    /// What is wrong.
    pub problem: &'static str,
    /// What the system said.
    pub source: io::Error,
}

/// A connection to a daemon.
pub struct Client {
    socket: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to a daemon.
    ///
    /// # Errors
    /// Where none listens there, or it takes nobody like us.
    pub fn connect(socket: &Path) -> Result<Self, Unreachable> {
        let stream = UnixStream::connect(socket).map_err(|cause| {
            let problem = match cause.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => "no daemon listens there",
                ErrorKind::PermissionDenied => "only the daemon's own user and root may ask",
                _ => "cannot be reached",
            };
            Unreachable { socket: socket.to_owned(), problem, source: cause }
        })?;
        Ok(Self { socket: socket.to_owned(), stream: BufReader::new(stream) })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// Where the daemon goes away or answers what is none.
    pub fn ask(&mut self, ask: &Ask) -> Result<Answer, Unreachable> {
        let socket = &self.socket;
        let lost = |source| Unreachable { socket: socket.clone(), problem: "the daemon does not answer", source };
        let mut line = serde_json::to_string(ask).map_err(|cause| lost(cause.into()))?;
        line.push('\n');
        let sent = self.stream.get_mut().write_all(line.as_bytes());
        let mut answer = String::new();
        // Who is turned away has the answer before he has asked.
        if self.stream.read_line(&mut answer).map_err(lost)? == 0 {
            return Err(lost(sent.err().unwrap_or(ErrorKind::UnexpectedEof.into())));
        }
        serde_json::from_str(&answer).map_err(|cause| lost(cause.into()))
    }

    /// The bytes that follow an answer.
    pub fn bytes(&mut self, length: u64) -> impl Read {
        (&mut self.stream).take(length)
    }
}
