//! Times of source files as cargo sees them.
//!
//! Cargo takes a file for changed when it is newer than what was compiled of it. A deployed file has the time it had
//! where it came from: an older one with other content would go unnoticed, and an untouched one from a fresh clone
//! would be compiled again. So a file keeps the time it was given when its content was first seen, for as long as
//! the content stays. Should the clock have gone back since, whatever is new now would be older than what was compiled: then
//! all of that goes.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::source::Source;

/// By path: the digest of the content, and when it was first seen in milliseconds since 1970.
#[derive(Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Stamps(BTreeMap<String, (String, u64)>);

impl Stamps {
    /// Of the last build; when there is none, or it cannot be read, every file counts as new.
    fn read(path: &Path) -> Self {
        let text = std::fs::read(path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The same, as long as none of them is ahead of `now`; otherwise none, and what was compiled in `target` is gone.
    pub(super) fn read_with(path: &Path, target: &Path, now: SystemTime) -> io::Result<Self> {
        let known = Self::read(path);
        if known.0.values().all(|(_, seen)| *seen <= millis(now)) {
            return Ok(known);
        }
        std::fs::remove_dir_all(target)?;
        std::fs::create_dir(target)?;
        Ok(Self::default())
    }

    /// As of this source.
    pub(super) fn renew(&self, source: &Source, now: SystemTime) -> Self {
        let now = millis(now);
        let one = |(path, digest): (&Path, &[u8; 32])| {
            let (path, digest) = (path.to_string_lossy().into_owned(), hex::encode(digest));
            let seen = self.0.get(&path).filter(|(known, _)| *known == digest).map_or(now, |(_, seen)| *seen);
            (path, (digest, seen))
        };
        Self(source.files().map(one).collect())
    }

    /// Written whole or not at all: half a record would make old files look untouched.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        dormouse_runtime::write_whole(path, &serde_json::to_vec(self)?)
    }

    /// Give the files of a copy of the source these times.
    pub(super) fn apply(&self, root: &Path, source: &Source) -> io::Result<()> {
        for (path, _) in source.files() {
            if let Some((_, seen)) = self.0.get(path.to_string_lossy().as_ref()) {
                let file = File::options().append(true).open(root.join(path))?;
                file.set_modified(UNIX_EPOCH + Duration::from_millis(*seen))?;
            }
        }
        Ok(())
    }
}

fn millis(time: SystemTime) -> u64 {
    let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_content_makes_a_file_newer() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("source");
        fs::create_dir(&root).unwrap();
        let write = |file: &str, text: &str, time: u64| {
            fs::write(root.join(file), text).unwrap();
            let file = File::options().append(true).open(root.join(file)).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(time)).unwrap();
        };
        let (record, target) = (dir.path().join("stamps.json"), dir.path().join("target"));
        let artefact = target.join("app");
        fs::create_dir(&target).unwrap();
        fs::write(&artefact, "").unwrap();
        let deploy = |now: u64| {
            let source = Source::of(&root);
            let now = UNIX_EPOCH + Duration::from_secs(now);
            let stamps = Stamps::read_with(&record, &target, now).unwrap().renew(&source, now);
            stamps.write(&record).unwrap();
            let copy = tempfile::tempdir().unwrap();
            source.copy_to(copy.path()).unwrap();
            stamps.apply(copy.path(), &source).unwrap();
            let time = |file: &str| {
                let time = fs::metadata(copy.path().join(file)).unwrap().modified().unwrap();
                time.duration_since(UNIX_EPOCH).unwrap().as_secs()
            };
            (time("a.rs"), time("b.rs"))
        };
        write("a.rs", "one", 5);
        write("b.rs", "one", 5);
        assert_eq!(deploy(100), (100, 100));
        // Touched, but the same.
        write("a.rs", "one", 150);
        // Older, but another.
        write("b.rs", "two", 1);
        assert_eq!(deploy(200), (100, 200));
        // And back: what was compiled last was the other.
        write("b.rs", "one", 5);
        assert_eq!(deploy(300), (100, 300));
        fs::write(&record, "{").unwrap();
        assert_eq!(deploy(400), (400, 400));
        // Bug: after the clock went back, a changed file was older than what had been compiled of it, which was deployed.
        write("b.rs", "two", 1);
        assert_eq!(deploy(90), (90, 90));
        assert!(!artefact.exists());
        assert_eq!(deploy(500), (90, 90));
    }
}
