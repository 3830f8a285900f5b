//! What the parent waits for: signals, and descriptors that have something to say.

use std::{
    os::{
        fd::{AsFd, BorrowedFd},
        raw::c_int,
        unix::net::UnixStream,
    },
    time::Duration,
};

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::{
    consts,
    iterator::{backend::SignalDelivery, exfiltrator::SignalOnly},
};

/// Signals on their way to the parent.
pub(crate) struct Events(SignalDelivery<UnixStream, SignalOnly>);

impl Events {
    /// Take note of signals from now on. A hang-up of the terminal is none of our business.
    pub(crate) fn listen() -> Result<Self> {
        let signals = [consts::SIGCHLD, consts::SIGTERM, consts::SIGINT, consts::SIGHUP, consts::SIGUSR2];
        let (read, write) = UnixStream::pair().context("cannot listen for signals")?;
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, signals);
        Ok(Self(delivery.context("cannot listen for signals")?))
    }

    /// Wait until a signal arrives, one of `also` can be read, or `limit` has passed. Returns the signals.
    pub(crate) fn wait(&mut self, also: &[BorrowedFd<'_>], limit: Option<Duration>) -> Vec<c_int> {
        {
            let signals = self.0.get_read().as_fd();
            let all = std::iter::once(&signals).chain(also);
            let mut fds: Vec<_> = all.map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
            let limit = limit.map_or(PollTimeout::NONE, |limit| {
                // Rounded up, so that what is due then is due.
                PollTimeout::try_from(limit + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
            });
            // Interrupted, there is a signal; it cannot fail otherwise.
            let _ = poll(&mut fds, limit);
        }
        self.0.pending().collect()
    }
}

/// Whether one of these signals asks to end.
pub(crate) fn asks_to_end(signals: &[c_int]) -> bool {
    signals.iter().any(|signal| [consts::SIGTERM, consts::SIGINT].contains(signal))
}
