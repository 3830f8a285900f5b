//! How a worker ends: nothing new is taken, and what is open is carried to its end.
//!
//! Tables are applied to the last: a tunnel must know when its instance sleeps, and nothing falls asleep before every edge
//! has confirmed, those that drain included.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{Job, Worker};
use crate::ctx::Drain;

/// How often it is looked whether everything asked for is answered.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long nothing may have been asked for until the rest is cut: the end of an answer may still be on its way out.
const QUIET: Duration = Duration::from_secs(1);

impl Worker {
    /// Carry what is open until told to end.
    pub(super) async fn drain(&self, mut drain: Drain, jobs: &mut mpsc::UnboundedReceiver<Job>) {
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
                () = self.ctx.tasks().wait(), if carrying => {
                    carrying = false;
                    self.tell_drained();
                }
                job = jobs.recv() => match job {
                    Some(Job::Apply(table)) => self.apply(&table),
                    Some(Job::Pulse(asked)) => drop(asked),
                    // Accepted by another worker just before it drained too.
                    Some(Job::Connection(stream, ingress, admission)) => {
                        self.take(stream, ingress, admission);
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
                    let (to_visitors, to_services) = self.ctx.traffic().owed();
                    if to_visitors || (to_services && now < begun + self.ctx.settings().drain_calls) {
                        busy_at = now;
                    }
                    let enough = drain == Drain::Stop && now >= busy_at + QUIET;
                    if now >= until || enough {
                        tracing::info!(connections = self.ctx.tasks().len(), "cutting connections that did not end in time");
                        carrying = false;
                        self.tell_drained();
                    }
                }
            }
        }
    }

    fn time_for(&self, drain: Drain) -> Duration {
        match drain {
            Drain::HandOver => self.ctx.settings().hand_over_timeout,
            Drain::Stop => self.ctx.settings().drain_timeout,
        }
    }
}
