//! Telling that bytes have arrived for an instance that sleeps.

use std::{
    net::Ipv4Addr,
    os::fd::OwnedFd,
    sync::{Arc, Weak},
    time::Duration,
};

use rustix::io::read;
use tokio::{
    io::{Interest, unix::AsyncFd},
    task::spawn_blocking,
};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::{Inner, Networks, instance::Instance};
use crate::activity;

/// What came this long before the freeze had its chance to be read.
const LATELY: Duration = Duration::from_secs(2);

/// Whoever listens for bytes while an instance sleeps; dropped, it stops.
pub(super) type Listener = AbortOnDropHandle<()>;

impl<N: Networks> Inner<N> {
    /// Begin to listen, before the instance is frozen: nothing that comes later is missed. Without it only its own
    /// service's requests wake it.
    pub(super) fn arrivals(&self, instance: &Instance) -> Option<OwnedFd> {
        let spec = &instance.record.spec;
        let socket = self.networks.arrivals(&spec.key.project, instance.record.addr);
        socket.unwrap_or_else(|e| {
            warn!("instance {} will not hear of bytes that arrive for it: {e}", spec.id);
            None
        })
    }

    /// Tell of bytes that arrive from now on, or that came to `arrivals` before.
    pub(super) fn listen(self: &Arc<Self>, instance: &Arc<Instance>, arrivals: Option<OwnedFd>) -> Listener {
        self.listen_since(instance, arrivals, LATELY)
    }

    /// The same for an instance that was found asleep, and for which nobody has listened until now.
    pub(super) fn listen_again(self: &Arc<Self>, instance: &Arc<Instance>) -> Listener {
        let arrivals = self.arrivals(instance);
        self.listen_since(instance, arrivals, Duration::MAX)
    }

    fn listen_since(
        self: &Arc<Self>,
        instance: &Arc<Instance>,
        arrivals: Option<OwnedFd>,
        lately: Duration,
    ) -> Listener {
        let pid = instance.record.process.pid();
        let gateway = self.networks.gateway(&instance.record.spec.key.project);
        let instance = Arc::downgrade(instance);
        AbortOnDropHandle::new(tokio::spawn(async move {
            if arrived(arrivals, pid, gateway, lately).await
                && let Some(instance) = Weak::upgrade(&instance)
            {
                instance.stir();
            }
        }))
    }
}

/// Returns once bytes have arrived; false when none ever will.
async fn arrived(arrivals: Option<OwnedFd>, pid: u32, gateway: Option<Ipv4Addr>, lately: Duration) -> bool {
    let Some(gateway) = gateway else { return false };
    // In case they came while the last thread was being frozen, or nobody listened.
    if activity::unread(pid, gateway, lately).await.unwrap_or(false) {
        return true;
    }
    let Some(socket) = arrivals.and_then(|socket| Socket::new(socket).ok()) else { return false };
    let heard = |socket: &OwnedFd| Ok(read(socket, &mut [0; 1])?);
    match &socket.0 {
        // An error is the end of its cable.
        Some(socket) => socket.async_io(Interest::READABLE, heard).await.is_ok(),
        None => false,
    }
}

/// A socket on a cable. To close it takes the kernel milliseconds, in which no task should stand still.
struct Socket(Option<AsyncFd<OwnedFd>>);

impl Socket {
    fn new(socket: OwnedFd) -> std::io::Result<Self> {
        // SAFETY: the socket is owned, always the same, and closed only after it is deregistered.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?;
        Ok(Self(Some(socket)))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(socket) = self.0.take().map(AsyncFd::into_inner) {
            spawn_blocking(move || drop(socket));
        }
    }
}
