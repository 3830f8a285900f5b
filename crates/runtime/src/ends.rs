//! How processes that are nobody's children here have ended.

use std::{
    io, mem,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::process::ExitStatusExt,
    },
    process,
};

use dormouse_model::ExitStatus;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::{process::Stat, tree::Member};

/// Of more processes than that it is not told: each is an open file. No server has been met with as many workers.
const MOST: usize = 256;

/// Processes that are watched: a pidfd tells how its process ended even when its parent has taken note of that.
#[derive(Debug, Default)]
pub(crate) struct Ends(Vec<(Member, OwnedFd)>);

impl Ends {
    /// Watch these, as far as they have not been seen to end yet.
    pub(crate) fn watch<'a>(members: impl Iterator<Item = &'a Member>) -> Self {
        Self(members.take(MOST).filter_map(|member| Some((*member, open(member)?))).collect())
    }

    /// How one of them ended; `None` when it has not, or when that is not known, as before Linux 6.15.
    pub(crate) fn of(&self, member: &Member) -> Option<ExitStatus> {
        let (_, pidfd) = self.0.iter().find(|(known, _)| known == member)?;
        ended(pidfd.as_fd()).ok().flatten()
    }
}

fn open(member: &Member) -> Option<OwnedFd> {
    let pidfd = pidfd_open(Pid::from_raw(i32::try_from(member.pid).ok()?)?, PidfdFlags::empty()).ok()?;
    // Looked at after opening, so that what is looked at is what is open.
    Stat::of(member.pid).is_some_and(|stat| member.is(&stat)).then_some(pidfd)
}

/// How the process of a pidfd ended, once its parent has taken note of it.
fn ended(pidfd: BorrowedFd<'_>) -> io::Result<Option<ExitStatus>> {
    // SAFETY: it consists of numbers, which may all be 0.
    let mut info: libc::pidfd_info = unsafe { mem::zeroed() };
    info.mask = libc::PIDFD_INFO_EXIT.into();
    // SAFETY: the request says how long `info` is, and the kernel reads and writes no more; it outlives the call.
    let done = unsafe { libc::ioctl(pidfd.as_raw_fd(), libc::PIDFD_GET_INFO as _, &raw mut info) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    let knows = info.mask & u64::from(libc::PIDFD_INFO_EXIT) != 0;
    let status = process::ExitStatus::from_raw(info.exit_code);
    let how = status.code().map(ExitStatus::Code).or(status.signal().map(ExitStatus::Signal));
    Ok(how.filter(|_| knows))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Whether this kernel tells: 6.15 or later.
    fn tells() -> bool {
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<u32>().ok());
        (numbers.next(), numbers.next()) >= (Some(6), Some(15))
    }

    #[test]
    fn is_told_after_it_was_taken_note_of() {
        for (script, how) in [
            ("exit 0", ExitStatus::Code(0)),
            ("exit 155", ExitStatus::Code(155)),
            ("kill -9 $$", ExitStatus::Signal(9)),
            ("kill -6 $$", ExitStatus::Signal(6)),
        ] {
            let script = format!("read line; {script}");
            let mut child = Command::new("sh");
            let mut child = child.args(["-c", &script]).stdin(process::Stdio::piped()).spawn().unwrap();
            let stat = Stat::of(child.id()).unwrap();
            let member = Member { pid: child.id(), parent: stat.parent, start_ticks: stat.start_ticks };
            let later = Member { start_ticks: stat.start_ticks + 1, ..member };
            let ends = Ends::watch([member, later].iter());
            assert_eq!(ends.of(&member), None, "it runs");
            drop(child.stdin.take());
            child.wait().unwrap();
            assert_eq!(ends.of(&member), tells().then_some(how), "{script}");
            assert_eq!(ends.of(&later), None, "no such process was there");
            assert_eq!(Ends::watch([member].iter()).of(&member), None, "it was watched too late");
        }
    }
}
