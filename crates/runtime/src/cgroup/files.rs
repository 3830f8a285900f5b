//! Small reads and writes on control files.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// Write a value, naming the file when the kernel refuses.
pub(super) fn write(dir: &Path, file: &str, value: &str) -> io::Result<()> {
    let path = dir.join(file);
    fs::write(&path, value).map_err(|e| named(e, &path, value))
}

/// The same for a file that not every kernel has.
pub(super) fn write_if_there(dir: &Path, file: &str, value: &str) -> io::Result<()> {
    let path = dir.join(file);
    // The kernel refuses to make one in its own words.
    if path.exists() { write(dir, file, value) } else { Ok(()) }
}

pub(super) fn named(e: io::Error, path: &Path, value: &str) -> io::Error {
    io::Error::new(e.kind(), format!("writing `{}` to {}: {e}", value.trim(), path.display()))
}

pub(super) fn read(dir: &Path, file: &str) -> io::Result<String> {
    fs::read_to_string(dir.join(file))
}

/// A file with one number; `max` reads as the largest.
pub(super) fn number(dir: &Path, file: &str) -> io::Result<u64> {
    let text = read(dir, file)?;
    match text.trim() {
        "max" => Ok(u64::MAX),
        n => n.parse().map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e)),
    }
}

/// The number behind `key` in a file of `key number` lines; 0 when the key is not there.
pub(super) fn keyed(dir: &Path, file: &str, key: &str) -> io::Result<u64> {
    let text = read(dir, file)?;
    let value = text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(' '));
    Ok(value.and_then(|v| v.trim().parse().ok()).unwrap_or(0))
}

pub(super) fn pids(dir: &Path) -> io::Result<Vec<u32>> {
    Ok(read(dir, "cgroup.procs")?.lines().filter_map(|l| l.parse().ok()).collect())
}

/// Names of the groups below `dir`.
pub(super) fn children(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    names.sort();
    Ok(names)
}

/// Remove a group; its dying processes may need a moment to leave.
pub(super) fn remove(dir: &PathBuf) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        match fs::remove_dir(dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(e) => {
                return Err(io::Error::new(e.kind(), format!("removing {}: {e}", dir.display())));
            }
            Ok(()) => return Ok(()),
        }
    }
}

/// Why a freeze was taken back.
pub(super) fn not_frozen(is_given_up: bool) -> io::Error {
    if is_given_up {
        return io::Error::new(io::ErrorKind::Interrupted, "it was woken before its processes were frozen");
    }
    io::Error::new(io::ErrorKind::TimedOut, "the processes did not freeze within 5 s")
}

/// Passes of reclaim at most, and how many in a row may take nothing: the first pass over pages in use only marks them as
/// unused, and on a busy machine so may the second.
const PASSES: usize = 8;
const FRUITLESS: usize = 2;

/// Make passes of reclaim until they take less than a twentieth of what is `left`. A pass is told how much there was.
pub(super) fn until_fruitless(
    left: impl Fn() -> io::Result<u64>,
    mut pass: impl FnMut(u64) -> io::Result<()>,
) -> io::Result<()> {
    let mut before = left()?;
    let mut fruitless = 0;
    for _ in 0..PASSES {
        if before == 0 {
            break;
        }
        pass(before)?;
        let now = left()?;
        fruitless = if now.saturating_add(before / 20) >= before { fruitless + 1 } else { 0 };
        if fruitless == FRUITLESS {
            break;
        }
        before = now;
    }
    Ok(())
}

/// Ask until it is so, first often, then less; false when five seconds were not enough.
pub(super) fn wait_until(is_so: impl FnMut() -> io::Result<bool>) -> io::Result<bool> {
    wait_until_or(&|| false, is_so)
}

/// The same, unless it is given up before.
pub(super) fn wait_until_or(
    is_given_up: &dyn Fn() -> bool,
    mut is_so: impl FnMut() -> io::Result<bool>,
) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        if is_so()? {
            return Ok(true);
        }
        let waited = start.elapsed();
        if waited > Duration::from_secs(5) || is_given_up() {
            return Ok(false);
        }
        thread::sleep((waited / 4).clamp(Duration::from_micros(50), Duration::from_millis(10)));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Runs passes that leave these amounts; gives how many were made.
    fn passes(amounts: &[u64]) -> usize {
        let made = Cell::new(0);
        let left = || Ok(amounts[made.get().min(amounts.len() - 1)]);
        until_fruitless(left, |_| {
            made.set(made.get() + 1);
            Ok(())
        })
        .unwrap();
        made.get()
    }

    #[test]
    fn one_pass_that_takes_nothing_is_not_the_last() {
        assert_eq!(passes(&[100, 100, 30, 0]), 3, "pages were in use at first");
        assert_eq!(passes(&[100, 2, 2, 2]), 3, "what is left stays");
        assert_eq!(passes(&[0]), 0, "there is nothing");
        assert_eq!(passes(&[900, 800, 700, 600, 500, 400, 300, 200, 100, 0]), PASSES, "it ends");
    }
}
