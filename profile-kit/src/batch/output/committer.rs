//! Brings groups of files to the disk, then their manifest lines, while the writer goes on.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::mpsc::{self, SyncSender},
    thread::{Scope, ScopedJoinHandle},
};

use crate::{
    Result,
    batch::{
        output::folder_of,
        pipeline,
        store::{Syncer, failed},
    },
};

/// Rows whose files are written and whose lines are not.
#[derive(Default)]
pub(super) struct Group {
    pub lines: Vec<u8>,
    files: usize,
    bytes: usize,
    /// The files, where each needs a sync of its own.
    paths: Vec<PathBuf>,
}

impl Group {
    pub fn add_file(&mut self, folder: &Path, name: &str, bytes: usize) {
        self.files += 1;
        self.bytes += bytes;
        if cfg!(not(target_os = "linux")) {
            self.paths.push(folder.join(name));
        }
    }

    fn append(&mut self, next: Group) {
        let Group { lines, files, bytes, paths } = next;
        self.lines.extend(lines);
        self.files += files;
        self.bytes += bytes;
        self.paths.extend(paths);
    }

    pub fn is_full(&self) -> bool {
        self.files >= MOST_FILES || self.bytes >= MOST_BYTES || self.lines.len() >= MOST_BYTES
    }
}

/// A thread that syncs.
pub(super) struct Committer<'scope> {
    groups: Option<SyncSender<Group>>,
    thread: Option<ScopedJoinHandle<'scope, Result<File>>>,
    path: PathBuf,
}

impl<'scope> Committer<'scope> {
    pub fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        syncer: Syncer,
        files: PathBuf,
        mut manifest: File,
        path: PathBuf,
    ) -> Result<Self> {
        let (groups, waiting) = mpsc::sync_channel::<Group>(MOST_WAITING);
        let named = path.clone();
        let thread = pipeline::spawn(scope, move || {
            while let Ok(mut group) = waiting.recv() {
                // One sync for all that wait: where the disk is slow, it is the syncs that take the time.
                waiting.try_iter().for_each(|next| group.append(next));
                syncer.sync(&group.paths).map_err(failed(&files, "cannot be brought to the disk"))?;
                manifest.write_all(&group.lines).map_err(failed(&named, "cannot be written"))?;
            }
            Ok(manifest)
        })?;
        Ok(Self { groups: Some(groups), thread: Some(thread), path })
    }

    /// Hands a group over; waits while another one waits.
    pub fn commit(&mut self, group: Group) -> Result<()> {
        match self.groups.as_ref().is_some_and(|groups| groups.send(group).is_ok()) {
            true => Ok(()),
            false => self.join().map(drop),
        }
    }

    /// Waits for all groups, then writes the end of the manifest and syncs it.
    pub fn finish(mut self, end: &[u8]) -> Result<()> {
        let manifest = self.join()?;
        let failed = failed(&self.path, "cannot be written");
        let Some(mut manifest) = manifest else { return Ok(()) };
        manifest.write_all(end).and_then(|()| manifest.sync_all()).map_err(&failed)?;
        folder_of(&self.path).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    /// The manifest, once all groups are in it; `None` the second time.
    fn join(&mut self) -> Result<Option<File>> {
        self.groups = None;
        let Some(thread) = self.thread.take() else { return Ok(None) };
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map(Some)
    }
}

/// Groups: their lines are in memory.
const MOST_WAITING: usize = 8;
const MOST_FILES: usize = 1024;
const MOST_BYTES: usize = 8 << 20;
