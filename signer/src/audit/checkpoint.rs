//! Checkpoints: a signature over the chain's end, with a key of its own, and the file that they are appended to.

use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    mem::swap,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use openssl::{
    pkey::{Id, PKey, Private, Public},
    sign::{Signer, Verifier},
};
use serde_json::Value;

use super::{Fault, Head, canonical};
use crate::digest::{Digest, from_hex, to_hex};

/// The key that signs checkpoints: Ed25519 (RFC 8032). It signs nothing else.
#[derive(Clone)]
pub struct CheckpointKey {
    key: PKey<Private>,
    id: Digest,
}

impl CheckpointKey {
    /// A fresh key.
    ///
    /// # Errors
    ///
    /// When OpenSSL makes none.
    pub fn generate() -> Result<Self, InvalidKey> {
        Self::of(PKey::generate_ed25519().map_err(|_| InvalidKey("no Ed25519 key could be made"))?)
    }

    /// Reads a private key in PEM (PKCS#8, `BEGIN PRIVATE KEY`).
    ///
    /// # Errors
    ///
    /// When it is none, or no Ed25519 key.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidKey> {
        Self::of(PKey::private_key_from_pem(pem).map_err(|_| InvalidKey("not a private key in PEM"))?)
    }

    /// The private key in PEM, to be kept in a file that only the daemon reads.
    ///
    /// # Errors
    ///
    /// When OpenSSL does not write it.
    pub fn to_pem(&self) -> Result<Vec<u8>, InvalidKey> {
        self.key.private_key_to_pem_pkcs8().map_err(|_| InvalidKey("the key cannot be written"))
    }

    /// SHA-256 of its public half, as SubjectPublicKeyInfo in DER.
    pub fn id(&self) -> Digest {
        self.id
    }

    /// What verifies its signatures.
    pub fn verifier(&self) -> CheckpointVerifier {
        let raw = self.key.raw_public_key().expect("an Ed25519 key has a public half");
        let key = PKey::public_key_from_raw_bytes(&raw, Id::ED25519).expect("it was one a line ago");
        CheckpointVerifier { key, id: self.id }
    }

    /// Signs the chain's end.
    pub fn sign(&self, head: Head, time: i64) -> Checkpoint {
        let mut checkpoint = Checkpoint { seq: head.seq, time, hash: head.hash, key: self.id, signature: vec![] };
        let signature = Signer::new_without_digest(&self.key)
            .and_then(|mut signer| signer.sign_oneshot_to_vec(&checkpoint.signed_bytes()))
            .expect("an Ed25519 key signs any bytes");
        checkpoint.signature = signature;
        checkpoint
    }

    fn of(key: PKey<Private>) -> Result<Self, InvalidKey> {
        let spki = ed25519(key.id()).and_then(|()| key.public_key_to_der().map_err(|_| InvalidKey("not readable")))?;
        Ok(Self { key, id: Digest::of(&spki) })
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckpointKey({}, [redacted])", self.id)
    }
}

/// The public half of a [`CheckpointKey`].
#[derive(Clone, Debug)]
pub struct CheckpointVerifier {
    key: PKey<Public>,
    id: Digest,
}

impl CheckpointVerifier {
    /// Reads a public key in PEM (`BEGIN PUBLIC KEY`).
    ///
    /// # Errors
    ///
    /// When it is none, or no Ed25519 key.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidKey> {
        let key = PKey::public_key_from_pem(pem).map_err(|_| InvalidKey("not a public key in PEM"))?;
        ed25519(key.id())?;
        let spki = key.public_key_to_der().map_err(|_| InvalidKey("not readable"))?;
        Ok(Self { key, id: Digest::of(&spki) })
    }

    /// Reads one or several public keys in PEM, one after the other.
    ///
    /// # Errors
    ///
    /// When there is none, or one is no Ed25519 key.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, InvalidKey> {
        let text = std::str::from_utf8(pem).map_err(|_| InvalidKey("not a public key in PEM"))?;
        let keys = text.split_inclusive(PEM_END).filter(|key| key.contains(PEM_END));
        let keys = keys.map(|key| Self::from_pem(key.as_bytes())).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(InvalidKey("not a public key in PEM")) } else { Ok(keys) }
    }

    /// SHA-256 of it, as SubjectPublicKeyInfo in DER.
    pub fn id(&self) -> Digest {
        self.id
    }

    /// The public key in PEM, to be kept by whoever verifies.
    ///
    /// # Errors
    ///
    /// When OpenSSL does not write it.
    pub fn to_pem(&self) -> Result<Vec<u8>, InvalidKey> {
        self.key.public_key_to_pem().map_err(|_| InvalidKey("the key cannot be written"))
    }

    /// Whether the signature is by this key and over what the checkpoint says.
    pub fn holds(&self, checkpoint: &Checkpoint) -> bool {
        let verified = || {
            let mut verifier = Verifier::new_without_digest(&self.key)?;
            verifier.verify_oneshot(&checkpoint.signature, &checkpoint.signed_bytes())
        };
        checkpoint.key == self.id && verified().unwrap_or(false)
    }
}

/// A key that is not one for checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("checkpoint key: {0}")]
pub struct InvalidKey(&'static str);

/// The chain's end, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The number of the last record.
    pub seq: u64,
    /// When it was signed, in milliseconds since 1970.
    pub time: i64,
    /// The last record's digest.
    pub hash: Digest,
    /// SHA-256 of the SubjectPublicKeyInfo of the key that signed.
    pub key: Digest,
    /// Ed25519 over the mark, the number, the time and the digest.
    pub signature: Vec<u8>,
}

impl Checkpoint {
    /// The checkpoint as a line of the checkpoint file, canonical JSON without the line's end.
    pub fn to_line(&self) -> String {
        let line = serde_json::json!({
            "hash": self.hash, "key": self.key, "seq": self.seq, "signature": to_hex(&self.signature), "time": self.time,
        });
        canonical::text(&line).expect("texts and whole numbers only")
    }

    /// Reads a line of the checkpoint file.
    ///
    /// # Errors
    ///
    /// [`Fault::NotACheckpoint`] with the line's number, counted from 1.
    pub fn from_line(number: u64, line: &str) -> Result<Self, Fault> {
        Self::read(line).ok_or(Fault::NotACheckpoint { line: number })
    }

    fn read(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| value.get(name)?.as_str();
        let checkpoint = Self {
            seq: value.get("seq")?.as_u64()?,
            time: value.get("time")?.as_i64()?,
            hash: text("hash")?.parse().ok()?,
            key: text("key")?.parse().ok()?,
            signature: from_hex(text("signature")?)?,
        };
        (checkpoint.to_line() == line).then_some(checkpoint)
    }

    fn signed_bytes(&self) -> Vec<u8> {
        [CHECKPOINT_MARK, &self.seq.to_be_bytes(), &self.time.to_be_bytes(), &self.hash.0].concat()
    }
}

/// The file beside the ledger to which every checkpoint is appended. A copy of it that is kept elsewhere shows when
/// the ledger is cut off or set back.
#[derive(Debug)]
pub struct CheckpointFile {
    path: PathBuf,
    file: File,
}

impl CheckpointFile {
    /// Opens or makes the file, readable by its owner only, locks it, and reads the last checkpoint in it. There may be one
    /// for each minute of years: the others are left to who verifies the audit.
    ///
    /// A last line without its end was never finished (the daemon stopped while writing it) and is taken away, if it and the
    /// line before are what such a file has: nothing is taken from another one.
    ///
    /// # Errors
    ///
    /// When it cannot be read or written, somebody else has it open for writing, or the last line is no checkpoint.
    pub fn open(path: &Path) -> io::Result<(Self, Option<Checkpoint>)> {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(io::ErrorKind::ResourceBusy, "another daemon appends to it"),
            TryLockError::Error(cause) => cause,
        })?;
        let (mut number, mut whole, mut last, mut line) = (0, 0, Vec::new(), Vec::new());
        let mut lines = BufReader::new(&file);
        while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            number += 1;
            whole += line.len() as u64;
            swap(&mut last, &mut line);
            line.clear();
        }
        let read = |line: &[u8]| Checkpoint::from_line(number, str::from_utf8(line).unwrap_or_default());
        let last = last.strip_suffix(b"\n").map(read).transpose().map_err(io::Error::other)?;
        if !line.is_empty() {
            // After a power cut there may be room where the line was to be, and nothing in it.
            let is_room = last.is_some() && line.iter().all(|byte| *byte == 0);
            if !(line.starts_with(BEGINNING) || BEGINNING.starts_with(&line) || is_room) {
                return Err(io::Error::other(Fault::NotACheckpoint { line: number + 1 }));
            }
            file.set_len(whole)?;
            file.sync_all()?;
        }
        Ok((Self { path: path.to_owned(), file }, last))
    }

    /// The checkpoints in the text of such a file; a last line without its end is passed over.
    ///
    /// # Errors
    ///
    /// When a line is no checkpoint.
    pub fn read(text: &str) -> io::Result<Vec<Checkpoint>> {
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let lines = text[..whole].lines().zip(1..);
        let read = |(line, number)| Checkpoint::from_line(number, line).map_err(io::Error::other);
        lines.map(read).collect()
    }

    /// Appends one, durably.
    ///
    /// # Errors
    ///
    /// When it cannot be written; what was written of it is taken away as far as that goes.
    pub fn append(&mut self, checkpoint: &Checkpoint) -> io::Result<()> {
        let end = self.file.seek(SeekFrom::End(0))?;
        let line = checkpoint.to_line() + "\n";
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_all());
        if written.is_err() {
            // Where this fails too, the next opening takes an unfinished line away.
            let _ = self.file.set_len(end);
        }
        written
    }

    /// One that takes nothing, as on a disk that is full.
    #[cfg(test)]
    pub(crate) fn read_only(path: &Path) -> Self {
        Self { path: path.to_owned(), file: File::open(path).unwrap() }
    }

    /// Whether the file is still where it was opened.
    ///
    /// # Errors
    ///
    /// When it cannot be looked at, also because it is gone.
    pub fn is_in_place(&self) -> io::Result<bool> {
        let (opened, there) = (self.file.metadata()?, fs::metadata(&self.path)?);
        Ok((opened.dev(), opened.ino()) == (there.dev(), there.ino()))
    }
}

fn ed25519(id: Id) -> Result<(), InvalidKey> {
    (id == Id::ED25519).then_some(()).ok_or(InvalidKey("not an Ed25519 key"))
}

const PEM_END: &str = "-----END PUBLIC KEY-----";
/// What every line of a checkpoint file begins with.
const BEGINNING: &[u8] = b"{\"hash\":\"";
const CHECKPOINT_MARK: &[u8] = b"profile signer audit checkpoint 1\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(seq: u64) -> (CheckpointKey, Checkpoint) {
        let key = CheckpointKey::generate().unwrap();
        let checkpoint = key.sign(Head { seq, hash: Digest([7; 32]) }, 5);
        (key, checkpoint)
    }

    #[test]
    fn a_checkpoint_holds_for_what_was_signed_and_for_nothing_else() {
        let (key, checkpoint) = checkpoint(3);
        let verifier = CheckpointVerifier::from_pem(&key.verifier().to_pem().unwrap()).unwrap();
        assert!(verifier.holds(&checkpoint));
        assert!(!verifier.holds(&Checkpoint { seq: 4, ..checkpoint.clone() }));
        assert!(!verifier.holds(&Checkpoint { time: 6, ..checkpoint.clone() }));
        assert!(!verifier.holds(&Checkpoint { hash: Digest([8; 32]), ..checkpoint.clone() }));
        assert!(!CheckpointKey::generate().unwrap().verifier().holds(&checkpoint));
    }

    #[test]
    fn a_key_survives_the_way_through_pem_and_is_not_shown() {
        let key = CheckpointKey::generate().unwrap();
        let pem = key.to_pem().unwrap();
        assert_eq!(CheckpointKey::from_pem(&pem).unwrap().id, key.id);
        assert!(format!("{key:?}").contains("[redacted]"));
    }

    #[test]
    fn refuses_a_key_of_another_kind() {
        let x25519 = PKey::generate_x25519().unwrap().private_key_to_pem_pkcs8().unwrap();
        assert_eq!(CheckpointKey::from_pem(&x25519).unwrap_err(), InvalidKey("not an Ed25519 key"));
    }

    #[test]
    fn the_file_keeps_checkpoints_and_drops_an_unfinished_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints.jsonl");
        let (_, one) = checkpoint(1);
        let (mut file, none) = CheckpointFile::open(&path).unwrap();
        file.append(&checkpoint(2).1).unwrap();
        file.append(&one).unwrap();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"hash\":").unwrap();
        assert_eq!(CheckpointFile::open(&path).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        drop(file);
        let (mut file, kept) = CheckpointFile::open(&path).unwrap();
        file.append(&one).unwrap();
        assert_eq!((none, kept.as_ref()), (None, Some(&one)));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(CheckpointFile::read(&text).unwrap()[1..], [one.clone(), one]);
    }

    #[test]
    fn nothing_is_taken_from_a_file_of_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let line = checkpoint(1).1.to_line();
        for text in ["SQLite format 3\0", "a\nb", &format!("{line}\nb"), "b\n{\"hash\":\""] {
            std::fs::write(&path, text).unwrap();
            CheckpointFile::open(&path).unwrap_err();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        for unfinished in ["{\"ha", "\0\0\0"] {
            std::fs::write(&path, format!("{line}\n{unfinished}")).unwrap();
            assert!(CheckpointFile::open(&path).unwrap().1.is_some());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{line}\n"));
        }
    }
}
