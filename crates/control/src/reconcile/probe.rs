//! Asking instances whether they work, when the planner says so.

use dormouse_backend::Workloads;
use dormouse_model::{InstanceId, Phase, Time};
use tracing::info;

use super::{Msg, Reconciler};
use crate::probe::{self, Answer, Question};

impl<W: Workloads> Reconciler<W> {
    /// Ask those whose time has come.
    pub(super) fn probe(&mut self, now: Time) {
        let due = dormouse_planner::probe_due(&self.state.desired, &self.state.observed, now);
        for id in due {
            // About to be frozen in the middle of it, or asked already.
            if self.probes.contains_key(&id) || self.seals.contains_key(&id) {
                continue;
            }
            let Some(record) = self.state.observed.instances.get(&id) else { continue };
            let Some(deployment) = self.state.deployment(&record.key, record.deployment) else { continue };
            let addr = std::net::SocketAddrV4::new(record.addr, deployment.spec.port);
            let health = deployment.spec.health.clone();
            let (woken_at, outbox) = (record.woken_at, self.outbox.clone());
            let task = self.tasks.spawn(async move {
                let answer = probe::ask(addr, Question::of(&health), health.timeout).await;
                drop(outbox.send(Msg::Probed { id, woken_at, answer }));
            });
            self.probes.insert(id, task);
        }
    }

    /// An answer from before a sleep says nothing about now.
    pub(super) fn probed(&mut self, id: InstanceId, woken_at: Option<Time>, answer: Answer) {
        self.probes.remove(&id);
        let now = self.state.clock.now();
        let Some(record) = self.state.observed.instances.get_mut(&id) else { return };
        if record.phase != Phase::Running || record.woken_at != woken_at {
            return;
        }
        let probe = &mut record.probe;
        probe.last_at = Some(now);
        match answer {
            Answer::Healthy => {
                probe.last_ok = Some(now);
                probe.failures = 0;
                probe.refused = false;
                if probe.ready_at.is_none() {
                    probe.ready_at = Some(now);
                    info!(key = %record.key, %id, took = ?now.since(record.started_at), "ready");
                    self.state.store.later(move |tx| tx.instance_ready(id, now));
                }
            }
            Answer::Refused | Answer::Unhealthy => {
                probe.failures = probe.failures.saturating_add(1);
                probe.refused = answer == Answer::Refused;
            }
        }
    }
}
