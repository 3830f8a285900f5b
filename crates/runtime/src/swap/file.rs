//! The swap file.

use std::{fs, io, os::unix::fs::OpenOptionsExt, path::Path};

use nix::{
    fcntl::{FallocateFlags, fallocate},
    sys::statvfs::statvfs,
};

use super::{Area, SwapError, areas};

/// What it is called, in the folder for swap.
pub(crate) const NAME: &str = "swapfile";

const MOST: u64 = 8 << 30;
const LEAST: u64 = 256 << 20;
/// What stays free on the disk: without that no build begins.
const RESERVE: u64 = 1 << 30;

/// What the disk can spare; 0 when that is too little to be of use. The folder need not be there yet.
pub(super) fn suitable_size(dir: &Path) -> Result<u64, SwapError> {
    let there = dir.ancestors().find(|p| p.exists()).unwrap_or(dir);
    let disk = statvfs(there)
        .map_err(|e| SwapError::new(format!("looking at the disk of {}", dir.display()), e.into()))?;
    let free = disk.blocks_available() * disk.fragment_size();
    Ok(fitting(free, of_others(dir, &areas())))
}

/// Bytes of the swap files of other servers than the one whose folder for swap this is.
pub(crate) fn of_others(dir: &Path, areas: &[Area]) -> u64 {
    let own = dir.canonicalize().unwrap_or_else(|_| dir.to_owned()).join(NAME);
    let is_others = |a: &&Area| a.is_dormouse && !a.path.starts_with("/dev") && a.path != own;
    areas.iter().filter(is_others).map(|a| a.size).sum()
}

/// The kernel swaps to whichever file has room, so all servers of a host together get what one alone would; but each has a little
/// of its own, because others take theirs away when they end.
fn fitting(free: u64, of_others: u64) -> u64 {
    let all = ((free + of_others) / 4).min(MOST);
    let size = all.saturating_sub(of_others).max(LEAST).min(free.saturating_sub(RESERVE));
    if size < LEAST { 0 } else { size }
}

/// Make a file of this many bytes without holes, readable by its owner alone: it will hold other people's memory.
pub(super) fn allocate(path: &Path, bytes: u64) -> Result<(), SwapError> {
    let allocate = || -> io::Result<()> {
        let file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
        let length = i64::try_from(bytes).map_err(io::Error::other)?;
        fallocate(&file, FallocateFlags::empty(), 0, length)?;
        file.sync_all()
    };
    allocate().map_err(|e| {
        // Half a swap file would only fill the disk.
        let _ = fs::remove_file(path);
        SwapError::new(format!("making the swap file {} of {} MiB", path.display(), bytes >> 20), e)
    })
}

/// Remove the file; one that is gone already is fine.
pub(super) fn remove(path: &Path) -> Result<(), SwapError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(SwapError::new(format!("removing {}", path.display()), e))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    /// Bug: each server on a host made a file of up to 8 GiB, whatever the others had taken of the disk.
    #[test]
    fn all_servers_together_have_what_one_alone_would() {
        let mut rows = String::new();
        for disk in [200_000, 35_000, 8_000, 2_000, 1_400, 1_100, 0] {
            let mut free = disk << 20;
            let mut taken = Vec::new();
            for _server in 0..8 {
                let size = fitting(free, taken.iter().sum());
                assert!(size == 0 || free - size >= RESERVE);
                free -= size;
                taken.push(size);
            }
            let sizes: Vec<_> = taken.iter().map(|size| (size >> 20).to_string()).collect();
            rows += &format!("{disk} MiB free: {}, and {} stay\n", sizes.join(" "), free >> 20);
        }
        expect![[r#"
            200000 MiB free: 8192 256 256 256 256 256 256 256, and 190016 stay
            35000 MiB free: 8192 256 256 256 256 256 256 256, and 25016 stay
            8000 MiB free: 2000 256 256 256 256 256 256 256, and 4208 stay
            2000 MiB free: 500 256 0 0 0 0 0 0, and 1244 stay
            1400 MiB free: 350 0 0 0 0 0 0 0, and 1050 stay
            1100 MiB free: 0 0 0 0 0 0 0 0, and 1100 stay
            0 MiB free: 0 0 0 0 0 0 0 0, and 0 stay
        "#]]
        .assert_eq(&rows);
    }

    #[test]
    fn whose_files_count() {
        let area = |path: &str, is_dormouse| Area {
            path: path.into(),
            size: 1,
            used: 0,
            label: String::new(),
            is_dormouse,
        };
        let dir = Path::new("/nonexistent/mine/swap");
        let all = [
            area("/dev/zram0", true),
            area("/nonexistent/mine/swap/swapfile", true),
            area("/nonexistent/other/swap/swapfile", true),
            area("/swap.img", false),
        ];
        assert_eq!(of_others(dir, &all), 1);
    }
}
