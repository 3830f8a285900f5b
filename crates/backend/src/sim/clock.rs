//! Time that passes only when told to.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use dormouse_model::Time;

use super::World;

/// Resolves once the virtual clock has reached a time.
pub(crate) struct Until {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) at: Time,
}

impl Future for Until {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        if world.now >= self.at {
            return Poll::Ready(());
        }
        world.timers.push((self.at, cx.waker().clone()));
        Poll::Pending
    }
}

/// Who is to be woken when.
#[derive(Default)]
pub(crate) struct Timers(Vec<(Time, Waker)>);

impl Timers {
    fn push(&mut self, timer: (Time, Waker)) {
        self.0.push(timer);
    }

    /// The earliest.
    pub(crate) fn next(&self) -> Option<Time> {
        self.0.iter().map(|(at, _)| *at).min()
    }

    /// Takes out those that are due.
    pub(crate) fn take(&mut self, now: Time) -> Vec<Waker> {
        self.0.extract_if(.., |(at, _)| *at <= now).map(|(_, waker)| waker).collect()
    }
}
