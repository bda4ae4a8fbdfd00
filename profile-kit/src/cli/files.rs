//! Files in and out: `-` is standard input or output, nothing half-written stays.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    outcome::{Exit, Failure},
    text,
};

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
            true => head(largest + 1, standard_input()?, &name)?,
            false => {
                let file = File::open(path).map_err(|cause| Failure::io(&name, "cannot be opened", &cause))?;
                head(largest + 1, file, &name)?
            }
        };
        if bytes.len() as u64 > largest { Err(large(name)) } else { Ok(Self { name, bytes }) }
    }
}

/// There is one, and after its end it would be an empty file.
fn standard_input() -> Result<io::StdinLock<'static>, Failure> {
    static WAS_READ: AtomicBool = AtomicBool::new(false);
    match WAS_READ.swap(true, Ordering::Relaxed) {
        true => Err(Failure::usage("standard input: is read once: name other files, or - in one place")),
        false => Ok(io::stdin().lock()),
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
    /// Refuses to write over a file that another option names; to be asked before anything is read.
    pub fn spare(&self, named: &[(&str, &Path)]) -> Result<(), Failure> {
        let Some(path) = self.file() else { return Ok(()) };
        let Some(out) = fs::metadata(path).ok().filter(fs::Metadata::is_file) else { return Ok(()) };
        let is_out = |other: fs::Metadata| (other.dev(), other.ino()) == (out.dev(), out.ino());
        match named.iter().find(|(_, path)| fs::metadata(path).is_ok_and(is_out)) {
            None => Ok(()),
            Some((option, _)) => {
                Err(Failure::usage(format!("{}: is what {option} names: give another file with -o", path.display())))
            }
        }
    }

    /// Writes everything or nothing. Binary content is not written to a terminal.
    pub fn write(&self, bytes: &[u8], content: Content) -> Result<(), Failure> {
        self.write_as(OPEN_TO_ALL, bytes, content)
    }

    /// Writes likewise what was secret: a new file is the owner's alone.
    pub fn write_secret(&self, bytes: &[u8], content: Content) -> Result<(), Failure> {
        self.write_as(OWNER_ONLY, bytes, content)
    }

    fn write_as(&self, mode: u32, bytes: &[u8], content: Content) -> Result<(), Failure> {
        match self.file() {
            Some(path) => write(path, bytes, mode),
            None => to_standard_output(bytes, content),
        }
    }

    fn file(&self) -> Option<&Path> {
        self.path.as_deref().filter(|path| !is_dash(path))
    }
}

/// Whether bytes can be shown on a terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Text,
    Binary,
}

impl Content {
    /// Text is UTF-8 with nothing in it that steers a terminal.
    pub fn of(bytes: &[u8]) -> Self {
        let steers = |c: char| text::hostile(c) && !matches!(c, '\n' | '\r' | '\t' | '\u{feff}');
        match str::from_utf8(bytes) {
            Ok(text) if !text.chars().any(steers) => Self::Text,
            _ => Self::Binary,
        }
    }
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
/// The mode is a new file's, less the umask; a file that is replaced keeps its own.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let name = name(path, "standard output");
    replace(path, bytes, mode).map_err(|cause| Failure::io(&name, "cannot be written", &cause))
}

/// Causes are the system's own: tempfile's would name the file beside.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let there = fs::metadata(path).ok();
    if there.as_ref().is_some_and(|there| !there.is_file() && !there.is_dir()) {
        return fs::write(path, bytes);
    }
    let place = place(path)?;
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let opened = File::open(folder);
    let mode = if there.is_some() { OWNER_ONLY } else { mode };
    let new = |path: &Path| OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut beside = tempfile::Builder::new().prefix(".profile-kit-").make_in(folder, new)?;
    if let Some(there) = there {
        beside.as_file().set_permissions(there.permissions())?;
    }
    beside.as_file_mut().write_all(bytes)?;
    beside.as_file().sync_all()?;
    beside.persist(&place).map_err(|refused| refused.error)?;
    synced(opened)
}

/// A folder that may be written and not read cannot be opened to be synced: what was written is there.
fn synced(folder: io::Result<File>) -> io::Result<()> {
    match folder {
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        folder => folder?.sync_all(),
    }
}

/// Where a path leads through symbolic links, also where nothing is there yet.
fn place(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    let mut place = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&place) else { break };
        place = place.parent().unwrap_or(Path::new("")).join(target);
    }
    Ok(place)
}

/// A file's name for messages.
pub fn name(path: &Path, dash: &str) -> String {
    if is_dash(path) { dash.into() } else { path.display().to_string() }
}

/// Whether a path stands for standard input or output.
pub fn is_dash(path: &Path) -> bool {
    path == Path::new("-")
}

/// Read and write for all, less the umask.
pub const OPEN_TO_ALL: u32 = 0o666;
/// Read and write for the owner alone: keys.
pub const OWNER_ONLY: u32 = 0o600;

/// As many as Linux follows.
const MOST_LINKS: usize = 40;

const LARGEST_PROFILE: u64 = 32 << 20;
const LARGEST_CERTIFICATES: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_that_is_replaced_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        for kept in [0o600, 0o400, 0o640] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(kept)).unwrap();
            write(&path, b"new", OPEN_TO_ALL).unwrap();
            assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"new".to_vec(), kept));
            fs::remove_file(&path).unwrap();
        }
    }

    /// What a superuser is refused nothing of is told by the outcome alone.
    #[test]
    fn a_folder_that_cannot_be_read_takes_a_file_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o300)).unwrap();
        let written = write(&folder.path().join("out"), b"new", OPEN_TO_ALL);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(written.is_ok(), "{written:?}");
        assert!(synced(Err(io::ErrorKind::PermissionDenied.into())).is_ok());
        assert!(synced(Err(io::ErrorKind::NotFound.into())).is_err());
    }

    #[test]
    fn a_new_secret_is_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        Output { path: Some(path.clone()) }.write_secret(b"secret", Content::Text).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn links_stay_and_what_they_lead_to_is_written_there_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let (far, near) = (folder.path().join("far"), folder.path().join("near"));
        fs::create_dir(folder.path().join("within")).unwrap();
        symlink("within/target", &far).unwrap();
        symlink("far", &near).unwrap();
        for text in ["first", "second"] {
            write(&near, text.as_bytes(), OPEN_TO_ALL).unwrap();
            assert_eq!(fs::read_to_string(folder.path().join("within/target")).unwrap(), text);
            assert!(far.is_symlink() && near.is_symlink());
        }
    }

    #[test]
    fn links_in_a_circle_are_an_error_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("circle");
        symlink("circle", &path).unwrap();
        assert!(write(&path, b"new", OPEN_TO_ALL).is_err());
        assert!(path.is_symlink());
    }

    #[test]
    fn an_error_names_the_output_alone() {
        let failure = write(Path::new("/nonexistent/out"), b"new", OPEN_TO_ALL).unwrap_err();
        assert_eq!(failure.message, "/nonexistent/out: cannot be written: No such file or directory (os error 2)");
    }

    #[test]
    fn spares_a_file_that_another_option_names_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (key, link) = (folder.path().join("key"), folder.path().join("link"));
        fs::write(&key, "key").unwrap();
        symlink("key", &link).unwrap();
        let output = |path: &Path| Output { path: Some(path.to_owned()) };
        let failure = output(&link).spare(&[("--cert", Path::new("/nonexistent")), ("--key", &key)]).unwrap_err();
        assert!(failure.message.ends_with("link: is what --key names: give another file with -o"), "{failure:?}");
        assert_eq!(failure.exit, Exit::CouldNotAsk);
        assert!(output(&folder.path().join("new")).spare(&[("--key", &key)]).is_ok());
        assert!(output(Path::new("/dev/null")).spare(&[("--key", Path::new("/dev/null"))]).is_ok());
    }
}
