//! Other implementations of CMS that judge signed files: one file each, with why its words are read as they are.

pub(crate) mod bouncycastle;
mod cryptography;
mod gnutls;
pub(crate) mod gpgsm;
pub(crate) mod nss;
mod openssl;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub use bouncycastle::BouncyCastle;
pub use cryptography::Cryptography;
pub use gnutls::GnuTls;
pub use gpgsm::Gpgsm;
pub use nss::Nss;
pub use openssl::OpenSsl;
use tempfile::TempDir;

use crate::program;

/// Another implementation that says whether a signed file with its content inside is good.
pub trait Judge: Sync {
    /// How it is called.
    fn name(&self) -> &'static str;

    /// What of it is not installed, and the package that brings it.
    fn missing(&self) -> Option<String>;

    /// Whether it can judge certificates at another moment than now.
    fn knows_time(&self) -> bool {
        true
    }

    /// Judges files, in their order: signature, digest, and the certificate's path to the root.
    fn judge(&self, signed: &[Vec<u8>], trust: &Trust) -> Vec<Judgement>;
}

/// Every judge.
pub const ALL: [&dyn Judge; 6] = [&OpenSsl, &GnuTls, &Nss, &Gpgsm, &BouncyCastle, &Cryptography];

/// What a judge goes by.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The one root that it trusts.
    pub root_pem: Vec<u8>,
    /// The moment at which certificates have to be valid.
    pub at: SystemTime,
}

impl Trust {
    /// A root, and a moment in seconds since 1970.
    pub fn new(root_pem: Vec<u8>, at: u64) -> Self {
        Self { root_pem, at: UNIX_EPOCH + Duration::from_secs(at) }
    }

    fn seconds(&self) -> String {
        self.at.duration_since(UNIX_EPOCH).unwrap().as_secs().to_string()
    }
}

/// What a judge says of one file.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Whether all of it is good.
    pub accepted: bool,
    /// The content, where the judge gave it out.
    pub content: Option<Vec<u8>>,
    /// Everything that it said.
    pub words: String,
}

/// A folder that a judge works in.
struct Bench {
    folder: TempDir,
    root: PathBuf,
}

impl Bench {
    fn new(trust: &Trust) -> Self {
        let folder = TempDir::new().unwrap();
        let root = program::write(folder.path(), "root.pem", &trust.root_pem);
        Self { folder, root }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts one file after the other before a judge.
    fn each(&self, signed: &[Vec<u8>], judge: impl Fn(&Path, &Path) -> (bool, String)) -> Vec<Judgement> {
        let one = |bytes: &Vec<u8>| {
            let (file, out) = (program::write(self.path(), "signed", bytes), self.path().join("content"));
            let (accepted, words) = judge(&file, &out);
            let content = fs::read(&out).ok();
            if content.is_some() {
                fs::remove_file(&out).unwrap();
            }
            Judgement { accepted, content, words }
        };
        signed.iter().map(one).collect()
    }

    /// Puts all files before a program of ours, which is called with root, moment and folder. It prints a line a
    /// file (number, `accepted` or `refused`, words, with tabs between) and writes the content beside it.
    fn all(&self, signed: &[Vec<u8>], trust: &Trust, command: &mut Command) -> Vec<Judgement> {
        let folder = self.path().join("files");
        fs::create_dir(&folder).unwrap();
        for (number, bytes) in signed.iter().enumerate() {
            program::write(&folder, &number.to_string(), bytes);
        }
        let printed = program::succeed(command.arg(&self.root).arg(trust.seconds()).arg(&folder));
        let printed = String::from_utf8(printed).unwrap();
        let judgements: Vec<_> = printed.lines().enumerate().map(|line| judgement(&folder, line)).collect();
        assert_eq!(judgements.len(), signed.len(), "{command:?} judged not every file: {printed}");
        judgements
    }
}

fn judgement(folder: &Path, (number, line): (usize, &str)) -> Judgement {
    let fields: Vec<_> = line.splitn(3, '\t').collect();
    let [named, verdict, words] = fields[..] else { panic!("not three fields: {line}") };
    assert_eq!(named, number.to_string(), "another file's line: {line}");
    let content = fs::read(folder.join(format!("{number}.content"))).ok();
    Judgement { accepted: verdict == "accepted", content, words: words.to_owned() }
}
