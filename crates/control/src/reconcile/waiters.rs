//! Those who wait for a service to be awake.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use dormouse_backend::Workloads;
use dormouse_model::{Endpoint, RouteTable, ServiceKey, Target, Time, WakeRefused};
use tokio::time::Instant;

use super::{Reconciler, WakeReply};
use crate::events::{Event, Waker};

/// Time on top of a service's own start timeout.
const SLACK: Duration = Duration::from_secs(5);

/// A service that was asked for while it was not awake.
pub(super) struct Asked {
    since: Instant,
    by: Waker,
    /// Whether it had no process, by choice.
    stopped: bool,
}

/// Somebody who waits.
pub(super) struct Waiter {
    key: ServiceKey,
    reply: WakeReply,
    pub(super) deadline: Instant,
    /// Whether it is the first since somebody sent the service to sleep: then it counts after a restart too.
    overrules: bool,
}

impl<W: Workloads> Reconciler<W> {
    /// A request is held, or a person said `wake`. Nothing here waits for the disk.
    pub(super) fn asked_for(&mut self, key: ServiceKey, by: Waker, asked: Instant, reply: WakeReply) {
        let now = self.state.clock.now();
        let table = self.tables.borrow().clone();
        let mut limit = SLACK;
        // Not earlier than a `sleep` in the same millisecond: whoever asks last is obeyed.
        let slept = self.sent_to_sleep(&key);
        let at = slept.map_or(now, |slept| slept.max(now));
        let mut overrules = false;
        if let Some(svc) = self.state.desired.services.get_mut(&key) {
            overrules = slept.is_some_and(|slept| svc.demand.wake_at.is_none_or(|woken| woken < slept));
            svc.demand.wake_at = Some(at);
            limit += svc.target.spec.health.start_timeout;
            let needed = svc.needs.iter().map(|need| (need, Waker::Needed(key.service.clone())));
            for (key, by) in std::iter::once((&key, by)).chain(needed) {
                if awake(&table, key).is_empty() {
                    let stopped = matches!(table.endpoints.get(key), Some(Endpoint::Stopped));
                    self.asked.entry(key.clone()).or_insert(Asked { since: asked, by, stopped });
                }
            }
        } else if !table.endpoints.contains_key(&key) {
            // Gone, or never there; whoever asked has left if this fails.
            drop(reply.send(Err(WakeRefused::Unknown)));
            return;
        }
        self.waiters.push(Waiter { key, reply, deadline: asked + limit, overrules });
    }

    /// When a service, or one that it needs, was last sent to sleep.
    fn sent_to_sleep(&self, key: &ServiceKey) -> Option<Time> {
        let services = &self.state.desired.services;
        let all = std::iter::once(key).chain(services.get(key).into_iter().flat_map(|svc| &svc.needs));
        all.filter_map(|k| services.get(k)?.demand.sleep_at).max()
    }

    /// Whoever waits goes on asking: a later `sleep` is obeyed once they have been answered.
    pub(super) fn ask_on(&mut self) {
        let waiting = self.waiters.iter().filter(|w| !w.reply.is_closed());
        let asked: BTreeSet<_> = waiting.map(|w| w.key.clone()).collect();
        for key in asked {
            let slept = self.sent_to_sleep(&key);
            if let Some(svc) = self.state.desired.services.get_mut(&key) {
                svc.demand.wake_at = svc.demand.wake_at.max(slept);
            }
        }
    }

    /// Answer those whose service stands as it has to, by the table that has just been published.
    pub(super) fn answer_waiters(&mut self) {
        if self.waiters.is_empty() && self.asked.is_empty() && self.woke.is_empty() {
            return;
        }
        let table = self.tables.borrow().clone();
        let now = Instant::now();
        let mut there = BTreeMap::new();
        self.asked.retain(|key, asked| match table.endpoints.get(key) {
            Some(Endpoint::Ready { .. }) if !awake(&table, key).is_empty() => {
                let took = asked.since.elapsed();
                self.state.last_wake.insert(key.clone(), took.as_secs_f64() * 1000.0);
                there.insert(key.clone(), (asked.by.clone(), took, asked.stopped));
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
                Some(Endpoint::Crashed { reason, .. } | Endpoint::Failed { reason }) => {
                    Some(Err(WakeRefused::Crashed { reason: reason.clone(), log_tail: vec![] }))
                }
                Some(Endpoint::Stopped | Endpoint::Starting | Endpoint::Building) => None,
            };
            let answer = match answer {
                None if now >= waiter.deadline => Some(Err(WakeRefused::TimedOut)),
                None if !waiter.reply.is_closed() => {
                    self.waiters.push(waiter);
                    continue;
                }
                answer => answer,
            };
            if let Some(answer) = answer {
                // Whoever asked may have left.
                drop(waiter.reply.send(answer));
            }
            if waiter.overrules {
                self.state.save_demand(&waiter.key);
            }
        }
        // Nobody who waits waits for this.
        self.tell_who_woke(there, &table);
    }

    /// What was asked for has just become awake, and other things were woken by the planner alone.
    fn tell_who_woke(
        &mut self,
        mut there: BTreeMap<ServiceKey, (Waker, Duration, bool)>,
        table: &RouteTable,
    ) {
        for (id, (key, otherwise)) in std::mem::take(&mut self.woke) {
            let asked = there.remove(&key);
            let (by, took) = asked.map_or((otherwise, None), |(by, took, _)| (by, Some(took)));
            self.state.say(&key, Some(id), Event::Woken { by, took });
        }
        // A seal that was broken in time put nothing to sleep, and a first start is no wake.
        for (key, (by, took, _)) in there.into_iter().filter(|(_, (.., stopped))| *stopped) {
            let id = awake(table, &key).first().map(|t| t.instance);
            self.state.say(&key, id, Event::Started { by, took });
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
