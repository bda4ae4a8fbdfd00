//! What a batch of `profile-kit` made: by its manifest (JSON Lines), out of its folder or tar archive.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Entries, LARGEST, Offered, Unread, is_inside};
use crate::{Digest, file::open_regular};

/// Reads a manifest: `DIR/manifest.jsonl`, or `FILE.tar.manifest.jsonl` beside its archive.
///
/// # Errors
/// Where it is none, is of overwrites, or its archive cannot be read.
pub fn manifest(path: &Path) -> Result<Entries, Unread> {
    let name = path.display().to_string();
    let wrong = |problem: String| Unread { from: name.clone(), problem };
    let mut lines = BufReader::new(open_regular(path).map_err(|cause| wrong(cause.to_string()))?);
    let head = line(&mut lines).map_err(|cause| wrong(cause.to_string()))?.unwrap_or_default();
    let head: Head = serde_json::from_slice(&head).map_err(|_| wrong("is no manifest of a batch".into()))?;
    if (head.format, head.made.as_str()) != (1, "profiles") {
        return Err(wrong("is no manifest of locked profiles in a form that is known".into()));
    }
    let files = Files::beside(path).map_err(|cause| wrong(format!("its files cannot be read: {cause}")))?;
    Ok(Box::new(Lines { name, lines, files, number: 1, made: 0, failed: 0, unread: 0, is_over: false }))
}

/// What a manifest says behind its head.
struct Lines {
    name: String,
    lines: BufReader<File>,
    files: Files,
    /// Of the line that was read.
    number: u64,
    /// How many files were named, and rows of which nothing was made.
    made: u64,
    failed: u64,
    /// Lines that name neither.
    unread: u64,
    is_over: bool,
}

impl Iterator for Lines {
    type Item = Result<Offered, Unread>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        self.number += 1;
        let text = match line(&mut self.lines) {
            Ok(Some(text)) => text,
            Ok(None) => return self.ended(INCOMPLETE.into()),
            Err(cause) => return self.ended(format!("cannot be read, nor what comes after it: {cause}")),
        };
        match serde_json::from_slice(&text) {
            Ok(Line::Made(made)) => {
                self.made += 1;
                let from = self.from();
                Some(offered(made, &mut self.files, from))
            }
            Ok(Line::Failed { row, problems }) => {
                self.failed += 1;
                let problems: Vec<_> = problems.into_iter().map(|it| it.problem).collect();
                self.wrong(format!("nothing was made of row {row}: {}", problems.join("; ")))
            }
            Ok(Line::End { made, failed }) => self.end(made, failed),
            Err(_) => {
                self.unread += 1;
                self.wrong("is no line of a manifest".into())
            }
        }
    }
}

impl Lines {
    /// The last line counts what stands before it.
    fn end(&mut self, made: u64, failed: u64) -> Option<Result<Offered, Unread>> {
        let Self { made: named, failed: told, unread, .. } = *self;
        // What could not be read was told where it stands, and is the one or the other.
        let counts = made.checked_sub(named).and_then(|more| more.checked_add(failed.checked_sub(told)?));
        match line(&mut self.lines) {
            Ok(None) if counts == Some(unread) => {
                self.is_over = true;
                None
            }
            Ok(None) => {
                self.ended(format!("counts {made} files and {failed} failed rows, where {named} and {told} are named"))
            }
            _ => {
                self.ended("is the manifest's end, and more comes after it: join manifests with `batch --join`".into())
            }
        }
    }

    fn ended(&mut self, problem: String) -> Option<Result<Offered, Unread>> {
        self.is_over = true;
        self.wrong(problem)
    }

    fn wrong(&self, problem: String) -> Option<Result<Offered, Unread>> {
        Some(Err(Unread { from: self.from(), problem }))
    }

    fn from(&self) -> String {
        format!("{}, line {}", self.name, self.number)
    }
}

#[derive(Deserialize)]
struct Head {
    format: u64,
    made: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Made(Made),
    Failed {
        row: u64,
        problems: Vec<Problem>,
    },
    /// How many files there are, and rows of which nothing was made: nothing to import.
    End {
        made: u64,
        failed: u64,
    },
}

#[derive(Deserialize)]
struct Problem {
    problem: String,
}

#[derive(Deserialize)]
struct Made {
    device: String,
    file: String,
    signed: String,
}

fn offered(made: Made, files: &mut Files, from: String) -> Result<Offered, Unread> {
    let wrong = |problem: String| Unread { from: from.clone(), problem };
    let Made { device, file, signed: digest } = made;
    let device = device.parse().map_err(|_| wrong("its device is no device id".into()))?;
    if !is_inside(&file) {
        return Err(wrong(format!("{file} leads out of the folder")));
    }
    let signed = files.read(&file).map_err(|cause| wrong(format!("{file} cannot be read: {cause}")))?;
    let digest: Option<Digest> = digest.trim_start_matches("sha256:").parse().ok();
    match digest == Some(Digest::of(&signed)) {
        true => Ok(Offered { device, signed, from }),
        false => Err(wrong(format!("{file} is not the file that was made"))),
    }
}

/// A line without its end; none at the end of the file.
fn line(lines: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    lines.take(LONGEST).read_until(b'\n', &mut line)?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) if line.len() as u64 + 1 == LONGEST => {
            Err(io::Error::other(format!("it is longer than {} MiB", LONGEST >> 20)))
        }
        Some(_) => Err(io::Error::other("the file ends within it")),
    }
}

/// Where the files of a batch are.
enum Files {
    Folder(PathBuf),
    /// The archive, and where in it each file is.
    Tar(File, HashMap<String, (u64, u64)>),
}

impl Files {
    fn beside(manifest: &Path) -> io::Result<Self> {
        let name = manifest.to_string_lossy();
        match name.strip_suffix(".manifest.jsonl") {
            None => Ok(Files::Folder(manifest.parent().map(Path::to_owned).unwrap_or_default())),
            Some(archive) if archive.ends_with(".tar") => Files::tar(Path::new(archive)),
            Some(_) => {
                Err(io::Error::other("only folders and tar archives are read: unpack others beside the manifest"))
            }
        }
    }

    fn tar(path: &Path) -> io::Result<Self> {
        let mut archive = tar::Archive::new(open_regular(path)?);
        let mut places = HashMap::new();
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            let name = entry.path()?.to_string_lossy().into_owned();
            places.insert(name, (entry.raw_file_position(), entry.size()));
        }
        Ok(Files::Tar(File::open(path)?, places))
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let length = match self {
            Files::Folder(folder) => {
                let file = open_regular(&folder.join(name))?;
                file.take(LARGEST + 1).read_to_end(&mut bytes)? as u64
            }
            Files::Tar(file, places) => {
                let (place, size) = *places.get(name).ok_or(io::ErrorKind::NotFound)?;
                file.seek(SeekFrom::Start(place))?;
                file.take(size.min(LARGEST + 1)).read_to_end(&mut bytes)? as u64
            }
        };
        match length > LARGEST {
            true => {
                Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {} MiB", LARGEST >> 20)))
            }
            false => Ok(bytes),
        }
    }
}

/// The manifest of a folder, if a batch made it.
pub(super) fn of_folder(folder: &Path) -> Option<PathBuf> {
    let path = folder.join("manifest.jsonl");
    fs::exists(&path).unwrap_or(false).then_some(path)
}

const INCOMPLETE: &str = "the manifest has no end: its batch is not complete, or was cut off";
/// Bytes of a line.
const LONGEST: u64 = 8 << 20;
