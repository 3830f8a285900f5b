//! The kernel's list of swap areas, and putting one on it and off it.

use std::{
    ffi::CString,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{SwapError, header};

/// swapon(2): the low 15 bits of the flags are the priority when this one is set.
const SWAP_FLAG_PREFER: u16 = 0x8000;

/// One area of swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Its device or file.
    pub path: PathBuf,
    /// Size in bytes.
    pub size: u64,
    /// Bytes in use.
    pub used: u64,
    /// The label in its header; empty when it has none or cannot be read.
    pub label: String,
    /// Whether this or another Dormouse server set it up.
    pub is_dormouse: bool,
}

/// Every area that is in use; empty when the list cannot be read.
#[must_use]
pub fn areas() -> Vec<Area> {
    parse(&fs::read_to_string("/proc/swaps").unwrap_or_default())
        .map(|(path, size, used)| {
            let label = header::label(&path).unwrap_or_default();
            let is_dormouse = label.starts_with("dm-");
            Area { path, size, used, label, is_dormouse }
        })
        .collect()
}

/// Lines of proc_swaps(5): name, type, size and use in KiB, priority.
fn parse(text: &str) -> impl Iterator<Item = (PathBuf, u64, u64)> {
    text.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace();
        let path = fields.next()?;
        let size: u64 = fields.nth(1)?.parse().ok()?;
        let used: u64 = fields.next()?.parse().ok()?;
        // The kernel writes blanks in names as octal escapes.
        Some((PathBuf::from(path.replace("\\040", " ")), size * 1024, used * 1024))
    })
}

/// Start using an area.
#[allow(unsafe_code)]
pub(super) fn on(path: &Path, priority: u16) -> Result<(), SwapError> {
    let name = c_path(path)?;
    let flags = i32::from(SWAP_FLAG_PREFER | priority);
    // SAFETY: `name` is a NUL-terminated string that outlives the call; the kernel only reads it.
    let done = unsafe { libc::swapon(name.as_ptr(), flags) };
    check(done, "using", path)
}

/// Stop using an area; what is in it is read back first.
#[allow(unsafe_code)]
pub(super) fn off(path: &Path) -> Result<(), SwapError> {
    let name = c_path(path)?;
    // SAFETY: `name` is a NUL-terminated string that outlives the call; the kernel only reads it.
    let done = unsafe { libc::swapoff(name.as_ptr()) };
    check(done, "giving back", path)
}

fn check(done: i32, doing: &str, path: &Path) -> Result<(), SwapError> {
    if done == 0 {
        return Ok(());
    }
    Err(SwapError::new(format!("{doing} {} as swap", path.display()), io::Error::last_os_error()))
}

fn c_path(path: &Path) -> Result<CString, SwapError> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|e| SwapError::new(format!("the path {}", path.display()), e.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_list() {
        let text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/zram1 partition\t1048572\t\t12\t\t1000\n/a\\040b file 2048 0 10\n";
        let got: Vec<_> = parse(text).collect();
        assert_eq!(
            got,
            [("/dev/zram1".into(), 1_048_572 * 1024, 12 * 1024), (PathBuf::from("/a b"), 2048 * 1024, 0)]
        );
    }
}
