//! Hearing of processes that the kernel has killed for want of memory.

use std::{io, os::fd::OwnedFd};

use rustix::io::{Errno, pread, read};
use tokio::io::{Interest, unix::AsyncFd};

/// What tells that the kernel may have killed something in a group for want of memory.
#[derive(Debug)]
pub enum Alarm {
    /// A counter that the kernel raises (version 1).
    Event(OwnedFd),
    /// A control file that changes, which its readers are told as urgent (version 2).
    File(OwnedFd),
}

impl Alarm {
    /// Hear of it. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn listen(self) -> io::Result<Listening> {
        let (fd, interest) = match self {
            Self::Event(fd) => (fd, Interest::READABLE),
            Self::File(fd) => {
                // What has been read is what a change is a change of.
                pread(&fd, &mut [0; 512], 0)?;
                (fd, Interest::PRIORITY)
            }
        };
        // SAFETY: the descriptor is owned, always the same, and closed only after it is deregistered.
        let fd = unsafe { AsyncFd::register_with_interest(fd, interest) }?;
        Ok(Listening { fd, interest })
    }
}

/// A group that is listened to.
#[derive(Debug)]
pub(crate) struct Listening {
    fd: AsyncFd<OwnedFd>,
    interest: Interest,
}

impl Listening {
    /// Returns when something may have been killed since it was called last.
    pub(crate) async fn rings(&self) -> io::Result<()> {
        // What comes after this rings again.
        self.fd.ready(self.interest).await?.clear_ready();
        if self.interest.is_priority() {
            pread(self.fd.get_ref(), &mut [0; 512], 0)?;
            return Ok(());
        }
        match read(self.fd.get_ref(), &mut [0; 8]) {
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}
