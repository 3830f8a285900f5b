//! Time that passes only when told to.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use dormouse_model::Time;

use super::World;

/// Resolves once the virtual clock has reached a time.
pub(crate) struct Until {
    world: Arc<Mutex<World>>,
    at: Time,
    /// Its number among the timers, once it waits.
    timer: Option<u64>,
}

impl Until {
    pub(crate) fn new(world: Arc<Mutex<World>>, at: Time) -> Self {
        Self { world, at, timer: None }
    }
}

impl Future for Until {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut world = this.world.lock().unwrap_or_else(PoisonError::into_inner);
        if world.now >= this.at {
            return Poll::Ready(());
        }
        this.timer = Some(world.timers.set(this.timer, this.at, cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.world.lock().unwrap_or_else(PoisonError::into_inner).timers.0.remove(&(self.at, timer));
        }
    }
}

/// Who is to be woken when.
#[derive(Default)]
pub(crate) struct Timers(BTreeMap<(Time, u64), Waker>, u64);

impl Timers {
    fn set(&mut self, timer: Option<u64>, at: Time, waker: Waker) -> u64 {
        let timer = timer.unwrap_or_else(|| {
            self.1 += 1;
            self.1
        });
        self.0.insert((at, timer), waker);
        timer
    }

    /// The earliest.
    pub(crate) fn next(&self) -> Option<Time> {
        self.0.keys().next().map(|(at, _)| *at)
    }

    /// Takes out those that are due.
    pub(crate) fn take(&mut self, now: Time) -> Vec<Waker> {
        let mut due = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            due.extend(self.0.pop_first().map(|(_, waker)| waker));
        }
        due
    }
}
