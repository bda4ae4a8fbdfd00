//! A copy of the record that can be put back: ledger, checkpoints, and what says which keys open them.
//!
//! The keys themselves are not in it. Who has the copy alone can read which device got what, and verify the audit; the
//! profiles stay sealed. `backup.json` names the keys that have to be kept elsewhere, those of ledger and audit by their
//! name, and the signing identities, without which devices cannot be freed, by their leaf.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown},
    path::{Path, PathBuf},
    slice,
    time::SystemTime,
};

use openssl::sha::Sha256;
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    Digest,
    audit::{Checkpoint, CheckpointFile, CheckpointVerifier},
    config::PUT_BACK,
    file::{folder_of, sync_folder},
    keyring::{Holding, Keyring},
    ledger::{self, Archive, Check, LedgerKeys, sqlite},
};

/// What is copied, and where a copy is put back.
#[derive(Clone)]
pub struct Record {
    /// The ledger's file.
    pub ledger: PathBuf,
    /// The file of checkpoints.
    pub checkpoints: PathBuf,
    /// What opens the ledger.
    pub keys: LedgerKeys,
    /// Where the configuration names these keys, and in which files: for people.
    pub keys_told: String,
    /// What verifies the checkpoints: the key at work first, then those before it.
    pub verifiers: Vec<CheckpointVerifier>,
}

/// What a backup says of itself, in `backup.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// The form of this file: 1.
    pub format: u32,
    /// When it was made (RFC 3339).
    pub made: String,
    /// The program's version.
    pub version: String,
    /// How many audit records there are.
    pub records: u64,
    /// The number of the last one that a checkpoint covers.
    pub covered: u64,
    /// How many signed profiles there are.
    pub profiles: u64,
    /// The name of the key that opens the profiles: of `ledger.seal_key` and `ledger.parameter_key` together.
    pub ledger_key: String,
    /// The names of those that open profiles sealed before: each of a former seal key and `ledger.parameter_key`.
    #[serde(default)]
    pub former_ledger_keys: Vec<String>,
    /// SHA-256 of the public half of `audit.checkpoint_key`, and of those before it.
    pub checkpoint_keys: Vec<Digest>,
    /// The identities whose keys free devices.
    pub identities: Vec<Needed>,
    /// The other files, each with its SHA-256.
    pub files: BTreeMap<String, Digest>,
}

/// A leaf certificate that the keyring knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Needed {
    /// The identity's name.
    pub identity: String,
    /// SHA-256 of the leaf.
    pub leaf: Digest,
    /// Whose it is.
    pub subject: String,
    /// Whether its key was there.
    pub held: bool,
}

impl Contents {
    /// The identities whose keys were there when the copy was made, and are not in a keyring: what they signed it does not
    /// free.
    pub fn not_held_by(&self, keyring: &Keyring) -> impl Iterator<Item = &Needed> {
        self.identities.iter().filter(|it| it.held && keyring.holding(&it.leaf) != Holding::Held)
    }
}

/// Why a copy was not made, or is not good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        problem: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Something is there already, and is not written over.
    #[error("{}: is there already: take it away first", .0.display())]
    Exists(PathBuf),
    /// The folder holds no backup, or one that was changed.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Another key made it than the configuration names.
    #[error("the backup needs the ledger's key {wanted}, and {keys} is {found}: {PUT_BACK}")]
    OtherKey {
        /// Its name in the backup.
        wanted: String,
        /// The keys that the configuration names, and where they are.
        keys: String,
        /// Their name.
        found: String,
    },
    /// The ledger does not hold.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

/// Copies the record into a new folder, and verifies the copy: every profile opens, every audit record is as it was
/// written. A daemon may go on meanwhile.
///
/// # Errors
/// [`BackupError`]; what was written of a copy that is not good is left for looking at.
pub fn make(record: &Record, keyring: &Keyring, folder: &Path, at: SystemTime) -> Result<Contents, BackupError> {
    make_folder(folder)?;
    // First the checkpoints: none of them tells of more than the ledger's copy has.
    let checkpoints = fs::read(&record.checkpoints).map_err(failed(&record.checkpoints, "cannot be read"))?;
    write(&folder.join(CHECKPOINTS), &checkpoints)?;
    Archive::open(&record.ledger)?.copy(&folder.join(LEDGER))?;
    let public = record.verifiers.iter().map(CheckpointVerifier::to_pem).collect::<Result<Vec<_>, _>>();
    write(&folder.join(PUBLIC_KEY), &public.map_err(|cause| damaged(folder, cause.to_string()))?.concat())?;
    let check = check_copy(record, folder)?;
    let mut files = BTreeMap::new();
    for name in [LEDGER, CHECKPOINTS, PUBLIC_KEY] {
        files.insert(name.to_owned(), digest_of(&folder.join(name))?);
    }
    let contents = Contents {
        format: FORMAT,
        made: OffsetDateTime::from(at).format(&Rfc3339).unwrap_or_default(),
        version: env!("CARGO_PKG_VERSION").into(),
        records: check.audit.head.seq,
        covered: check.audit.covered,
        profiles: check.profiles,
        ledger_key: record.keys.active.id().into(),
        former_ledger_keys: record.keys.former.iter().map(|key| key.id().to_owned()).collect(),
        checkpoint_keys: record.verifiers.iter().map(CheckpointVerifier::id).collect(),
        identities: needed(keyring),
        files,
    };
    let mut text = serde_json::to_vec_pretty(&contents).map_err(|cause| damaged(folder, cause.to_string()))?;
    text.push(b'\n');
    write(&folder.join(CONTENTS), &text)?;
    Ok(contents)
}

/// Reads what a backup says of itself, and that its files are those.
///
/// # Errors
/// [`BackupError::Damaged`] where a file is missing or another.
pub fn read(folder: &Path) -> Result<Contents, BackupError> {
    let path = folder.join(CONTENTS);
    let text = fs::read(&path).map_err(failed(&path, "cannot be read"))?;
    let contents: Contents = serde_json::from_slice(&text).map_err(|cause| damaged(&path, cause.to_string()))?;
    if contents.format != FORMAT {
        return Err(damaged(&path, format!("has format {}, and only {FORMAT} is known", contents.format)));
    }
    for name in [LEDGER, CHECKPOINTS, PUBLIC_KEY] {
        let path = folder.join(name);
        if contents.files.get(name) != Some(&digest_of(&path)?) {
            return Err(damaged(&path, "is not the file that the backup was made with".into()));
        }
    }
    Ok(contents)
}

/// Verifies a backup with the keys that have to open it.
///
/// # Errors
/// [`BackupError`]: it is damaged, or needs other keys.
pub fn verify(folder: &Path, record: &Record) -> Result<(Contents, Check), BackupError> {
    let contents = read(folder)?;
    let needed = [slice::from_ref(&contents.ledger_key), &contents.former_ledger_keys].concat();
    if let Some(wanted) = needed.into_iter().find(|id| !record.keys.has(id)) {
        let (keys, found) = (record.keys_told.clone(), record.keys.active.id().into());
        return Err(BackupError::OtherKey { wanted, keys, found });
    }
    let check = check_copy(record, folder)?;
    Ok((contents, check))
}

/// Verifies a backup, and puts it where a configuration says that the record is. Nothing is written over.
///
/// # Errors
/// [`BackupError`]; [`BackupError::Exists`] where there is a record already, [`ledger::Error::InUse`] where a daemon works.
/// Nothing is left of a copy that cannot be made; the same restore, once more, goes on where one was stopped between both files.
pub fn restore(folder: &Path, record: &Record) -> Result<(Contents, Check), BackupError> {
    // A daemon that is at work would go on with the file that was there before.
    let _lock = sqlite::lock_if_there(&record.ledger)?;
    // A log of another ledger would be read into this one.
    let in_the_way = ["", "-wal", "-shm", "-journal"].map(|end| sqlite::beside(&record.ledger, end));
    if let Some(path) = in_the_way.into_iter().find(|path| fs::symlink_metadata(path).is_ok()) {
        return Err(BackupError::Exists(path));
    }
    // Those of this backup are what a restore that was stopped leaves; an empty file is what a first start leaves.
    if fs::symlink_metadata(&record.checkpoints).is_ok_and(|file| file.len() > 0)
        && digest_of(&record.checkpoints)? != digest_of(&folder.join(CHECKPOINTS))?
    {
        return Err(BackupError::Exists(record.checkpoints.clone()));
    }
    let verified = verify(folder, record)?;
    // The ledger comes last: where it is, the rest is too.
    let copies = [(CHECKPOINTS, &record.checkpoints), (LEDGER, &record.ledger)]
        .map(|(name, to)| Copied::beside(&folder.join(name), to));
    let copies: Vec<Copied<'_>> = copies.into_iter().collect::<Result<_, _>>()?;
    copies.into_iter().try_for_each(Copied::put)?;
    Ok(verified)
}

/// The names of a backup's files, in the order in which they are written.
pub const FILES: [&str; 4] = [LEDGER, CHECKPOINTS, PUBLIC_KEY, CONTENTS];

fn check_copy(record: &Record, folder: &Path) -> Result<Check, BackupError> {
    let path = folder.join(CHECKPOINTS);
    let text = fs::read_to_string(&path).map_err(failed(&path, "cannot be read"))?;
    let checkpoints: Vec<Checkpoint> =
        CheckpointFile::read(&text).map_err(failed(&path, "holds something that is no checkpoint"))?;
    let archive = Archive::open(&folder.join(LEDGER))?;
    Ok(archive.check(&record.keys, &record.verifiers, &checkpoints)?)
}

fn needed(keyring: &Keyring) -> Vec<Needed> {
    let leaves = keyring.certificates().into_iter().filter(|it| it.is_leaf);
    let mut needed: Vec<_> = leaves
        .map(|it| Needed {
            identity: it.identity.to_owned(),
            leaf: it.digest,
            subject: it.certificate.subject(),
            held: keyring.holding(&it.digest) == Holding::Held,
        })
        .collect();
    needed.sort();
    needed
}

/// A folder of its owner's only, which was not there or is empty.
pub fn make_folder(folder: &Path) -> Result<(), BackupError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder).and_then(|()| fs::read_dir(folder));
    match made.map_err(failed(folder, "cannot be made"))?.next() {
        None => Ok(()),
        Some(_) => Err(BackupError::Exists(folder.to_owned())),
    }
}

/// A file beside its place, to be put there; removed where that does not happen. Who owns the folder owns it.
struct Copied<'a> {
    beside: PathBuf,
    to: &'a Path,
}

impl<'a> Copied<'a> {
    fn beside(from: &Path, to: &'a Path) -> Result<Self, BackupError> {
        let copy = Self { beside: sqlite::beside(to, ".restored"), to };
        let copied = || {
            let mut file = own(&copy.beside)?;
            io::copy(&mut File::open(from)?, &mut file)?;
            file.sync_all()?;
            let owner = fs::metadata(folder_of(to))?;
            let written = fs::metadata(&copy.beside)?;
            if (owner.uid(), owner.gid()) != (written.uid(), written.gid()) {
                chown(&copy.beside, Some(owner.uid()), Some(owner.gid()))?;
            }
            Ok(())
        };
        copied().map_err(failed(to, "cannot be written"))?;
        Ok(copy)
    }

    fn put(self) -> Result<(), BackupError> {
        let put = || {
            fs::rename(&self.beside, self.to)?;
            sync_folder(self.to)
        };
        put().map_err(failed(self.to, "cannot be written"))
    }
}

impl Drop for Copied<'_> {
    fn drop(&mut self) {
        // Nothing is there any more where it was put in its place.
        let _ = fs::remove_file(&self.beside);
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let written = || {
        let mut file = own(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    written().map_err(failed(path, "cannot be written"))
}

fn own(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn digest_of(path: &Path) -> Result<Digest, BackupError> {
    let digest = || {
        let (mut file, mut sha, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(Digest(sha.finish())),
                count => sha.update(&buffer[..count]),
            }
        }
    };
    digest().map_err(failed(path, "cannot be read"))
}

fn damaged(path: &Path, problem: String) -> BackupError {
    BackupError::Damaged { path: path.to_owned(), problem }
}

fn failed(path: &Path, problem: &'static str) -> impl FnOnce(io::Error) -> BackupError {
    move |source| BackupError::File { path: path.to_owned(), problem, source }
}

const FORMAT: u32 = 1;
const LEDGER: &str = "ledger.db";
const CHECKPOINTS: &str = "checkpoints.jsonl";
const PUBLIC_KEY: &str = "checkpoint-key.pub.pem";
const CONTENTS: &str = "backup.json";
