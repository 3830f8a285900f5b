//! How an instance's end is written down.
//!
//! The file is filled with spaces when it is made, so that a full disk cannot lose the record, and one small write makes it.

use std::{fs, io, os::unix::fs::FileExt, path::Path};

use dormouse_model::{ExitStatus, Time};

/// Size of the record; a record is far shorter.
const SIZE: usize = 64;

/// Make an empty record.
pub(crate) fn prepare(path: &Path) -> io::Result<()> {
    fs::write(path, [b' '; SIZE])
}

/// Write the end down.
pub(super) fn write(file: &fs::File, status: ExitStatus, at: Time) -> io::Result<()> {
    let text = match status {
        ExitStatus::Code(code) => format!("code {code} {}\n", at.0),
        ExitStatus::Signal(signal) => format!("signal {signal} {}\n", at.0),
        // Only the server can tell these.
        ExitStatus::OutOfMemory | ExitStatus::Lost => return Ok(()),
    };
    file.write_all_at(text.as_bytes(), 0)
}

/// Read a record; `None` while there is none.
pub(crate) fn read(path: &Path) -> Option<(ExitStatus, Time)> {
    let text = fs::read_to_string(path).ok()?;
    let (line, _) = text.split_once('\n')?;
    let mut words = line.split(' ');
    let (kind, number, at) = (words.next()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    match kind {
        "code" => Some((ExitStatus::Code(number), Time(at))),
        "signal" => Some((ExitStatus::Signal(number), Time(at))),
        _other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exit");
        assert_eq!(read(&path), None);
        prepare(&path).unwrap();
        assert_eq!(read(&path), None);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        for status in [ExitStatus::Code(0), ExitStatus::Code(255), ExitStatus::Signal(9)] {
            prepare(&path).unwrap();
            write(&file, status, Time(1_700_000_000_000)).unwrap();
            assert_eq!(read(&path), Some((status, Time(1_700_000_000_000))));
        }
    }
}
