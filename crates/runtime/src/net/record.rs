//! `networks.json`: which addresses this server uses, and for what; and a copy of it, for when it is lost or damaged.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use dormouse_backend::NetworkSpec;
use dormouse_model::ProjectName;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::NetError;
use crate::write_whole;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) pool: Ipv4Addr,
    pub(super) projects: BTreeMap<ProjectName, NetworkSpec>,
}

impl Record {
    /// Read it, or its copy where it is damaged or gone; `None` when there is nothing to be read in either.
    ///
    /// # Errors
    /// When the disk refuses it and there is no copy that can be read.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, NetError> {
        let own = read(path);
        if let Ok(Some(record)) = own {
            return Ok(Some(record));
        }
        let restored = read(&copy(path)).ok().flatten();
        let broken = |why| NetError::Record { path: path.to_owned(), why };
        let Some(record) = restored else {
            return match own {
                Err(why) if is_damage(&why) => {
                    warn!(path = %path.display(), %why, "damaged, and so is its copy: which networks there are, others have to tell");
                    Ok(None)
                }
                Ok(none) => Ok(none),
                Err(why) => Err(broken(why)),
            };
        };
        let why = own.err().map_or_else(|| "it was gone".to_owned(), |e| e.to_string());
        warn!(path = %path.display(), why, "restored from the copy beside it");
        record.save(path)?;
        Ok(Some(record))
    }

    /// Write it and its copy, each as a whole or not at all, so that one of them is whole at any time.
    pub(super) fn save(&self, path: &Path) -> Result<(), NetError> {
        let write = || {
            let text = serde_json::to_vec_pretty(self)?;
            write_whole(path, &text)?;
            File::open(path)?.sync_all()?;
            write_whole(&copy(path), &text)
        };
        write().map_err(|why| NetError::Record { path: path.to_owned(), why })
    }
}

fn copy(path: &Path) -> PathBuf {
    path.with_added_extension("1")
}

/// Whether it is what is written there that is wrong, and not the disk.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

fn read(path: &Path) -> io::Result<Option<Record>> {
    match fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
        Ok(text) => Ok(serde_json::from_slice(&text).map(Some)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bug: an empty file refused every start, without a hint, and without a file all networks were taken away from what
    /// ran in them.
    #[test]
    fn what_is_lost_or_damaged_is_restored() {
        type Damage = fn(&Path);
        let damages: [Damage; 4] = [
            |path| fs::remove_file(path).unwrap(),
            |path| fs::write(path, "").unwrap(),
            |path| fs::write(path, "{\"pool\": \"10.").unwrap(),
            |path| fs::write(copy(path), "garbage").unwrap(),
        ];
        for damage in damages {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("networks.json");
            assert_eq!(Record::load(&path).unwrap(), None);
            let record = Record { pool: Ipv4Addr::new(10, 77, 0, 0), projects: BTreeMap::new() };
            record.save(&path).unwrap();
            damage(&path);
            assert_eq!(Record::load(&path).unwrap().as_ref(), Some(&record));
            assert_eq!(read(&path).unwrap().as_ref(), Some(&record));
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("networks.json");
        for garbage in
            [&b""[..], b"{", b"[]", b"{}", b"null", b"\xff\xfe\0", b"{\"pool\": 7, \"projects\": {}}"]
        {
            for name in [path.clone(), copy(&path)] {
                fs::write(name, garbage).unwrap();
            }
            assert_eq!(Record::load(&path).unwrap(), None, "{}", garbage.escape_ascii());
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let told = Record::load(&path).unwrap_err().to_string();
        assert!(told.contains("hint: "), "{told}");
    }
}
