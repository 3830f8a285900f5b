//! Room on the disk that is kept for the server's own small writes.
//!
//! A full disk is never quite full for us: a folder of files without content holds some of it, and whoever of us is about to write
//! something small gives up as many of them as that needs: piece by piece, because who filled the disk takes what we do not use at
//! once. Each piece is a file too, for disks that have bytes and no more inodes.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use tracing::{info, warn};

/// Bytes of one piece: the database's index and a change or two.
const PIECE: u64 = 256 << 10;

/// Pieces on a large disk: 64 MiB.
const PIECES: u64 = 256;

/// Of a small disk it takes at most this part, as one in so many.
const SHARE: u64 = 32;

/// What has to be free before a write of ours.
const SPARE: Free = Free { bytes: PIECE, inodes: 8 };

/// Pieces are made as long as this many times as much as all of them is free.
const PLENTY: u64 = 4;

/// What has to be free for a deploy to begin; a build looks for itself whether there is enough for what it does.
const FOR_A_DEPLOY: Free = Free { bytes: 64 << 20, inodes: 4096 };

/// What is free on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Free {
    /// How many bytes.
    pub bytes: u64,
    /// How many files and folders.
    pub inodes: u64,
}

impl Free {
    fn is_enough(self, needed: Self) -> bool {
        self.bytes >= needed.bytes && self.inodes >= needed.inodes
    }

    /// What there is and what there has to be, in words; of inodes only where they are what is missing.
    pub(crate) fn beside(self, needed: Self) -> [String; 2] {
        let words = |of: Self| match self.inodes < needed.inodes {
            true => format!("{} MiB and {} inodes", of.bytes >> 20, of.inodes),
            false => format!("{} MiB", of.bytes >> 20),
        };
        [words(self), words(needed)]
    }
}

/// What anybody may still write to the disk of a folder: some file systems hold more for root alone.
pub(crate) fn free(dir: &Path) -> io::Result<Free> {
    let disk = statvfs(dir)?;
    Ok(Free { bytes: disk.f_bavail.saturating_mul(disk.f_frsize), inodes: inodes(&disk, disk.f_favail) })
}

/// What is free and what has to be, where the disk has no room for a deploy: better refused than ended in the middle.
pub(crate) fn lacks_for_a_deploy(state: &Path) -> Option<(Free, Free)> {
    // A disk that does not say refuses by itself.
    free(state).ok().filter(|free| !free.is_enough(FOR_A_DEPLOY)).map(|free| (free, FOR_A_DEPLOY))
}

/// Those that make inodes as they go have none to count.
fn inodes(disk: &rustix::fs::StatVfs, free: u64) -> u64 {
    if disk.f_files == 0 { u64::MAX } else { free }
}

/// The room that is kept.
#[derive(Debug, Clone)]
pub struct Ballast {
    dir: PathBuf,
}

impl Ballast {
    /// That of the server whose state folder this is.
    #[must_use]
    pub fn of(state: &Path) -> Self {
        Self { dir: state.join("ballast") }
    }

    /// Before something small is written: give up what that needs, if the disk is full. Takes microseconds otherwise.
    pub fn lend(&self) {
        let mut given_up = 0;
        loop {
            match self.for_root() {
                Ok((free, _)) if !free.is_enough(SPARE) => {}
                Ok(_) | Err(_) => break,
            }
            // The last first, so that those that are missing are the last.
            let Some(piece) = self.pieces().into_iter().max() else { break };
            // Somebody else of us may just have done the same.
            drop(fs::remove_file(self.path(piece)));
            given_up += 1;
        }
        if given_up > 0 {
            warn!(
                "the disk of {} is full: gave up {} KiB that are kept for the server itself, {} MiB of them are left\n  hint: \
                 make room there; who writes the most, `du` tells",
                self.dir.parent().unwrap_or(&self.dir).display(),
                (given_up * PIECE) >> 10,
                (u64::try_from(self.pieces().len()).unwrap_or(0) * PIECE) >> 20,
            );
        }
    }

    /// Make what is missing of it, as long as there is plenty of room.
    ///
    /// # Errors
    /// When the disk refuses, or is of a kind that keeps no room.
    pub fn keep(&self) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let (_, total) = self.for_root()?;
        let there = self.pieces();
        let missing: Vec<_> = (0..PIECES.min(total / SHARE / PIECE)).filter(|n| !there.contains(n)).collect();
        let wanted = u64::try_from(missing.len()).unwrap_or(0);
        let needed = Free { bytes: PLENTY * wanted * PIECE, inodes: PLENTY * wanted };
        if missing.is_empty() || !free(&self.dir)?.is_enough(needed) {
            return Ok(());
        }
        for piece in missing {
            let path = self.path(piece);
            let made =
                File::create(&path).and_then(|file| Ok(fallocate(&file, FallocateFlags::empty(), 0, PIECE)?));
            made.inspect_err(|_| drop(fs::remove_file(&path)))?;
        }
        info!(mib = (wanted * PIECE) >> 20, "keeping room on the disk for the server itself");
        Ok(())
    }

    /// What root may still write, and how large the disk is.
    fn for_root(&self) -> io::Result<(Free, u64)> {
        let disk = statvfs(&self.dir)?;
        let free =
            Free { bytes: disk.f_bfree.saturating_mul(disk.f_frsize), inodes: inodes(&disk, disk.f_ffree) };
        Ok((free, disk.f_blocks.saturating_mul(disk.f_frsize)))
    }

    fn path(&self, piece: u64) -> PathBuf {
        self.dir.join(piece.to_string())
    }

    fn pieces(&self) -> Vec<u64> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        entries.filter_map(|e| e.file_name().to_str()?.parse().ok()).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{io::Write, process::Command};

    use super::*;

    /// A small disk of its own, in memory, in the mount namespace of this thread; `None` where that is not allowed.
    #[derive(Debug)]
    pub(crate) struct SmallDisk(tempfile::TempDir);

    impl SmallDisk {
        pub(crate) fn new(options: &str) -> Option<Self> {
            let dir = tempfile::tempdir().unwrap();
            let mounted =
                Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir.path()).status();
            mounted.is_ok_and(|status| status.success()).then(|| Self(dir))
        }

        pub(crate) fn path(&self) -> &Path {
            self.0.path()
        }

        /// Fill it to the last byte; what does it grows on when there is room again.
        pub(crate) fn fill(&self) {
            let mut file = File::options().create(true).append(true).open(self.path().join("hog")).unwrap();
            for size in [1 << 20, 4096, 1] {
                while file.write_all(&vec![b'.'; size]).is_ok() {}
            }
        }
    }

    impl Drop for SmallDisk {
        fn drop(&mut self) {
            drop(Command::new("umount").arg("--lazy").arg(self.path()).status());
        }
    }

    #[test]
    fn room_is_given_up_piece_by_piece_and_made_again() {
        let Some(disk) = SmallDisk::new("size=64m") else { return };
        let ballast = Ballast::of(disk.path());
        // Not yet made, it is nothing to give up.
        ballast.lend();
        ballast.keep().unwrap();
        assert_eq!(ballast.pieces().len(), 8, "a small disk keeps less");
        ballast.lend();
        assert_eq!(ballast.pieces().len(), 8, "nobody needs it");
        disk.fill();
        for left in (0..8).rev() {
            ballast.lend();
            ballast.lend();
            assert_eq!(ballast.pieces().len(), left, "only what is needed");
            fs::write(disk.path().join("ours"), [0; 4096]).unwrap();
            disk.fill();
            ballast.keep().unwrap();
            assert_eq!(ballast.pieces().len(), left, "there is no room for it");
        }
        ballast.lend();
        fs::remove_file(disk.path().join("hog")).unwrap();
        ballast.keep().unwrap();
        assert_eq!(ballast.pieces().len(), 8);
    }

    #[test]
    fn inodes_are_kept_too() {
        let Some(disk) = SmallDisk::new("size=64m,nr_inodes=200") else { return };
        let ballast = Ballast::of(disk.path());
        ballast.keep().unwrap();
        let many = (0..).take_while(|n| File::create(disk.path().join(format!("hog{n}"))).is_ok()).count();
        assert!(many > 100);
        ballast.lend();
        assert!(ballast.pieces().is_empty(), "eight for eight");
        fs::write(disk.path().join("ours"), "").unwrap();
    }
}
