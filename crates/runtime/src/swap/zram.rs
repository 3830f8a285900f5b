//! zram devices: Documentation/admin-guide/blockdev/zram.rst.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::SwapError;

const CONTROL: &str = "/sys/class/zram-control";

/// The block device with this number.
pub(super) fn device(number: u32) -> PathBuf {
    format!("/dev/zram{number}").into()
}

fn attribute(number: u32, name: &str) -> PathBuf {
    format!("/sys/block/zram{number}/{name}").into()
}

fn set(number: u32, name: &str, value: &str) -> Result<(), SwapError> {
    let path = attribute(number, name);
    fs::write(&path, value).map_err(|e| SwapError::new(format!("writing {value} to {}", path.display()), e))
}

/// A new device. Reading the control file makes one.
pub(super) fn add() -> Result<u32, SwapError> {
    if !Path::new(CONTROL).exists() {
        crate::modules::load("zram");
    }
    let path = Path::new(CONTROL).join("hot_add");
    let add = || -> io::Result<u32> { fs::read_to_string(&path)?.trim().parse().map_err(io::Error::other) };
    add().map_err(|e| SwapError::new("adding a zram device (does this kernel have the zram module?)", e))
}

/// Choose the compressor and the size, in bytes before compression.
pub(super) fn configure(number: u32, bytes: u64) -> Result<(), SwapError> {
    // lz4 decompresses fastest, and waking is what we wait for. A kernel without it keeps its default.
    if let Err(error) = set(number, "comp_algorithm", "lz4") {
        tracing::info!(%error, "zram without lz4");
    }
    set(number, "disksize", &bytes.to_string())
}

/// How this device compresses; `None` when it is not zram. The one in use stands in brackets.
pub(crate) fn compressor(device: &Path) -> Option<String> {
    let number = device.to_str()?.strip_prefix("/dev/zram")?.parse().ok()?;
    let all = fs::read_to_string(attribute(number, "comp_algorithm")).ok()?;
    let used = all.split_whitespace().find_map(|a| a.strip_prefix('[')?.strip_suffix(']'))?;
    Some(used.to_owned())
}

/// Whether nobody has given it a size yet, so that nothing can be in it.
pub(super) fn is_fresh(number: u32) -> bool {
    fs::read_to_string(attribute(number, "initstate")).is_ok_and(|s| s.trim() == "0")
}

/// Remove a device that is not in use any more.
pub(super) fn remove(number: u32) -> Result<(), SwapError> {
    if !attribute(number, "reset").exists() {
        return Ok(());
    }
    // Something that looks at new block devices (udev) may still hold it open for a moment.
    let mut tries = 0;
    while let Err(error) = set(number, "reset", "1") {
        tries += 1;
        if tries == 20 {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let path = Path::new(CONTROL).join("hot_remove");
    fs::write(&path, number.to_string())
        .map_err(|e| SwapError::new(format!("removing zram device {number}"), e))
}

/// Bytes of memory that the zram devices of this host hold, their own overhead included: third field of `mm_stat`.
#[must_use]
pub fn stored() -> u64 {
    fs::read_dir("/sys/block")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|d| fs::read_to_string(d.path().join("mm_stat")).ok())
        .filter_map(|s| s.split_whitespace().nth(2)?.parse::<u64>().ok())
        .sum()
}
