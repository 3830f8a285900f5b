//! Which process is meant, beyond a number that the kernel gives away again.

use std::{fs, io};

use serde::{Deserialize, Serialize};

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub(crate) pid: u32,
    /// Clock ticks from boot to its start.
    start_ticks: u64,
    /// Which boot.
    boot: String,
}

impl Process {
    /// The process that has this number now; `None` when it has ended.
    ///
    /// # Errors
    /// When the kernel does not tell which boot this is.
    pub fn find(pid: u32) -> io::Result<Option<Self>> {
        let Some(start_ticks) = alive(pid) else { return Ok(None) };
        Ok(Some(Self { pid, start_ticks, boot: boot()? }))
    }

    /// A process that has ended before it could be looked at.
    pub(crate) fn gone(pid: u32) -> Self {
        Self { pid, start_ticks: 0, boot: String::new() }
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::find(self.pid).is_ok_and(|now| now.as_ref() == Some(self))
    }
}

fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Start time of a process that has not ended.
fn alive(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, which may contain anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    // Field 3 is the state, field 22 the start time (proc(5)).
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_number_is_another_process() {
        let me = Process::find(std::process::id()).unwrap().unwrap();
        assert!(me.is_alive());
        assert!(!Process { start_ticks: me.start_ticks + 1, ..me.clone() }.is_alive());
        assert!(!Process { boot: "another".into(), ..me }.is_alive());
    }
}
