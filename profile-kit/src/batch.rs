//! One spec and many devices, or many installed profiles: a signed file for each, at the speed of the key.
//!
//! [`Batch`] fills a [`Template`] from the rows of a [`Table`], signs, and writes into a folder or an archive ([`Out`]).
//! A manifest tells row by row what was made. It is true up to its end whenever the process dies, and
//! [`Start::Resume`] goes on from there: the end is byte for byte what an uninterrupted run makes, since UUIDs come from
//! content, all files have one signing time, and ECDSA nonces are deterministic
//! ([`deterministic_ecdsa`](crate::sign::deterministic_ecdsa)).
//!
//! A row that cannot be done is told and the rest goes on. One thread reads, as many as are asked for fill and sign, one
//! writes in the order of the rows, and one brings files to the disk in groups, before their manifest lines. Memory does
//! not depend on the number of rows, but for twice 16 bytes a row that find doubles.
//!
//! ```
//! use std::{io::Cursor, time::UNIX_EPOCH};
//!
//! use profile_kit::{SignOptions, batch::{Batch, Encoding, Event, Options, Out, Start, Table}, spec};
//! # use profile_kit::pki::{Authority, KeySpec, Leaf, Validity};
//! # let validity = Validity::days(UNIX_EPOCH, 30);
//! # let root = Authority::new("Root", KeySpec::P256, validity)?;
//! # let identity = root.issue(&Leaf::new("Signer", KeySpec::P256, validity))?.identity()?;
//! # let folder = tempfile::tempdir().expect("a folder");
//!
//! let text = r#"
//!     format = 1
//!     identifier = "jp.example.ivi-mdm"
//!     removal = "disallowed"
//!     description = "Device {{serial}}"
//!     placeholders.serial = {}
//!     payload = [{ type = "com.apple.applicationaccess", settings = { allowAppRemoval = false } }]
//! "#;
//! let template = spec::read(text)?;
//! let devices = Table::open(Cursor::new("serial\nC02A\nC02B\n"), Encoding::Utf8)?;
//!
//! // `identity` is what `Identity::from_pem_files("signer.pem", "signer.key")?` gives.
//! let batch = Batch::new(&template, text.as_bytes(), &identity, Options::new(SignOptions::new(UNIX_EPOCH)));
//! let out = Out::of(folder.path().join("campaign"));
//! let report = batch.run(devices, &out, Start::Fresh, &Default::default(), &mut |event| {
//!     if let Event::Row(problem) = event {
//!         eprintln!("{problem}");
//!     }
//! })?;
//! assert_eq!((report.made, report.failed), (2, 0));
//! assert!(out.path().join("C02A.mobileconfig").exists());
//! # Ok::<(), profile_kit::Error>(())
//! ```

mod archive;
mod event;
mod installed;
mod join;
mod manifest;
mod name;
mod output;
mod overwrites;
mod pipeline;
mod plan;
mod profiles;
mod resume;
mod seen;
mod shard;
mod store;
mod table;
mod twice;
mod verify;

use std::sync::atomic::AtomicBool;

pub use self::{
    event::{Event, Progress, Report},
    join::join,
    name::NamePattern,
    overwrites::Overwrites,
    resume::signing_time,
    shard::{InvalidShard, Shard},
    store::Out,
    table::{CellProblem, Cells, Encoding, Row, RowProblem, Table},
    verify::verify,
};
use crate::{Identity, Result, SignOptions, Template, sha256::sha256};

/// One template, many devices, each with its own signed file.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// What is filled.
    pub template: &'a Template,
    /// SHA-256 of what the template was read from: the manifest names it, and a resume refuses another.
    pub spec: [u8; 32],
    /// Who signs.
    pub identity: &'a Identity,
    /// How.
    pub options: Options,
}

/// How a batch is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// How each file is signed, all at one time.
    pub sign: SignOptions,
    /// The column that names the device; `udid` where there is such a column, else `serial`, unless it is given.
    pub device: Option<String>,
    /// How the files are named; by the device unless it is given.
    pub name: Option<NamePattern>,
    /// Whether the files go into 256 sub-folders, by a digest of their names.
    pub fan_out: bool,
    /// The column with the certificate, in PEM or base64, that each device's payloads are encrypted for. Encryption is
    /// random: a resumed batch is as good as an uninterrupted one then, but not the same byte for byte.
    pub encrypt_to: Option<String>,
    /// The rows to do; all of them unless it is given.
    pub shard: Option<Shard>,
    /// Signing threads, from 1 to 256; a number outside of that counts as the nearest.
    pub jobs: usize,
}

impl Options {
    /// Files named by the device, in one folder, signed on one thread.
    pub fn new(sign: SignOptions) -> Self {
        Self { sign, device: None, name: None, fan_out: false, encrypt_to: None, shard: None, jobs: 1 }
    }
}

/// Whether a batch begins or goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing may be there.
    Fresh,
    /// Goes on after the last line of the manifest; begins where there is none.
    Resume,
}

impl<'a> Batch<'a> {
    /// A batch of a template that was read from these bytes.
    pub fn new(template: &'a Template, spec: &[u8], identity: &'a Identity, options: Options) -> Self {
        Self { template, spec: sha256(spec), identity, options }
    }

    /// Signs some profile of the template and keeps nothing of it, so that a key, a certificate or a template that is unfit
    /// is told before anything is made. [`run`](Self::run) begins with it.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused), [`Error::Identity`](crate::Error::Identity),
    /// [`Error::Unwritable`](crate::Error::Unwritable), [`Error::Crypto`](crate::Error::Crypto).
    pub fn try_signing(&self) -> Result<()> {
        profiles::try_signing(self)
    }

    /// Makes all of it, or what is left. `stop` may be set at any time: what is under way is finished.
    ///
    /// Rows that fail are told and counted; they are no error.
    ///
    /// # Errors
    /// [`Error::Table`](crate::Error::Table) where the table and the template do not fit;
    /// [`Error::Manifest`](crate::Error::Manifest) where what is to be resumed was made of something else, or is not there
    /// as it was made; [`Error::Refused`](crate::Error::Refused), [`Error::Identity`](crate::Error::Identity),
    /// [`Error::Unwritable`](crate::Error::Unwritable) and [`Error::Crypto`](crate::Error::Crypto) as
    /// [`try_signing`](Self::try_signing) has them; [`Error::Io`](crate::Error::Io), also where something is there
    /// already, or another process writes it.
    pub fn run(
        &self,
        table: Table,
        out: &Out,
        start: Start,
        stop: &AtomicBool,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Report> {
        profiles::run(self, table, out, start, stop, tell)
    }
}

/// Reads every row and fills the template, and tells all that is wrong. Nothing is signed, nothing written.
///
/// # Errors
/// As [`Batch::run`], as far as no key is needed.
pub fn dry_run(
    template: &Template,
    table: Table,
    options: &Options,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Report> {
    profiles::dry_run(template, table, options, stop, tell)
}
