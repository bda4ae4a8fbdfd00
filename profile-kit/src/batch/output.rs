//! The files and the manifest of a batch, on their way to the disk.

mod committer;

use std::{
    collections::BTreeSet,
    fmt,
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::Path,
    sync::Arc,
    thread::Scope,
    time::{Duration, Instant, SystemTime},
};

use self::committer::{Committer, Group};
use super::{
    Event, Progress, Report,
    manifest::{self, Head, Tally},
    resume::Resumed,
    store::{Out, Store, failed},
    table::RowProblem,
};
use crate::Result;

/// What became of one row.
pub(super) struct Outcome {
    /// The row's line in the manifest.
    pub line: Vec<u8>,
    pub result: Result<Signed, RowProblem>,
    /// Bytes of the input that were read when the row was.
    pub position: u64,
    pub warnings: Vec<Warning>,
}

/// Something to be warned of, once for all rows that say the same.
pub(super) struct Warning {
    text: String,
    /// The line of the row, unless that is the table's first: what is said of that one holds of all, as a rule.
    line: Option<u64>,
}

/// A signed file, and where it goes.
pub(super) struct Signed {
    pub file: String,
    /// Those of the file before, the very same, where they are to be linked.
    pub bytes: Arc<Vec<u8>>,
}

/// The one writer.
pub(super) struct Output<'scope> {
    out: Out,
    store: Store,
    committer: Committer<'scope>,
    group: Group,
    since: Instant,
    tally: Tally,
    resumed: u64,
    length: u64,
    warned: Warned,
    /// The last file that was put.
    last: Option<Signed>,
}

impl<'scope> Output<'scope> {
    /// Begins, or goes on where a batch was broken off.
    pub fn open<'env>(
        out: &Out,
        head: &Head,
        resumed: Option<Resumed>,
        written: SystemTime,
        scope: &'scope Scope<'scope, 'env>,
    ) -> Result<Self> {
        match resumed {
            None => Self::create(out, head, written, scope),
            Some(done) => Self::reopen(out, done, written, scope),
        }
    }

    /// Files and manifest that are not there yet.
    fn create<'env>(out: &Out, head: &Head, written: SystemTime, scope: &'scope Scope<'scope, 'env>) -> Result<Self> {
        let path = out.manifest();
        if path.exists() {
            let problem = match out {
                Out::Zip(_) => "it is there already: give another place",
                _ => "it is there already: resume that batch, or give another place",
            };
            return Err(failed(&path, "cannot be made")(io::Error::new(io::ErrorKind::AlreadyExists, problem)));
        }
        Store::admit(out)?;
        let mut file =
            OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed(&path, "cannot be made"))?;
        manifest::lock(&file, &path)?;
        // Without its head on the disk nobody could go on with what comes after it.
        let written_head = file.write_all(&manifest::written(head)).and_then(|()| file.sync_all());
        written_head.and_then(|()| folder_of(&path)?.sync_all()).map_err(failed(&path, "cannot be written"))?;
        Self::new(out, Store::create(out, written)?, file, Tally::default(), scope)
    }

    /// Goes on after what the manifest tells.
    fn reopen<'env>(
        out: &Out,
        resumed: Resumed,
        written: SystemTime,
        scope: &'scope Scope<'scope, 'env>,
    ) -> Result<Self> {
        let Resumed { tally, position, length, mut manifest, .. } = resumed;
        let path = out.manifest();
        // On the disk before anything is written there: what was cut off is not to come back behind the last line.
        let cut = manifest.set_len(position).and_then(|()| manifest.sync_all());
        let cut = cut.and_then(|()| manifest.seek(SeekFrom::End(0)));
        cut.map_err(failed(&path, "cannot be cut"))?;
        let store = Store::reopen(out, written, length)?;
        Self::new(out, store, manifest, tally, scope)
    }

    fn new<'env>(
        out: &Out,
        store: Store,
        manifest: File,
        tally: Tally,
        scope: &'scope Scope<'scope, 'env>,
    ) -> Result<Self> {
        if !matches!(out, Out::Directory(_)) {
            // Its files are synced with it, and its name is not. A folder's whole file system is.
            folder_of(out.path()).and_then(|folder| folder.sync_all()).map_err(out.failed("cannot be written"))?;
        }
        let syncer = store.syncer().map_err(out.failed("cannot be opened"))?;
        let committer = Committer::start(scope, syncer, out.path().to_owned(), manifest, out.manifest())?;
        Ok(Self {
            out: out.clone(),
            store,
            committer,
            group: Group::default(),
            since: Instant::now(),
            tally,
            resumed: tally.made + tally.failed,
            length: 0,
            warned: Warned::default(),
            last: None,
        })
    }

    /// Says how many bytes the input has, for the progress.
    pub fn expect(&mut self, length: u64) {
        self.length = length;
    }

    /// Writes a row's file, and remembers its line until its group is synced.
    pub fn put(&mut self, outcome: Outcome, tell: &mut dyn FnMut(Event<'_>)) -> Result<()> {
        match outcome.result {
            Ok(signed) => self.put_file(signed)?,
            Err(problem) => {
                self.tally.failed += 1;
                tell(Event::Row(&problem));
            }
        }
        self.warned.tell(outcome.warnings, tell);
        self.group.lines.extend_from_slice(&outcome.line);
        if self.group.is_full() || self.since.elapsed() > LONGEST_GROUP {
            self.commit()?;
        }
        if (self.tally.made + self.tally.failed).is_multiple_of(PROGRESS) {
            let Tally { made, failed, .. } = self.tally;
            tell(Event::Progress(Progress { made, failed, position: outcome.position, length: self.length }));
        }
        Ok(())
    }

    /// A file of the very bytes of the one before is a link to that, which this run has put there.
    fn put_file(&mut self, signed: Signed) -> Result<()> {
        let Signed { file, bytes } = &signed;
        let put = match self.last.as_ref().filter(|last| Arc::ptr_eq(&last.bytes, bytes)) {
            Some(last) => self.store.put_again(file, &last.file, bytes),
            None => self.store.put(file, bytes),
        };
        put.map_err(|cause| failed(&self.out.path().join(file), "cannot be written")(cause))?;
        self.tally.made += 1;
        self.group.add_file(self.out.path(), file, bytes.len());
        self.last = Some(signed);
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        self.store.flush().map_err(self.out.failed("cannot be written"))?;
        self.since = Instant::now();
        self.committer.commit(std::mem::take(&mut self.group))
    }

    /// Brings the rest to the disk, and ends what has an end. The last line is written only where all rows are done.
    pub fn finish(mut self, rows: u64, is_complete: bool, tell: &mut dyn FnMut(Event<'_>)) -> Result<Report> {
        self.tally.rows = rows;
        if self.store.replaced() > 0 {
            let (count, files) = (self.store.replaced(), if self.store.replaced() == 1 { "file" } else { "files" });
            tell(Event::Note(&format!("{count} {files} that no line of the manifest named: made anew")));
        }
        self.store.finish().map_err(self.out.failed("cannot be ended"))?;
        self.commit()?;
        let end = if is_complete { manifest::written(&self.tally) } else { Vec::new() };
        self.committer.finish(&end)?;
        let manifest = self.out.manifest();
        Ok(Report {
            rows,
            made: self.tally.made,
            failed: self.tally.failed,
            resumed: self.resumed,
            is_complete,
            is_stopped: !is_complete,
            manifest: Some(manifest),
        })
    }
}

/// What was warned of.
#[derive(Default)]
pub(super) struct Warned(BTreeSet<String>);

impl Warned {
    /// Tells what is new, up to a bound, and that there is more.
    pub fn tell(&mut self, warnings: Vec<Warning>, tell: &mut dyn FnMut(Event<'_>)) {
        for warning in warnings {
            if self.0.len() > MOST_WARNINGS || self.0.contains(&warning.text) {
                continue;
            }
            match self.0.len() < MOST_WARNINGS {
                true => tell(Event::Warning(&warning.to_string())),
                false => tell(Event::Warning(MORE_WARNINGS)),
            }
            self.0.insert(warning.text);
        }
    }
}

impl Warning {
    pub fn of(row: u64, line: u64, text: String) -> Self {
        Self { text, line: (row > 1).then_some(line) }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            None => f.write_str(&self.text),
            Some(line) => write!(f, "line {line}, and others perhaps: {}", self.text),
        }
    }
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))
}

/// So long at most a row that is done waits for its manifest line, with the slowest keys.
const LONGEST_GROUP: Duration = Duration::from_secs(2);
const MOST_WARNINGS: usize = 100;
const MORE_WARNINGS: &str = "there is more to be warned of than is told: check a profile of each kind";
/// Rows.
const PROGRESS: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_once_of_the_same_and_of_so_much_at_most_and_says_that_there_is_more() {
        let (mut warned, mut told) = (Warned::default(), Vec::new());
        for row in 1..=200_u64 {
            let warnings = ["the same".to_owned(), format!("of {row}")];
            let warnings = warnings.map(|text| Warning::of(row, row + 1, text)).into();
            warned.tell(warnings, &mut |event| {
                if let Event::Warning(text) = event {
                    told.push(text.to_owned());
                }
            });
        }
        assert_eq!(told[..3], ["the same", "of 1", "line 3, and others perhaps: of 2"]);
        assert_eq!((told.len(), told[MOST_WARNINGS].as_str()), (MOST_WARNINGS + 1, MORE_WARNINGS));
    }
}
