//! Reading what the init wrote; see `sandbox::output` for the format.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use dormouse_backend::{LogChunk, LogLine, Stream};
use dormouse_model::{InstanceId, ServiceKey, Time};

/// At most this much is returned at once, in bytes.
const CHUNK: usize = 1 << 20;

/// Bytes after which an instance's log is rotated; as much again is kept from before.
pub(super) const ROTATE_AT: u64 = 10 << 20;

/// The log of an instance and the one before its last rotation.
pub(super) fn paths(state: &Path, key: &ServiceKey, id: InstanceId) -> [PathBuf; 2] {
    let dir = state.join("logs").join(key.project.as_str()).join(key.service.as_str());
    [dir.join(format!("{id}.log")), dir.join(format!("{id}.log.1"))]
}

/// Remove the logs of instances; what is not there is fine.
pub(super) fn remove(state: &Path, key: &ServiceKey, ids: &[InstanceId]) -> io::Result<()> {
    for file in ids.iter().flat_map(|id| paths(state, key, *id)) {
        match fs::remove_file(file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            Err(_) | Ok(()) => {}
        }
    }
    Ok(())
}

/// Lines from offset `from` on. What has been rotated away is skipped.
pub(super) fn read([log, old]: &[PathBuf; 2], from: u64) -> io::Result<LogChunk> {
    let Some(newest) = Part::open(log)? else { return Ok(LogChunk { lines: vec![], next: from }) };
    if from < newest.base
        && let Some(older) = Part::open(old)?
        // Only when nothing was rotated between the two openings.
        && older.base <= from.max(older.base)
        && older.base < newest.base
    {
        let chunk = older.lines(from.max(older.base), newest.base)?;
        if !chunk.lines.is_empty() {
            return Ok(chunk);
        }
    }
    newest.lines(from.max(newest.base), u64::MAX)
}

struct Part {
    file: File,
    /// Offset, since the instance's start, of the first line.
    base: u64,
    /// Length of the `@` line.
    header: u64,
}

impl Part {
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut buffer = [0; 32];
        let n = file.read_at(&mut buffer, 0)?;
        let head = String::from_utf8_lossy(&buffer[..n]);
        let base = head.strip_prefix("@ ").and_then(|h| h.split_once('\n'));
        Ok(Some(match base.and_then(|(n, _)| Some((n.len() as u64 + 3, n.parse().ok()?))) {
            Some((header, base)) => Self { file, base, header },
            None => Self { file, base: 0, header: 0 },
        }))
    }

    /// Whole lines between two offsets.
    fn lines(&self, from: u64, to: u64) -> io::Result<LogChunk> {
        let most = usize::try_from(to.saturating_sub(from)).unwrap_or(CHUNK).min(CHUNK);
        let mut buffer = vec![0; most];
        let mut n = 0;
        while n < most {
            let at = self.header + (from - self.base) + n as u64;
            match self.file.read_at(&mut buffer[n..], at)? {
                0 => break,
                more => n += more,
            }
        }
        let whole = buffer[..n].iter().rposition(|b| *b == b'\n').map_or(0, |last| last + 1);
        let lines = buffer[..whole].split(|b| *b == b'\n').filter_map(line).collect();
        Ok(LogChunk { lines, next: from + whole as u64 })
    }
}

fn line(bytes: &[u8]) -> Option<LogLine> {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, ' ');
    let at = Time(parts.next()?.parse().ok()?);
    let stream = match parts.next()? {
        "o" => Stream::Out,
        "e" => Stream::Err,
        _other => return None,
    };
    Some(LogLine { at, stream, text: parts.next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use expect_test::expect;

    use super::*;

    #[test]
    fn offsets_go_on_over_a_rotation() {
        let dir = tempfile::tempdir().unwrap();
        let paths = [dir.path().join("log"), dir.path().join("log.1")];
        let show = |from| {
            let chunk = read(&paths, from).unwrap();
            let lines: Vec<_> = chunk.lines.iter().map(|l| l.text.as_str()).collect();
            format!("{from}: {lines:?} then {}\n", chunk.next)
        };
        let mut table = show(5);
        fs::write(&paths[1], "@ 10\n1 o two 2\n2 e three\n").unwrap();
        fs::write(&paths[0], "@ 30\n3 o four\n4 o unfini").unwrap();
        for from in [0, 10, 20, 30, 39] {
            table += &show(from);
        }
        expect![[r#"
            5: [] then 5
            0: ["two 2", "three"] then 30
            10: ["two 2", "three"] then 30
            20: ["three"] then 30
            30: ["four"] then 39
            39: [] then 39
        "#]]
        .assert_eq(&table);
    }
}
