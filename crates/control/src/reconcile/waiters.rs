//! Those who wait for a service to be awake.

use std::time::Duration;

use dormouse_backend::Workloads;
use dormouse_model::{Endpoint, RouteTable, ServiceKey, Target, WakeRefused};
use tokio::time::Instant;

use super::{Reconciler, WakeReply};

/// Time on top of a service's own start timeout.
const SLACK: Duration = Duration::from_secs(5);

/// Somebody who waits.
pub(super) struct Waiter {
    key: ServiceKey,
    reply: WakeReply,
    pub(super) deadline: Instant,
}

impl<W: Workloads> Reconciler<W> {
    /// A request is held, or a person said `wake`. Nothing here waits for the disk.
    pub(super) fn asked_for(&mut self, key: ServiceKey, asked: Instant, reply: WakeReply) {
        let now = self.state.clock.now();
        let table = self.tables.borrow().clone();
        let mut limit = SLACK;
        if let Some(svc) = self.state.desired.services.get(&key) {
            // Not earlier than a `sleep` in the same millisecond: whoever asks last is obeyed.
            let all = std::iter::once(&key).chain(&svc.needs);
            let slept = all.filter_map(|k| self.state.desired.services.get(k)?.demand.sleep_at).max();
            let at = slept.map_or(now, |slept| slept.max(now));
            let Some(svc) = self.state.desired.services.get_mut(&key) else { return };
            svc.demand.wake_at = Some(at);
            limit += svc.target.spec.health.start_timeout;
            for key in std::iter::once(&key).chain(&svc.needs) {
                if awake(&table, key).is_empty() {
                    self.asked.entry(key.clone()).or_insert(asked);
                }
            }
            self.state.save_demand(&key);
        } else if !table.endpoints.contains_key(&key) {
            // Gone, or never there; whoever asked has left if this fails.
            drop(reply.send(Err(WakeRefused::Unknown)));
            return;
        }
        self.waiters.push(Waiter { key, reply, deadline: asked + limit });
    }

    /// Answer those whose service stands as it has to, by the table that has just been published.
    pub(super) fn answer_waiters(&mut self) {
        if self.waiters.is_empty() && self.asked.is_empty() {
            return;
        }
        let table = self.tables.borrow().clone();
        let now = Instant::now();
        let last_wake = &mut self.state.last_wake;
        self.asked.retain(|key, asked| match table.endpoints.get(key) {
            Some(Endpoint::Ready { .. }) if !awake(&table, key).is_empty() => {
                last_wake.insert(key.clone(), asked.elapsed().as_secs_f64() * 1000.0);
                false
            }
            Some(Endpoint::Ready { .. } | Endpoint::Stopped | Endpoint::Starting | Endpoint::Building) => {
                true
            }
            Some(Endpoint::Crashed { .. } | Endpoint::Failed { .. }) | None => false,
        });
        for waiter in std::mem::take(&mut self.waiters) {
            let answer = match table.endpoints.get(&waiter.key) {
                None => Some(Err(WakeRefused::Unknown)),
                Some(Endpoint::Ready { .. }) => {
                    Some(awake(&table, &waiter.key)).filter(|t| !t.is_empty()).map(Ok)
                }
                Some(Endpoint::Crashed { reason, log_tail }) => {
                    let (reason, log_tail) = (reason.clone(), log_tail.clone());
                    Some(Err(WakeRefused::Crashed { reason, log_tail }))
                }
                Some(Endpoint::Failed { reason }) => {
                    Some(Err(WakeRefused::Crashed { reason: reason.clone(), log_tail: vec![] }))
                }
                Some(Endpoint::Stopped | Endpoint::Starting | Endpoint::Building) => None,
            };
            match answer {
                // Whoever asked may have left.
                Some(answer) => drop(waiter.reply.send(answer)),
                None if now >= waiter.deadline => drop(waiter.reply.send(Err(WakeRefused::TimedOut))),
                None if waiter.reply.is_closed() => {}
                None => self.waiters.push(waiter),
            }
        }
    }
}

/// Instances of a service that take requests right now.
fn awake(table: &RouteTable, key: &ServiceKey) -> Vec<Target> {
    match table.endpoints.get(key) {
        Some(Endpoint::Ready { targets }) => targets.iter().filter(|t| !t.asleep).copied().collect(),
        Some(
            Endpoint::Stopped
            | Endpoint::Starting
            | Endpoint::Building
            | Endpoint::Crashed { .. }
            | Endpoint::Failed { .. },
        )
        | None => vec![],
    }
}
