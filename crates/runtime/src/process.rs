//! Which process is meant, beyond a number that the kernel gives away again.

use std::{fs, io, os::fd::OwnedFd};

use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};
use serde::{Deserialize, Serialize};
use tokio::io::{Interest, unix::AsyncFd};

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
        let stat = Stat::of(pid).filter(|stat| !stat.has_ended());
        let Some(Stat { start_ticks, .. }) = stat else { return Ok(None) };
        Ok(Some(Self { pid, start_ticks, boot: boot_id()? }))
    }

    /// This very process.
    ///
    /// # Errors
    /// When the kernel does not tell who we are.
    pub fn this() -> io::Result<Self> {
        Self::find(std::process::id())?.ok_or_else(|| io::Error::other("this process is not in /proc"))
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

    /// When it started, in clock ticks after the boot of the machine.
    #[must_use]
    pub fn start_ticks(&self) -> u64 {
        self.start_ticks
    }

    /// Returns once it has ended.
    ///
    /// # Errors
    /// When the kernel does not let us watch it.
    pub async fn ended(&self) -> io::Result<()> {
        match self.open()? {
            Some(pidfd) => ended(pidfd).await,
            None => Ok(()),
        }
    }

    /// A descriptor that means this process and no later one (pidfd_open(2)); `None` when it has ended.
    ///
    /// # Errors
    /// When the kernel does not give one.
    pub fn open(&self) -> io::Result<Option<OwnedFd>> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            // Looked at after opening, so that what is looked at is what is open.
            Ok(pidfd) => Ok(self.is_alive().then_some(pidfd)),
            Err(Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::find(self.pid).is_ok_and(|now| now.as_ref() == Some(self))
    }
}

/// Returns once the process that this means has ended.
pub(crate) async fn ended(pidfd: OwnedFd) -> io::Result<()> {
    // SAFETY: the pidfd is owned, always the same, and closed only after it is deregistered.
    let pidfd = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }?;
    pidfd.readable().await?.retain_ready();
    Ok(())
}

/// Which boot of the machine this is: another one each time.
///
/// # Errors
/// When the kernel does not tell.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// What the kernel says of a process or of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    /// `R` runs or could, `S` waits, `D` waits for the disk (or is frozen), `Z` has ended.
    pub(crate) state: char,
    /// Whose child it is.
    pub(crate) parent: u32,
    /// Clock ticks from boot to its start: no later process with its number has the same.
    pub(crate) start_ticks: u64,
}

impl Stat {
    /// Of a process; `None` when there is none of this number.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Of a thread of a process.
    pub(crate) fn of_thread(pid: u32, tid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/task/{tid}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The second field is the name in parentheses, which may contain anything.
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        // Field 3 is the state, 4 the parent, 22 the start time (proc(5)).
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            start_ticks: fields.get(19)?.parse().ok()?,
        })
    }

    /// Whether nothing of it runs any more, though nobody has asked how it ended.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// The system call a thread is in (`/proc/<pid>/task/<tid>/syscall`, proc_pid_syscall(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SystemCall {
    pub(crate) number: libc::c_long,
    pub(crate) arguments: [u64; 6],
}

impl SystemCall {
    /// Of a thread of a process; `None` when it is in none, or gone.
    pub(crate) fn of_thread(pid: u32, tid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")).ok()?)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let number = words.next()?.parse().ok().filter(|number| *number >= 0)?;
        let mut arguments = [0; 6];
        for argument in &mut arguments {
            *argument = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
        }
        Some(Self { number, arguments })
    }
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

    #[test]
    fn a_name_may_contain_anything() {
        let fields = "S 7 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 42 0 0";
        let stat = Stat::parse(&format!("9 (a) R 1 (b) {fields}")).unwrap();
        assert_eq!(stat, Stat { state: 'S', parent: 7, start_ticks: 42 });
        assert_eq!(Stat::parse("9 (a) S 7"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[tokio::test]
    async fn an_end_is_waited_for() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::find(child.id()).unwrap().unwrap();
        let mut ended = std::pin::pin!(process.ended());
        let soon = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(soon, ended.as_mut()).await.is_err(), "it runs");
        child.kill().unwrap();
        ended.await.unwrap();
        child.wait().unwrap();
        process.ended().await.unwrap();
    }
}
