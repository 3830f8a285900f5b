//! Swap of ours that somebody else has taken away: `swapoff -a`, another tool that resets zram devices, a file removed.

use tracing::{error, info};

use super::{FILE_PRIORITY, Swap, SwapError, ZRAM_PRIORITY, active, areas, header, zram};

/// What a look at our swap found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// All of it.
    Whole,
    /// Something was gone, and is there again. What was in it has been read back into memory.
    Mended,
    /// Something is gone, and cannot be made again now.
    Missing,
}

impl Swap {
    /// Look whether all of it is still there, and make again what is not. Blocks.
    pub fn mend(&mut self) -> Found {
        let (has, there) = (self.has, self.active());
        let gone = [("zram", has.zram && !there.zram), ("a swap file", has.file && !there.file)];
        let mut found = Found::Whole;
        for (kind, _) in gone.iter().filter(|(_, gone)| *gone) {
            let made = if *kind == "zram" { self.zram_again() } else { self.file_again() };
            match made {
                Ok(()) => info!(kind, "somebody took away the swap for sleeping apps; made it again"),
                Err(error) => {
                    error!(kind, %error, "somebody took away the swap for sleeping apps; trying again");
                    found = Found::Missing;
                    continue;
                }
            }
            if found == Found::Whole {
                found = Found::Mended;
            }
        }
        found
    }

    fn zram_again(&mut self) -> Result<(), SwapError> {
        if let Some(device) = self.record.zram.map(zram::device)
            && header::label(&device).is_some_and(|label| label == self.label)
        {
            // Only switched off.
            return active::on(&device, ZRAM_PRIORITY);
        }
        self.clear_zram(&areas());
        self.add_zram(self.settings).map(drop)
    }

    fn file_again(&mut self) -> Result<(), SwapError> {
        if let Some(path) = &self.record.file
            && header::label(path).is_some_and(|label| label == self.label)
        {
            return active::on(path, FILE_PRIORITY);
        }
        self.add_file(self.settings).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::swap::{Size, SwapSettings};

    /// Bug: what another tool took away stayed away until the next start.
    #[test]
    fn what_is_taken_away_is_made_again() {
        let root = nix::unistd::geteuid().is_root();
        if !root || areas().iter().any(|a| !a.is_dormouse) || !Path::new("/sys/class/zram-control").exists() {
            dormouse_trials::skip("needs root, zram, and a host without swap");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let settings = SwapSettings { zram: Size::Bytes(64 << 20), file: Size::Bytes(32 << 20) };
        let mut swap = Swap::set_up(dir.path(), "test0004", settings);
        let ours = || areas().iter().filter(|a| a.label == "dm-test0004").count();
        assert_eq!((swap.mend(), ours()), (Found::Whole, 2));
        let zram = |swap: &Swap| swap.record.zram.map(zram::device).unwrap();

        active::off(&zram(&swap)).unwrap();
        assert!(swap.can_page(), "the file is still there");
        assert_eq!((swap.mend(), ours()), (Found::Mended, 2), "switched off");

        active::off(&zram(&swap)).unwrap();
        let number = swap.record.zram.unwrap();
        fs::write(format!("/sys/block/zram{number}/reset"), "1").unwrap();
        active::off(&dir.path().join("swapfile")).unwrap();
        fs::remove_file(dir.path().join("swapfile")).unwrap();
        assert!(!swap.can_page());
        assert_eq!((swap.mend(), ours()), (Found::Mended, 2), "reset, and the file removed");
        assert!(swap.can_page());

        active::off(&zram(&swap)).unwrap();
        zram::remove(swap.record.zram.unwrap()).unwrap();
        assert_eq!((swap.mend(), ours()), (Found::Mended, 2), "the device removed");

        // An adopter finds what was taken away before it.
        active::off(&zram(&swap)).unwrap();
        let mut adopted = Swap::set_up(dir.path(), "test0004", settings);
        assert_eq!((ours(), adopted.mend(), ours()), (1, Found::Mended, 2));
        adopted.tear_down();
        assert_eq!(ours(), 0);
    }
}
