//! The log of an instance: `<unix ms> <o|e> <text>` a line, rotated in place.
//!
//! The init writes it as a user who may create no files, so both files exist from the start, and rotating copies the
//! log over the old one and empties it. A reader counts bytes since the instance's start; a file that does not begin
//! there says where it does in its first line, `@ <offset>`. See `host::logs` for the reading side.

use std::{
    fs::File,
    io::{self, Read},
    os::{fd::AsFd, unix::fs::FileExt},
};

use dormouse_model::Time;

/// Longer lines are split, so that one of them can neither fill memory nor hide the others.
const LONGEST: usize = 16 * 1024;

/// One of the app's two streams, cut into lines.
#[derive(Debug)]
pub(super) struct Lines {
    mark: u8,
    pending: Vec<u8>,
}

impl Lines {
    /// `o` for standard output, `e` for standard error.
    pub(super) fn new(mark: u8) -> Self {
        Self { mark, pending: Vec::new() }
    }

    /// Take bytes; whole lines go to `out`, stamped.
    pub(super) fn feed(&mut self, bytes: &[u8], at: Time, out: &mut Vec<u8>) {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.pending.extend_from_slice(piece);
            while self.pending.len() > LONGEST {
                let rest = self.pending.split_off(LONGEST);
                self.flush(at, out);
                self.pending = rest;
            }
            if self.pending.last() == Some(&b'\n') {
                self.pending.pop();
                if self.pending.last() == Some(&b'\r') {
                    self.pending.pop();
                }
                self.line(at, out);
            }
        }
    }

    /// Whether part of a line waits for its end.
    pub(super) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Write what waits as a line of its own.
    pub(super) fn flush(&mut self, at: Time, out: &mut Vec<u8>) {
        if self.is_pending() {
            self.line(at, out);
        }
    }

    fn line(&mut self, at: Time, out: &mut Vec<u8>) {
        out.extend_from_slice(at.0.to_string().as_bytes());
        out.extend_from_slice(&[b' ', self.mark, b' ']);
        out.append(&mut self.pending);
        out.push(b'\n');
    }
}

/// The log's two files.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    old: File,
    size: u64,
    /// Offset, since the instance's start, of the first line in `file`.
    base: u64,
    /// Length of the `@` line at the beginning of `file`.
    header: u64,
    rotate_at: u64,
}

impl Log {
    pub(super) fn new(file: File, old: File, rotate_at: u64) -> Self {
        Self { file, old, size: 0, base: 0, header: 0, rotate_at }
    }

    /// Append. A full disk loses lines, never the app.
    pub(super) fn write(&mut self, lines: &[u8]) {
        if lines.is_empty() {
            return;
        }
        if self.size > 0 && self.size + lines.len() as u64 > self.rotate_at {
            self.rotate().ok();
        }
        if self.file.write_all_at(lines, self.size).is_ok() {
            self.size += lines.len() as u64;
        } else {
            // Half a line must not stay before the next one.
            self.file.set_len(self.size).ok();
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.old.set_len(0)?;
        let copied = copy(&self.file, &self.old, self.size);
        self.file.set_len(0)?;
        self.base += self.size - self.header;
        self.header = 0;
        self.size = 0;
        let header = format!("@ {}\n", self.base);
        self.file.write_all_at(header.as_bytes(), 0)?;
        self.header = header.len() as u64;
        self.size = self.header;
        copied
    }
}

fn copy(from: &File, to: &File, size: u64) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    let mut at = 0;
    while at < size {
        let n = from.read_at(&mut buffer, at)?;
        if n == 0 {
            break;
        }
        to.write_all_at(&buffer[..n], at)?;
        at += n as u64;
    }
    Ok(())
}

/// A pipe's reading end that never blocks.
pub(super) fn non_blocking(pipe: &io::PipeReader) -> io::Result<()> {
    rustix::io::ioctl_fionbio(pipe.as_fd(), true)?;
    Ok(())
}

/// Read what is there. `Some(0)` is the end, `None` nothing for now.
pub(super) fn read_some(pipe: &mut io::PipeReader, buffer: &mut [u8]) -> Option<usize> {
    loop {
        match pipe.read(buffer) {
            Ok(n) => return Some(n),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return None,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn lines_are_cut() {
        let mut lines = Lines::new(b'o');
        let mut out = Vec::new();
        for (at, bytes) in [(1, "one\ntwo"), (2, " halves\r\n\n"), (3, "prompt> ")] {
            lines.feed(bytes.as_bytes(), Time(at), &mut out);
        }
        assert!(lines.is_pending());
        lines.flush(Time(4), &mut out);
        assert!(!lines.is_pending());
        expect![["1 o one\n2 o two halves\n2 o \n4 o prompt> \n"]]
            .assert_eq(&String::from_utf8(out).unwrap());
    }

    #[test]
    fn long_lines_are_split() {
        let mut lines = Lines::new(b'e');
        let mut out = Vec::new();
        lines.feed(&[b'x'; LONGEST * 2 + 5], Time(7), &mut out);
        lines.feed(b"\n", Time(8), &mut out);
        let text = String::from_utf8(out).unwrap();
        let lengths: Vec<_> = text.lines().map(str::len).collect();
        assert_eq!(lengths, [LONGEST + 4, LONGEST + 4, 5 + 4]);
    }

    #[test]
    fn rotation_keeps_the_newest_and_says_where_it_begins() {
        let dir = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = dir.path().join(name);
            let file = File::options().create_new(true).read(true).write(true).open(&path).unwrap();
            (path, file)
        };
        let ((path, file), (old_path, old)) = (make("log"), make("old"));
        // Two lines of 11 bytes after a header of 5.
        let mut log = Log::new(file, old, 27);
        for n in 0..5 {
            log.write(format!("{n} o line {n}\n").as_bytes());
        }
        let read = |p| std::fs::read_to_string(p).unwrap();
        expect![[r#"
            @ 22
            2 o line 2
            3 o line 3
            -
            @ 44
            4 o line 4
        "#]]
        .assert_eq(&format!("{}-\n{}", read(old_path), read(path)));
    }
}
