//! Files in and out: `-` is standard input or output, nothing half-written stays.

use std::{
    fs::{self, File, Permissions},
    io::{self, IsTerminal, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::outcome::{Exit, Failure};

/// A file that was read whole, and its name for messages.
pub struct Input {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Input {
    /// Reads a profile from a file or, for `-`, standard input, up to 32 MiB.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let large = |name| Failure { exit: Exit::No, message: format!("{name}: is larger than 32 MiB: not a profile") };
        Self::read_up_to(LARGEST_PROFILE, path, large)
    }

    /// Reads certificates likewise, up to 16 MiB.
    pub fn read_certificates(path: &Path) -> Result<Self, Failure> {
        let large = |name| Failure::usage(format!("{name}: is larger than 16 MiB: not a file of certificates"));
        Self::read_up_to(LARGEST_CERTIFICATES, path, large)
    }

    fn read_up_to(largest: u64, path: &Path, large: impl FnOnce(String) -> Failure) -> Result<Self, Failure> {
        let name = name(path, "standard input");
        let bytes = match is_dash(path) {
            true => head(largest + 1, io::stdin().lock(), &name)?,
            false => {
                let file = File::open(path).map_err(|cause| Failure::io(&name, "cannot be opened", &cause))?;
                head(largest + 1, file, &name)?
            }
        };
        if bytes.len() as u64 > largest { Err(large(name)) } else { Ok(Self { name, bytes }) }
    }
}

fn head(length: u64, reader: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = reader.take(length).read_to_end(&mut bytes);
    read.map_err(|cause| Failure::io(name, "cannot be read", &cause))?;
    Ok(bytes)
}

/// Where a verb writes what it made.
#[derive(clap::Args)]
pub struct Output {
    /// The file to write; `-` and no option mean standard output.
    #[arg(short = 'o', long = "output", value_name = "OUT")]
    path: Option<PathBuf>,
}

impl Output {
    /// Writes everything or nothing. Binary content is not written to a terminal.
    pub fn write(&self, bytes: &[u8], content: Content) -> Result<(), Failure> {
        match self.path.as_deref().filter(|path| !is_dash(path)) {
            Some(path) => write(path, bytes, OPEN_TO_ALL),
            None => to_standard_output(bytes, content),
        }
    }
}

/// Whether bytes can be shown on a terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Text,
    Binary,
}

/// Writes to standard output; a reader that went away is not an error.
pub fn to_standard_output(bytes: &[u8], content: Content) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if content == Content::Binary && out.is_terminal() {
        return Err(Failure::usage("the output is binary and standard output is a terminal: give -o OUT"));
    }
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::io("standard output", "cannot be written", &cause))
        }
        _ => Ok(()),
    }
}

/// Writes a file beside its place, syncs it and renames it: whoever looks sees the old file or the new one.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let name = name(path, "standard output");
    let failed = |cause: io::Error| Failure::io(&name, "cannot be written", &cause);
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return fs::write(path, bytes).map_err(failed);
    }
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new()
        .prefix(".profile-kit-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(failed)?;
    beside.write_all(bytes).and_then(|()| beside.as_file().sync_all()).map_err(failed)?;
    beside.persist(&place).map_err(|cause| failed(cause.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// A file's name for messages.
pub fn name(path: &Path, dash: &str) -> String {
    if is_dash(path) { dash.into() } else { path.display().to_string() }
}

fn is_dash(path: &Path) -> bool {
    path == Path::new("-")
}

/// Read and write for all, less the umask.
pub const OPEN_TO_ALL: u32 = 0o666;
/// Read and write for the owner alone: keys.
pub const OWNER_ONLY: u32 = 0o600;

const LARGEST_PROFILE: u64 = 32 << 20;
const LARGEST_CERTIFICATES: u64 = 16 << 20;
