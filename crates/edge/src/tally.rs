//! Counters of one instance, and the guard that keeps them honest.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::SystemTime,
};

use dormouse_model::{InstanceId, Time, Traffic};
use tokio::sync::Notify;

/// Rings once for everything that changed since the last report.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    heard: Notify,
}

impl Bell {
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.heard.notify_one();
        }
    }
    /// From now on the next change rings again.
    pub(crate) fn reset(&self) {
        self.rung.swap(false, Ordering::AcqRel);
    }
    pub(crate) async fn wait(&self) {
        while !self.rung.load(Ordering::Acquire) {
            self.heard.notified().await;
        }
    }
}

/// What one instance has carried. Written by every worker, read by the report.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) instance: InstanceId,
    in_flight: AtomicU32,
    connections: AtomicU32,
    last_client_byte: AtomicU64,
    last_instance_byte: AtomicU64,
    changed: AtomicBool,
    bell: Arc<Bell>,
}

impl Tally {
    pub(crate) fn new(instance: InstanceId, bell: Arc<Bell>) -> Self {
        Self {
            instance,
            in_flight: AtomicU32::new(0),
            connections: AtomicU32::new(0),
            last_client_byte: AtomicU64::new(0),
            last_instance_byte: AtomicU64::new(0),
            changed: AtomicBool::new(false),
            bell,
        }
    }

    /// Requests in flight, for balancing.
    pub(crate) fn load(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// A byte from a client, or a request, is on its way to the instance.
    pub(crate) fn client_byte(&self) {
        self.last_client_byte.store(now(), Ordering::Relaxed);
        self.touch();
    }

    /// A byte came from the instance.
    pub(crate) fn instance_byte(&self) {
        self.last_instance_byte.store(now(), Ordering::Relaxed);
        self.touch();
    }

    // The swap of `changed` orders this thread's writes before the reads of the report that resets it: either the
    // report sees them, or this swap comes after the reset and rings for the next one.
    fn touch(&self) {
        if !self.changed.swap(true, Ordering::AcqRel) {
            self.bell.ring();
        }
    }

    /// Whether anything changed since this was last asked.
    pub(crate) fn take_changed(&self) -> bool {
        self.changed.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn read(&self) -> Traffic {
        let time = |at: &AtomicU64| match at.load(Ordering::Relaxed) {
            0 => None,
            ms => Some(Time(ms)),
        };
        Traffic {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
            last_client_byte: time(&self.last_client_byte),
            last_instance_byte: time(&self.last_instance_byte),
        }
    }
}

fn now() -> u64 {
    Time::from(SystemTime::now()).0
}

/// A connection that an instance carries, from the moment it is chosen. Counted until dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    tally: Arc<Tally>,
    in_flight: bool,
}

impl Lease {
    /// A connection without a request on it.
    pub(crate) fn connection(tally: &Arc<Tally>) -> Self {
        tally.connections.fetch_add(1, Ordering::Relaxed);
        tally.touch();
        Self { tally: tally.clone(), in_flight: false }
    }

    /// A request from a client.
    pub(crate) fn request(tally: &Arc<Tally>) -> Self {
        tally.connections.fetch_add(1, Ordering::Relaxed);
        tally.in_flight.fetch_add(1, Ordering::Relaxed);
        tally.client_byte();
        Self { tally: tally.clone(), in_flight: true }
    }

    pub(crate) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Whether the instance owes an answer on this connection.
    pub(crate) fn set_in_flight(&mut self, owes: bool) {
        if owes == self.in_flight {
            return;
        }
        self.in_flight = owes;
        if owes {
            self.tally.in_flight.fetch_add(1, Ordering::Relaxed);
        } else {
            self.tally.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
        self.tally.touch();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.in_flight {
            self.tally.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
        self.tally.connections.fetch_sub(1, Ordering::Relaxed);
        self.tally.touch();
    }
}
