//! The events of a service on disk: a JSON line each. A file that is full takes the place of the one before it.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::Path,
};

use dormouse_model::{InstanceId, Time};
use serde::{Deserialize, Serialize};

/// Its name in the folder of the service's logs, and that of the one before.
const NAME: &str = "platform.log";
const OLD: &str = "platform.log.1";

/// Bytes after which a file is full. Two of them are room for some 20 000 events.
const FULL: u64 = 1 << 20;

/// One event, in words: what they were when it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// When it happened.
    pub(crate) at: Time,
    /// To which instance, when it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<InstanceId>,
    /// What is said only once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) once: Option<String>,
    /// What happened.
    pub(crate) text: String,
}

/// Write a line, unless it says what is said only once and has been said.
pub(super) fn append(dir: &Path, line: &Line) -> io::Result<()> {
    append_up_to(dir, line, FULL)
}

fn append_up_to(dir: &Path, line: &Line, full: u64) -> io::Result<()> {
    if line.once.is_some() && Cursor::default().next(dir)?.iter().any(|said| said.once == line.once) {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    let path = dir.join(NAME);
    let open = || File::options().append(true).create(true).open(&path);
    let mut file = open()?;
    let mut size = file.metadata()?.len();
    if size >= full {
        fs::rename(&path, dir.join(OLD))?;
        file = open()?;
        size = 0;
    }
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    // Half a line on a full disk would spoil the next one.
    file.write_all(&text).inspect_err(|_| drop(file.set_len(size)))
}

/// How far somebody has read.
#[derive(Debug, Default)]
pub(crate) struct Cursor(Option<Position>);

#[derive(Debug, Clone, Copy)]
struct Position {
    /// Which file, whatever it is called by now.
    inode: u64,
    offset: u64,
}

impl Cursor {
    /// The lines that have come since the last time.
    ///
    /// # Errors
    /// When a file that is there cannot be read.
    pub(crate) fn next(&mut self, dir: &Path) -> io::Result<Vec<Line>> {
        let Some((file, inode)) = open(&dir.join(NAME))? else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        let known = self.0.filter(|p| p.inode == inode).map(|p| p.offset);
        // Unless it was replaced between the two openings.
        if known.is_none()
            && let Some((old, before)) = open(&dir.join(OLD))?.filter(|(_, before)| *before != inode)
        {
            let from = self.0.filter(|p| p.inode == before).map_or(0, |p| p.offset);
            read(old, from, &mut out)?;
        }
        let offset = read(file, known.unwrap_or(0), &mut out)?;
        self.0 = Some(Position { inode, offset });
        Ok(out)
    }
}

fn open(path: &Path) -> io::Result<Option<(File, u64)>> {
    match File::open(path) {
        Ok(file) => {
            let inode = file.metadata()?.ino();
            Ok(Some((file, inode)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whole lines from an offset on, and where they end. What cannot be read, such as half a line from before a power cut,
/// is left out.
fn read(mut file: File, from: u64, out: &mut Vec<Line>) -> io::Result<u64> {
    file.seek(SeekFrom::Start(from))?;
    // What comes meanwhile is for the next time. A device, which stands for a full disk in tests, has no length and no end.
    let new = file.metadata()?.len().saturating_sub(from);
    let (mut reader, mut at, mut line) = (BufReader::new(file.take(new)), from, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 && line.last() == Some(&b'\n') {
        at += line.len() as u64;
        out.extend(serde_json::from_slice::<Line>(&line).ok());
        line.clear();
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: u64, once: Option<&str>) -> Line {
        Line { at: Time(n), instance: None, once: once.map(str::to_owned), text: format!("line {n}") }
    }

    fn times(lines: &[Line]) -> Vec<u64> {
        lines.iter().map(|l| l.at.0).collect()
    }

    #[test]
    fn a_cursor_follows_over_rotations_and_disk_use_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let dir = &dir.path().join("shop/web");
        let (mut follows, mut seen) = (Cursor::default(), Vec::new());
        assert_eq!(follows.next(dir).unwrap(), []);
        for n in 0..100 {
            append_up_to(dir, &line(n, None), 200).unwrap();
            seen.extend(follows.next(dir).unwrap());
        }
        assert_eq!(times(&seen), (0..100).collect::<Vec<_>>());
        assert_eq!(follows.next(dir).unwrap(), []);
        let kept = times(&Cursor::default().next(dir).unwrap());
        assert!(kept.len() > 5 && kept.len() < 20, "{kept:?}");
        assert!(kept.is_sorted() && kept.last() == Some(&99), "{kept:?}");
        let names: Vec<_> = fs::read_dir(dir).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[test]
    fn some_things_are_said_once() {
        let dir = tempfile::tempdir().unwrap();
        for (n, once) in
            [(1, Some("ended i1")), (2, Some("ended i1")), (3, Some("ended i11")), (4, None), (5, None)]
        {
            append(dir.path(), &line(n, once)).unwrap();
        }
        assert_eq!(times(&Cursor::default().next(dir.path()).unwrap()), [1, 3, 4, 5]);
    }

    #[test]
    fn half_a_line_costs_no_more_than_itself() {
        let dir = tempfile::tempdir().unwrap();
        append(dir.path(), &line(1, None)).unwrap();
        let mut file = File::options().append(true).open(dir.path().join(NAME)).unwrap();
        file.write_all(b"{\"at\":2,\"te").unwrap();
        let mut cursor = Cursor::default();
        assert_eq!(times(&cursor.next(dir.path()).unwrap()), [1]);
        file.write_all(b"\n").unwrap();
        append(dir.path(), &line(3, None)).unwrap();
        assert_eq!(times(&cursor.next(dir.path()).unwrap()), [3]);
    }

    /// A file system that takes nothing any more, as `/dev/full` is. Bug: what was said once was looked for to the end of that
    /// device, which has none, until the memory was full.
    #[test]
    fn a_full_disk_is_an_error_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", dir.path().join(NAME)).unwrap();
        for once in [None, Some("ended i1")] {
            let error = append(dir.path(), &line(1, once)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
        assert_eq!(Cursor::default().next(dir.path()).unwrap(), []);
    }
}
