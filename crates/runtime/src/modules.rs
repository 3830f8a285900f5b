//! Kernel modules that nothing loads by itself.

use std::process::{Command, Stdio};

/// Ask for a module. Whoever needs it finds out whether it is there.
pub(crate) fn load(name: &str) {
    match modprobe(&["-q", name]) {
        Some(true) => tracing::info!(name, "loaded a kernel module"),
        Some(false) | None => tracing::debug!(name, "the kernel module cannot be loaded"),
    }
}

/// Whether a module could be loaded, or is built in.
pub(crate) fn is_loadable(name: &str) -> bool {
    modprobe(&["-n", "-q", name]).unwrap_or(false)
}

/// `None` where there is no such program.
fn modprobe(args: &[&str]) -> Option<bool> {
    let done = Command::new("modprobe").args(args).stdin(Stdio::null()).stderr(Stdio::null()).status();
    Some(done.ok()?.success())
}
