//! How a worker ends: nothing new is taken, and what is open is carried to its end.
//!
//! Tables are applied to the last: a tunnel must know when its instance sleeps, and nothing falls asleep before every edge
//! has confirmed, those that drain included.

use std::{rc::Rc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::worker::{Job, Worker};

/// How an edge ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drain {
    /// Another edge takes what is new. What is open goes on until one of its ends has enough of it.
    HandOver,
    /// Nobody comes after us. Requests are answered; what would go on without an end is cut.
    Stop,
}

/// How often it is looked whether everything asked for is answered.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long nothing may have been asked for until the rest is cut: the end of an answer may still be on its way out.
const QUIET: Duration = Duration::from_secs(1);

impl Worker {
    /// Carry what is open until told to end.
    pub(crate) async fn drain(self: &Rc<Self>, mut drain: Drain, jobs: &mut mpsc::UnboundedReceiver<Job>) {
        self.set_drain(drain);
        let mut until = Instant::now() + self.time_for(drain);
        let (mut busy_at, mut begun) = (Instant::now(), Instant::now());
        let (mut carrying, mut ending) = (true, false);
        while carrying || !ending {
            let look_at = match drain {
                Drain::HandOver => until,
                Drain::Stop => until.min(Instant::now() + LOOK_EVERY),
            };
            tokio::select! {
                () = self.tasks().wait(), if carrying => {
                    carrying = false;
                    self.tell_drained();
                }
                job = jobs.recv() => match job {
                    Some(Job::Apply(table)) => self.apply(table),
                    Some(Job::Pulse(asked)) => drop(asked),
                    // Accepted by another worker just before it drained too.
                    Some(Job::Connection(stream, origin, place)) => {
                        self.take(stream, origin, place);
                        carrying = true;
                    }
                    Some(Job::Drain(now)) => {
                        drain = now;
                        self.set_drain(drain);
                        until = Instant::now() + self.time_for(drain);
                        (busy_at, begun) = (Instant::now(), Instant::now());
                    }
                    Some(Job::End) | None => ending = true,
                },
                () = sleep_until(look_at), if carrying => {
                    let now = Instant::now();
                    let (to_visitors, to_services) = self.book().owed();
                    if to_visitors || (to_services && now < begun + self.settings().drain_calls) {
                        busy_at = now;
                    }
                    let enough = drain == Drain::Stop && now >= busy_at + QUIET;
                    if now >= until || enough {
                        tracing::info!(connections = self.tasks().len(), "cutting connections that did not end in time");
                        carrying = false;
                        self.tell_drained();
                    }
                }
            }
        }
    }

    fn time_for(&self, drain: Drain) -> Duration {
        match drain {
            Drain::HandOver => self.settings().hand_over_timeout,
            Drain::Stop => self.settings().drain_timeout,
        }
    }
}
