//! The header of a swap area, version 1, as mkswap(8) writes it (`union swap_header` in include/linux/swap.h).

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use super::SwapError;

/// The first kilobyte is left for boot blocks.
const INFO: u64 = 1024;
/// Within the info: version, last page, number of bad pages, then 16 bytes of id.
const LABEL: u64 = INFO + 12 + 16;
const LABEL_LEN: usize = 16;
const MAGIC: &[u8; 10] = b"SWAPSPACE2";

fn page_size() -> u64 {
    // Cannot fail for this name; 4096 is right nearly everywhere.
    nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .and_then(|n| u64::try_from(n).ok())
        .unwrap_or(4096)
}

/// Make `path`, which holds `bytes`, a swap area with this label (cut at 16 bytes).
pub(super) fn write(path: &Path, bytes: u64, label: &str) -> Result<(), SwapError> {
    let write = || -> io::Result<()> {
        let page = page_size();
        let last = u32::try_from((bytes / page).saturating_sub(1)).map_err(io::Error::other)?;
        if last < 10 {
            return Err(io::Error::other("a swap area needs at least ten pages"));
        }
        let mut info = [0; 12 + 16 + LABEL_LEN];
        info[..4].copy_from_slice(&1u32.to_ne_bytes());
        info[4..8].copy_from_slice(&last.to_ne_bytes());
        let label = &label.as_bytes()[..label.len().min(LABEL_LEN)];
        info[28..28 + label.len()].copy_from_slice(label);
        let file = OpenOptions::new().write(true).open(path)?;
        file.write_all_at(&info, INFO)?;
        file.write_all_at(MAGIC, page - MAGIC.len() as u64)?;
        file.sync_all()
    };
    write().map_err(|e| SwapError::new(format!("making {} a swap area", path.display()), e))
}

/// The label of an area; `None` when it has none or is none.
pub(super) fn label(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    let mut magic = [0; 10];
    file.read_exact_at(&mut magic, page_size() - 10).ok()?;
    let mut label = [0; LABEL_LEN];
    file.read_exact_at(&mut label, LABEL).ok()?;
    let text = label.split(|b| *b == 0).next()?;
    (magic == *MAGIC && !text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_found() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 20).unwrap();
        assert_eq!(label(file.path()), None);
        write(file.path(), 1 << 20, "dm-0123abcd").unwrap();
        assert_eq!(label(file.path()).as_deref(), Some("dm-0123abcd"));
    }

    #[test]
    fn too_small() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = write(file.path(), 4096, "x").unwrap_err().to_string();
        assert!(error.contains("at least ten pages"), "{error}");
    }
}
