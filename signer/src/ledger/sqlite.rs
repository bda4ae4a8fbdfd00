//! The database file: how it is opened, what SQLite has to promise, and its formats.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::ErrorKind,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, types::FromSql};
use rusqlite_migration::{M, Migrations};

use super::{
    error::{Cause, Error, Result},
    evidence,
};
use crate::file::sync_folder;

/// Opens or makes the ledger for writing, and brings it to the newest format. The file is its owner's only.
pub(super) fn open_for_writing(path: &Path, busy: Duration) -> Result<Connection> {
    make(path).map_err(|cause| failed(path, "cannot be made", cause))?;
    let mut db = Connection::open_with_flags(path, FLAGS | OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(|cause| failed(path, "cannot be opened", cause))?;
    settle(&db, busy)?;
    migrate(path, &mut db)?;
    Ok(db)
}

/// Refuses a ledger with several names: SQLite's log lies beside one of them, and the lock too.
pub(super) fn has_one_name(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(file) if file.nlink() > 1 => {
            let names = format!("it has {} names (hard links), and may have one only", file.nlink());
            Err(failed(path, "is not opened", std::io::Error::other(names)))
        }
        // One that is not there is made; what cannot be looked at cannot be opened either.
        _ => Ok(()),
    }
}

/// Opens the ledger for questions only.
pub(super) fn open_for_reading(path: &Path, busy: Duration) -> Result<Connection> {
    // SQLite itself writes beside the file when it reads one with a write-ahead log.
    let db = Connection::open_with_flags(path, FLAGS | OpenFlags::SQLITE_OPEN_READ_WRITE);
    read_only(path, db.map_err(|cause| failed(path, "cannot be opened", cause))?, busy)
}

/// As [`open_for_reading`], also on a read-only file system where nobody has the ledger open: a snapshot, a burnt copy.
pub(super) fn open_for_looking_at(path: &Path, busy: Duration) -> Result<Connection> {
    match open_for_reading(path, busy) {
        Err(_) if is_on_read_only_system(path) && !beside(path, "-shm").exists() => {
            read_only(path, open_unchanging(path)?, busy)
        }
        opened => opened,
    }
}

fn read_only(path: &Path, db: Connection, busy: Duration) -> Result<Connection> {
    let readied = db.busy_timeout(busy).and_then(|()| db.pragma_update(None, "query_only", true));
    readied.map_err(|cause| failed(path, "cannot be opened", cause))?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    check_format(path, &db)?;
    Ok(db)
}

/// Without opening the file: as soon as a process closes any descriptor of it, SQLite's locks on it are gone.
fn is_on_read_only_system(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|system| system.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// Opens a ledger that nobody changes without writing beside it. What is only in its write-ahead log would be passed over.
fn open_unchanging(path: &Path) -> Result<Connection> {
    if fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0) {
        let cause = "its write-ahead log (-wal) is not empty, and cannot be read where nothing can be written: copy both elsewhere";
        return Err(failed(path, "cannot be opened", std::io::Error::other(cause)));
    }
    let uri = [b"file:".as_slice(), &escaped(path), b"?immutable=1"].concat();
    let flags = FLAGS | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(OsStr::from_bytes(&uri), flags).map_err(|cause| failed(path, "cannot be opened", cause))
}

/// A path as it stands in one of SQLite's URIs.
fn escaped(path: &Path) -> Vec<u8> {
    let escape = |octet: &u8| match octet {
        b'%' | b'?' | b'#' => format!("%{octet:02x}").into_bytes(),
        octet => vec![*octet],
    };
    path.as_os_str().as_bytes().iter().flat_map(escape).collect()
}

/// Keeps another process from writing the same ledger, as long as the file is held.
pub(super) fn lock(path: &Path) -> Result<File> {
    let path = lock_of(path);
    let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = open.map_err(|cause| failed(&path, "cannot be made", cause))?;
    hold(path, file)
}

/// As [`lock`], where a daemon was at work before; nothing is made.
pub(crate) fn lock_if_there(path: &Path) -> Result<Option<File>> {
    let path = lock_of(path);
    match File::open(&path) {
        Ok(file) => hold(path, file).map(Some),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(failed(&path, "cannot be opened", cause)),
    }
}

/// Beside the file itself, or where it would be, whatever link leads there.
fn lock_of(path: &Path) -> PathBuf {
    let in_its_folder = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    let place = path.canonicalize().ok().or_else(in_its_folder);
    beside(place.as_deref().unwrap_or(path), ".lock")
}

fn hold(path: PathBuf, file: File) -> Result<File> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path }),
        Err(TryLockError::Error(cause)) => Err(failed(&path, "cannot be locked", cause)),
    }
}

/// The ledger's own files: the database, and what SQLite and the daemon lay beside it.
pub(crate) fn files(path: &Path) -> [PathBuf; 5] {
    ["", "-wal", "-shm", "-journal", ".lock"].map(|end| beside(path, end))
}

/// The file's name with more at its end.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

pub(super) fn failed(
    path: &Path,
    problem: &'static str,
    cause: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let cause: Cause = Arc::new(cause);
    Error::Open { path: path.to_owned(), problem, source: Some(cause) }
}

/// One that is there is not opened here: see [`is_on_read_only_system`].
fn make(path: &Path) -> std::io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists && path.exists() => {}
        // A link to where nothing is yet.
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?.sync_all()?;
        }
        made => made?.sync_all()?,
    }
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    sync_folder(path)
}

/// Sets what durability needs, and reads it back: SQLite ignores what it cannot do without a word.
fn settle(db: &Connection, busy: Duration) -> Result<()> {
    db.busy_timeout(busy)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // Answers with the mode that it came to.
    db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update_and_check(None, "wal_autocheckpoint", LOG_PAGES, |_| Ok(()))?;
    is(db, "journal_mode", "wal".to_owned())?;
    is(db, "synchronous", 2)?;
    is(db, "foreign_keys", 1)?;
    is(db, "busy_timeout", i64::try_from(busy.as_millis()).unwrap_or(i64::MAX))
}

fn is<T: FromSql + PartialEq + ToString>(db: &Connection, name: &'static str, wanted: T) -> Result<()> {
    let found: T = db.pragma_query_value(None, name, |row| row.get(0))?;
    match found == wanted {
        true => Ok(()),
        false => Err(Error::Setting { name, wanted: wanted.to_string(), found: found.to_string() }),
    }
}

fn migrate(path: &Path, db: &mut Connection) -> Result<()> {
    let fresh: bool = db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    if fresh {
        db.pragma_update(None, "application_id", APPLICATION)?;
    }
    check_format(path, db)?;
    let migrations: Vec<_> = FORMATS.iter().map(|sql| M::up(sql)).collect();
    Migrations::new(migrations)
        .to_latest(db)
        .map_err(|cause| failed(path, "cannot be brought to the newest format", cause))?;
    evidence::follow_rule(db)
}

fn check_format(path: &Path, db: &Connection) -> Result<()> {
    let number = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let unreadable = |cause| failed(path, "is no SQLite database that can be read", cause);
    if number("application_id").map_err(unreadable)? != APPLICATION {
        return Err(Error::Open { path: path.to_owned(), problem: "is a database of another program", source: None });
    }
    let (found, known) = (number("user_version").map_err(unreadable)?, FORMATS.len() as i64);
    match found > known {
        true => Err(Error::Newer { found, known }),
        false => Ok(()),
    }
}

/// Each brings the ledger from the format before to the next; they are never changed once they were released.
const FORMATS: &[&str] = &[include_str!("schema_1.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];
/// In the file's header: "iviL".
const APPLICATION: i64 = 0x6976_694c;
const STATEMENTS: usize = 64;
/// After how many pages the write-ahead log is put into the file: 32 MiB. SQLite's 1000 would add two syncs to about
/// every second commit of a full group.
const LOG_PAGES: i64 = 8192;
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX.union(OpenFlags::SQLITE_OPEN_EXRESCODE);

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Duration = Duration::from_millis(50);

    fn ledger() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        (folder, path)
    }

    #[test]
    fn is_its_owners_only_with_all_that_lies_beside_it() {
        let (folder, path) = ledger();
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let (_db, _lock) = (open_for_writing(&path, BUSY).unwrap(), lock(&path).unwrap());
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        }
    }

    #[test]
    fn has_the_settings_that_durability_needs() {
        let (_folder, path) = ledger();
        let db = open_for_writing(&path, BUSY).unwrap();
        let synchronous: i64 = db.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert_eq!(synchronous, 2);
        assert!(std::fs::exists(beside(&path, "-wal")).unwrap());
    }

    #[test]
    fn refuses_a_database_that_cannot_have_a_write_ahead_log() {
        let refused = settle(&Connection::open_in_memory().unwrap(), BUSY).unwrap_err();
        assert_eq!(refused.to_string(), "ledger: SQLite's journal_mode is memory, and has to be wal");
    }

    #[test]
    fn refuses_a_newer_ledger_and_leaves_it_as_it_is() {
        let (_folder, path) = ledger();
        open_for_writing(&path, BUSY).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let newer = Error::Newer { found: 99, known: FORMATS.len() as i64 }.to_string();
        assert_eq!(open_for_writing(&path, BUSY).unwrap_err().to_string(), newer);
        assert_eq!(open_for_reading(&path, BUSY).unwrap_err().to_string(), newer);
    }

    #[test]
    fn a_ledger_that_nothing_can_be_written_beside_is_read_unless_its_log_has_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("50% off? #1").join("ledger.db");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        let db = open_for_writing(&path, BUSY).unwrap();
        let unread = open_unchanging(&path).unwrap_err();
        let cause = std::error::Error::source(&unread).unwrap().to_string();
        assert!(cause.starts_with("its write-ahead log (-wal) is not empty"), "{cause}");
        drop(db);
        let db = open_unchanging(&path).unwrap();
        check_format(&path, &db).unwrap();
        assert_eq!(db.query_row("SELECT count(*) FROM audit", [], |row| row.get(0)), Ok(0));
        let beside = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!((beside, is_on_read_only_system(&path)), (1, false));
    }

    #[test]
    fn refuses_a_database_of_another_program() {
        let (_folder, path) = ledger();
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
        assert!(open_for_writing(&path, BUSY).unwrap_err().to_string().ends_with("is a database of another program"));
    }

    #[test]
    fn refuses_a_file_that_is_no_database() {
        let (_folder, path) = ledger();
        std::fs::write(&path, "no database, but longer than its header would have to be ".repeat(40)).unwrap();
        assert!(open_for_writing(&path, BUSY).is_err());
    }

    #[test]
    fn is_written_by_one_at_a_time() {
        let (_folder, path) = ledger();
        let link = path.with_extension("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        drop(open_for_writing(&link, BUSY).unwrap());
        assert!(path.exists(), "a new one is made where the link leads");
        let held = lock(&path).unwrap();
        for path in [&path, &link] {
            assert!(matches!(lock(path), Err(Error::InUse { .. })));
        }
        drop(held);
        assert!(lock(&path).is_ok());
    }

    #[test]
    fn a_ledger_of_the_first_format_is_brought_to_the_newest_with_what_it_holds() {
        let (_folder, path) = ledger();
        let mut db = Connection::open(&path).unwrap();
        db.pragma_update(None, "application_id", APPLICATION).unwrap();
        Migrations::new(vec![M::up(FORMATS[0])]).to_latest(&mut db).unwrap();
        db.execute_batch(
            "INSERT INTO audit VALUES (1, 0, x'', '{}', x'');
             INSERT INTO ticket (id, seq, caller, reason, at, until) VALUES (x'01', 1, 'anna', 'returned', 0, 1)",
        )
        .unwrap();
        drop(db);
        let db = open_for_writing(&path, BUSY).unwrap();
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let ticket: (String, Option<String>) = db.query_row("SELECT caller, specs FROM ticket", [], read).unwrap();
        assert_eq!(ticket, ("anna".to_owned(), None));
        let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(found, FORMATS.len() as i64);
    }

    #[test]
    fn every_format_follows_from_the_one_before() {
        let formats: Vec<_> = FORMATS.iter().map(|sql| M::up(sql)).collect();
        Migrations::new(formats).validate().unwrap();
    }
}
