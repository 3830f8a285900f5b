//! Copies of the database beside it, from which it is restored when it is lost or damaged: `dormouse.db.1` is the newest,
//! `dormouse.db.2` of some time within the hours before, `dormouse.db.3` at least an hour older than that was when it came.
//! What is secret in them is sealed, as in the database.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rusqlite::{Connection, OpenFlags};
use tracing::{error, warn};

use super::{StoreError, kept::beside, schema};

/// Names of the copies, the newest first.
const COPIES: [&str; 3] = [".1", ".2", ".3"];

/// The newest copy becomes the second only when the second is this old: all would be of the last minutes otherwise.
const APART: Duration = Duration::from_secs(3600);

/// What SQLite keeps beside a database.
const LOGS: [&str; 2] = ["-wal", "-shm"];

/// Make a copy of what there is now.
pub(super) fn take(connection: &Connection, database: &Path) -> Result<(), StoreError> {
    let (new, newest) = (beside(database, ".new"), beside(database, COPIES[0]));
    gone(&new)?;
    let copied = connection.execute("VACUUM INTO ?1", [new.to_string_lossy()]);
    copied.inspect_err(|_| drop(gone(&new)))?;
    File::open(&new)?.sync_all()?;
    if age(&beside(database, COPIES[1])).is_none_or(|age| age >= APART) {
        for pair in COPIES.windows(2).rev() {
            there(fs::rename(beside(database, pair[0]), beside(database, pair[1])))?;
        }
    }
    fs::rename(&new, newest)?;
    sync_folder(database)
}

/// How long ago a file was written.
fn age(path: &Path) -> Option<Duration> {
    SystemTime::now().duration_since(fs::metadata(path).ok()?.modified().ok()?).ok()
}

/// See that the database can be used. One that is missing or damaged is restored from the newest copy that can be; the
/// damaged one is kept under another name.
///
/// # Errors
/// When it is damaged and there is no copy.
pub(super) fn heal(database: &Path) -> Result<(), StoreError> {
    let Some(why) = trouble(database) else { return Ok(()) };
    let Some(copy) = usable(database) else {
        return match why {
            Trouble::Missing => Ok(()),
            Trouble::Damaged(source) => Err(StoreError::Damaged { path: database.to_owned(), source }),
        };
    };
    let minutes = age(&copy).unwrap_or_default().as_secs().div_ceil(60);
    // First what may fail for want of room.
    let new = beside(database, ".new");
    fs::copy(&copy, &new)?;
    File::open(&new)?.sync_all()?;
    let aside = set_aside(database)?;
    fs::rename(new, database)?;
    sync_folder(database)?;
    let (why, kept) = match (why, aside) {
        (Trouble::Missing, _) | (Trouble::Damaged(_), None) => ("is missing".to_owned(), String::new()),
        (Trouble::Damaged(source), Some(aside)) => {
            (format!("is damaged ({source})"), format!("; the damaged one is kept as {}", aside.display()))
        }
    };
    error!(
        "{} {why}: restored from {}, {minutes} min old{kept}\n  hint: what was changed since is not known any more; \
         `dormouse ps` shows what runs",
        database.display(),
        copy.display()
    );
    Ok(())
}

/// Whether a database can be used, or will be once it has been restored. Changes nothing.
///
/// # Errors
/// When it is damaged and there is no copy.
pub(super) fn check(database: &Path) -> Result<bool, StoreError> {
    match trouble(database) {
        None => Ok(true),
        Some(Trouble::Missing) => Ok(false),
        Some(Trouble::Damaged(_)) if usable(database).is_some() => Ok(false),
        Some(Trouble::Damaged(source)) => Err(StoreError::Damaged { path: database.to_owned(), source }),
    }
}

/// What is wrong with a database.
enum Trouble {
    Missing,
    Damaged(rusqlite::Error),
}

fn trouble(database: &Path) -> Option<Trouble> {
    if !database.exists() {
        return Some(Trouble::Missing);
    }
    match inspect(database) {
        // What is left of a short file may be a database without tables. Ours has some from the first moment on.
        Ok(0) => Some(Trouble::Missing),
        Ok(_) => None,
        Err(error) => Some(error).filter(is_damage).map(Trouble::Damaged),
    }
}

/// Read all of it, as SQLite's own check does; the version of its tables.
fn inspect(database: &Path) -> Result<u32, rusqlite::Error> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said == "ok" {
        return connection.pragma_query_value(None, "user_version", |row| row.get(0));
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some(said)))
}

/// Whether it is the file that is wrong, and not the moment: a disk that is full, or a file that may not be read.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    // A page beyond the end of what is left of the file.
    let short = |e: &rusqlite::ffi::Error| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHORT_READ;
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
        || error.sqlite_error().is_some_and(short)
}

/// The newest copy that this version can go on with.
fn usable(database: &Path) -> Option<PathBuf> {
    COPIES.iter().map(|copy| beside(database, copy)).find(|copy| {
        let found = || {
            inspect(copy)?;
            schema::check(&Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
        };
        copy.exists() && found().inspect_err(|e| warn!("{} cannot be used: {e}", copy.display())).is_ok()
    })
}

/// Keep a damaged database and its log under another name, if there is one.
fn set_aside(database: &Path) -> io::Result<Option<PathBuf>> {
    let name = (1..).map(|n| beside(database, &format!(".damaged{n}"))).find(|path| !path.exists());
    let Some(aside) = name else { return Ok(None) };
    let kept = there(fs::rename(database, &aside))?;
    for log in LOGS {
        there(fs::rename(beside(database, log), beside(&aside, log)))?;
    }
    Ok(kept.then_some(aside))
}

/// Whether there was a file to do it to.
fn there(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

fn gone(path: &Path) -> io::Result<()> {
    there(fs::remove_file(path)).map(drop)
}

/// A rename survives a power cut once the folder is written.
fn sync_folder(database: &Path) -> Result<(), StoreError> {
    if let Some(folder) = database.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATABASE: &str = "dormouse.db";

    /// A database of some pages and a copy of it.
    fn made(dir: &Path) -> PathBuf {
        let database = dir.join(DATABASE);
        let mut connection = Connection::open(&database).unwrap();
        schema::prepare(&mut connection, &database).unwrap();
        for n in 0..200 {
            let name = format!("p{n}-{}", "x".repeat(200));
            let sql = "INSERT INTO projects (name, created_at) VALUES (?, 1)";
            connection.execute(sql, [name]).unwrap();
        }
        take(&connection, &database).unwrap();
        connection.execute("INSERT INTO projects (name, created_at) VALUES ('newest', 1)", []).unwrap();
        database
    }

    /// The number of projects in it.
    fn projects(database: &Path) -> i64 {
        let connection = Connection::open(database).unwrap();
        connection.query_row("SELECT count(*) FROM projects", [], |row| row.get(0)).unwrap()
    }

    /// What lies there, but for logs.
    fn files(dir: &Path) -> String {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().flatten().map(|e| e.file_name().into_string().unwrap()).collect();
        names.retain(|name| !LOGS.iter().any(|log| name.ends_with(log)));
        names.sort();
        names.join(" ")
    }

    /// Bug: a truncated database refused the start, and a missing one was begun anew.
    #[test]
    fn what_is_damaged_is_restored() {
        let whole = "dormouse.db dormouse.db.1";
        let aside = "dormouse.db dormouse.db.1 dormouse.db.damaged1";
        let cut = |len: u64| {
            move |path: &Path| {
                let file = fs::OpenOptions::new().write(true).open(path).unwrap();
                assert!(file.metadata().unwrap().len() > len);
                file.set_len(len).unwrap();
            }
        };
        let garbage = |from: usize, to: usize| {
            move |path: &Path| {
                let mut bytes = fs::read(path).unwrap();
                bytes[from..to].fill(0xa5);
                fs::write(path, bytes).unwrap();
            }
        };
        type Damage = Box<dyn Fn(&Path)>;
        let damages: [(&str, Damage, i64, &str); 10] = [
            ("nothing", Box::new(|_| {}), 201, whole),
            ("missing", Box::new(|path| fs::remove_file(path).unwrap()), 200, whole),
            ("empty", Box::new(cut(0)), 200, aside),
            ("a byte", Box::new(cut(1)), 200, aside),
            ("half a head", Box::new(cut(60)), 200, aside),
            ("half a page", Box::new(cut(2000)), 200, aside),
            ("one page", Box::new(cut(4096)), 200, aside),
            ("some pages", Box::new(cut(40_000)), 200, aside),
            ("garbage", Box::new(|path| fs::write(path, vec![0xa5; 50_000]).unwrap()), 200, aside),
            ("garbage in a page", Box::new(garbage(4096, 12_000)), 200, aside),
        ];
        for (what, damage, left, there) in damages {
            let dir = tempfile::tempdir().unwrap();
            let database = made(dir.path());
            damage(&database);
            check(&database).unwrap();
            heal(&database).unwrap();
            assert_eq!((projects(&database), files(dir.path()).as_str()), (left, there), "{what}");
            heal(&database).unwrap();
            assert_eq!(projects(&database), left, "{what}: once is enough");
        }
    }

    #[test]
    fn a_copy_that_is_damaged_too_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let database = made(dir.path());
        take(&Connection::open(&database).unwrap(), &database).unwrap();
        assert_eq!(files(dir.path()), "dormouse.db dormouse.db.1 dormouse.db.2");
        fs::write(&database, "garbage").unwrap();
        fs::write(beside(&database, ".1"), "garbage").unwrap();
        heal(&database).unwrap();
        assert_eq!(projects(&database), 200);
    }

    #[test]
    fn without_a_copy_it_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join(DATABASE);
        assert!(!check(&database).unwrap(), "a first start");
        heal(&database).unwrap();
        fs::write(&database, "garbage that is none of ours").unwrap();
        let refused = [check(&database).map(drop), heal(&database)].map(|r| r.unwrap_err().to_string());
        for told in refused {
            assert!(told.contains("is damaged") && told.contains("hint: "), "{told}");
        }
        assert_eq!(files(dir.path()), DATABASE);
    }
}
