//! How fast a client has to bring a body, so that nobody holds an instance with a byte a minute.
//!
//! Only time in which we wait for the client counts: an instance that reads slowly, or has yet to wake, is not its fault.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

use crate::EdgeSettings;

#[derive(Debug)]
pub(crate) struct Pace {
    window: Duration,
    /// Bytes to be brought in each window.
    least: u64,
    brought: u64,
    /// Before the wait that goes on.
    waited: Duration,
    waiting_since: Option<Instant>,
    /// Made at the first wait. Rings when the window is over or earlier, so that it is not set anew for each piece.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    pub(crate) fn new(settings: &EdgeSettings) -> Self {
        Self {
            window: settings.body_window,
            least: settings.body_least,
            brought: 0,
            waited: Duration::ZERO,
            waiting_since: None,
            alarm: None,
        }
    }

    /// So many bytes came.
    pub(crate) fn came(&mut self, bytes: usize) {
        self.brought += bytes as u64;
        self.waited += self.waiting_since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }

    /// There is nothing. Ready once that has been so for a whole window in which too little came.
    pub(crate) fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = Instant::now();
            let since = *self.waiting_since.get_or_insert(now);
            let left = self.window.saturating_sub(self.waited + (now - since));
            if left.is_zero() {
                if self.brought < self.least {
                    return Poll::Ready(());
                }
                (self.brought, self.waited, self.waiting_since) = (0, Duration::ZERO, Some(now));
                continue;
            }
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(left)));
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            alarm.as_mut().reset(now + left);
        }
    }
}
