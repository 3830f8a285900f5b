//! Taking in what happened.

use dormouse_backend::{HostDisk, Repair, Workload, WorkloadEvent, Workloads};
use dormouse_model::{Cause, Depth, EdgeId, InstanceId, InstanceRecord, Phase, Sighting};
use dormouse_planner::Subject;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{Msg, OfEdge, Reconciler};
use crate::{error::chain, events::Event};

impl<W: Workloads> Reconciler<W> {
    pub(super) fn hear(&mut self, msg: Msg) {
        // Looking is not an event: otherwise those who look after every event would keep us turning.
        self.moved |= !matches!(msg, Msg::Call(_) | Msg::Inventory(_));
        match msg {
            Msg::Wake { key, by, asked, reply } => self.asked_for(key, by, asked, reply),
            Msg::Edge(id, news) => self.edge(id, news),
            Msg::Happened(event) => self.happened(event),
            Msg::Look => self.list(),
            Msg::Listed(Ok(all)) => all.iter().for_each(|w| self.seen(w)),
            Msg::Listed(Err(error)) => warn!(error = %chain(&error), "cannot see what exists"),
            Msg::Probed { id, woken_at, asked, host, answer, to_https, compared } => {
                self.probed(id, woken_at, (&asked, &host), (answer, to_https, compared));
            }
            Msg::Inspected { id, result } => self.inspected(id, result),
            Msg::Done { subject, number, outcome } => self.done(subject, number, outcome),
            Msg::Tail { key, id, lines } => self.tail(&key, id, lines),
            Msg::NetworkGone { project, result } => self.network_gone(&project, result),
            // Who asked may have left.
            Msg::Inventory(reply) => drop(reply.send(self.inventory())),
            Msg::Call(call) => call(&mut self.state),
        }
    }

    fn happened(&mut self, event: WorkloadEvent) {
        match event {
            WorkloadEvent::Ended(id) => self.exited(id),
            WorkloadEvent::Stirred(id) => self.stirred(id),
            WorkloadEvent::Noticed(id, seen) => self.watchdog_seen(id, seen),
            WorkloadEvent::Killed(id, processes) => self.killed(id, processes),
            WorkloadEvent::Repaired(repair) => self.repaired(&repair),
            WorkloadEvent::Disk(disk) => self.disk(disk),
        }
    }

    fn edge(&mut self, id: EdgeId, news: OfEdge) {
        let touched = match news {
            OfEdge::Expected => {
                self.edges.expect(id);
                return;
            }
            OfEdge::Connected => {
                self.edges.connected(id);
                return;
            }
            OfEdge::Report(mut report) => {
                // One that was removed may still be told of for a while.
                report.instances.retain(|id, _| self.state.observed.instances.contains_key(id));
                self.edges.report(id, report)
            }
            OfEdge::Gone => self.edges.gone(id),
        };
        for id in touched {
            let told = self.edges.traffic(id);
            // After each new table everybody is told of again.
            let is_news = |record: &InstanceRecord| record.traffic != told;
            if !self.state.observed.instances.get(&id).is_some_and(is_news) {
                continue;
            }
            let Some(record) = self.state.observed.instances.get_mut(&id) else { continue };
            dormouse_planner::note_word(record, &told);
            let known = std::mem::replace(&mut record.traffic, told).cut;
            let used = record.traffic.last_client_byte.map(|at| (record.key.clone(), at));
            let cut = record.traffic.cut.filter(|cut| Some(*cut) > known);
            if let Some(seen) = cut.and_then(|cut| dormouse_planner::cut_of_sleep(record, cut)) {
                self.watchdog_seen(id, seen);
            }
            if let Some((key, at)) = used {
                self.state.used(&key, at);
            }
        }
        // An edge that has applied no table yet does not know all instances.
        if self.edges.have_told() && !self.trusts() {
            self.trust_at = Instant::now();
        }
    }

    fn exited(&mut self, id: InstanceId) {
        if self.starting.contains(&id) {
            self.early_exits.insert(id);
        }
        self.list();
    }

    /// The planner decides whether that wakes it, and when.
    fn stirred(&mut self, id: InstanceId) {
        let now = self.state.clock.now();
        let Some(record) = self.state.observed.instances.get_mut(&id) else { return };
        if matches!(record.phase, Phase::Asleep(_)) {
            info!(key = %record.key, %id, "bytes arrived for it");
            dormouse_planner::note_stir(&self.state.desired, record, now);
        }
    }

    fn watchdog_seen(&mut self, id: InstanceId, seen: Sighting) {
        let (now, observed) = (self.state.clock.now(), &mut self.state.observed);
        let Some(record) = observed.instances.get(&id) else { return };
        let key = record.key.clone();
        let (of_pages, all) = match seen {
            Sighting::Cut { .. } => (true, &mut observed.pingers),
            Sighting::Puma | Sighting::Restarts { .. } | Sighting::Ended { .. } => {
                (false, &mut observed.watchdogs)
            }
        };
        let Some(watchdog) = dormouse_planner::note_sighting(all.get(&key), record, now, seen) else {
            info!(%key, %id, ?seen, "nothing new of how it notices sleep");
            return;
        };
        all.insert(key.clone(), watchdog);
        warn!(%key, %id, ?seen, verdict = ?watchdog.verdict, limit = ?watchdog.limit, "it notices sleep");
        if let Some(what) = dormouse_planner::watchdog(&watchdog, now) {
            let event = if of_pages { Event::LostPage(what) } else { Event::LostProcesses(what) };
            self.state.say(&key, Some(id), event);
        }
        self.state.store.later(move |tx| match of_pages {
            true => tx.pinger(&key, &watchdog),
            false => tx.watchdog(&key, &watchdog),
        });
    }

    /// Of one that has ended its end tells.
    fn killed(&mut self, id: InstanceId, processes: u64) {
        let now = self.state.clock.now();
        let Some(record) = self.state.observed.instances.get_mut(&id) else { return };
        if matches!(record.phase, Phase::Exited(_)) || record.draining_since.is_some() {
            return;
        }
        record.inside.killed += processes;
        record.inside.killed_at = Some(now);
        let (key, limit) = (record.key.clone(), record.limits.memory);
        warn!(%key, %id, processes, limit, "out of memory");
        self.state.say(&key, Some(id), Event::Killed { processes, limit });
    }

    /// Whoever it concerned reads it in the logs of each service.
    fn repaired(&self, repair: &Repair) {
        let Repair { damage, took, .. } = *repair;
        for key in self.state.desired.services.keys().filter(|key| repair.projects.contains(&key.project)) {
            self.state.say(key, None, Event::Repaired { damage, took });
        }
    }

    /// All are concerned: nobody knows who writes next.
    fn disk(&mut self, disk: HostDisk) {
        for key in self.state.desired.services.keys() {
            self.state.say(key, None, Event::Disk(disk));
        }
    }

    fn seen_asleep(&mut self, workload: &Workload) {
        let busy = self.busy.contains_key(&Subject::Instance(workload.id));
        let Some(record) = self.state.observed.instances.get(&workload.id) else { return };
        let paged = record.phase == Phase::Asleep(Depth::Paged);
        if paged && !busy && workload.phase == Phase::Asleep(Depth::Frozen) {
            info!(key = %record.key, id = %record.id, "its memory was read back from swap");
            if let Some(record) = self.state.observed.instances.get_mut(&workload.id) {
                record.phase = workload.phase;
            }
        }
    }

    /// Take over what only the backend sees: that an instance has ended, or that what it had in swap is not there any more.
    fn seen(&mut self, workload: &Workload) {
        let Phase::Exited(status) = workload.phase else { return self.seen_asleep(workload) };
        self.state.release(|w| w.id == workload.id);
        let now = self.state.clock.now();
        let Some(record) = self.state.observed.instances.get_mut(&workload.id) else { return };
        if matches!(record.phase, Phase::Exited(_)) {
            return;
        }
        let at = workload.exited_at.unwrap_or(now);
        let known = self.state.observed.watchdogs.get(&record.key);
        let of_sleep = dormouse_planner::ended_of_sleep(record, known, at, status);
        record.phase = workload.phase;
        record.exited_at = Some(at);
        let asked_for = record.draining_since.is_some();
        info!(key = %record.key, id = %record.id, ?status, asked_for, "ended");
        if !asked_for {
            self.note_end(workload.id, at, Cause::Exited(status));
            if let Some(seen) = of_sleep {
                self.watchdog_seen(workload.id, seen);
            }
        }
    }
}
