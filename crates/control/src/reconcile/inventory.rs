//! How much is held in memory, by kind.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use dormouse_model::{Deployment, DesiredService, ProjectSpec, ServiceSpec};

use super::Reconciler;
use crate::state::State;

impl<W> Reconciler<W> {
    /// How many things of each kind there are.
    pub(super) fn inventory(&self) -> BTreeMap<&'static str, usize> {
        let State { projects, desired, observed, facts, .. } = &self.state;
        BTreeMap::from([
            ("projects", projects.len()),
            ("services", desired.services.len()),
            ("configurations", configurations(&self.state)),
            ("instances", observed.instances.len()),
            ("ends", observed.ends.values().map(Vec::len).sum()),
            ("answers", observed.answers.values().map(Vec::len).sum()),
            ("supervisors", observed.watchdogs.len() + observed.pingers.len()),
            ("builds", facts.builds.len()),
            ("notes", projects.values().map(|p| p.notes.len()).sum()),
            ("deploys under way", projects.values().filter(|p| p.coming.is_some()).count()),
            ("last lines", self.state.log_tails.values().map(Vec::len).sum()),
            ("logs", self.state.history.values().map(Vec::len).sum()),
            ("last wakes", self.state.last_wake.len()),
            ("last uses", self.state.last_use.len()),
            ("protocols", self.state.speaks_http.len()),
            ("limits to be applied", self.state.unapplied.len()),
            ("under way", self.busy.len() + self.starting.len() + self.probes.len() + self.looks.len()),
            ("tasks", self.tasks.len()),
            ("pauses", self.held.len()),
            ("early exits", self.early_exits.len()),
            ("falling asleep", self.seals.len() + self.cut.len() + facts.falling_asleep.len()),
            ("waiting", self.waiters.len() + self.asked.len() + self.woke.len()),
        ])
    }
}

/// Those that are one and the same are held once, by however many.
fn configurations(state: &State) -> usize {
    let of_project = |spec: &ProjectSpec| spec.services.values().map(Arc::as_ptr).collect::<Vec<_>>();
    let projects = state.projects.values().flat_map(|p| {
        let coming = p.coming.iter().map(|c| &c.spec);
        [&p.spec, &p.done, &p.failed].into_iter().flatten().chain(coming).flat_map(of_project)
    });
    let of_service = |svc: &DesiredService| {
        let before = svc.replaced.iter().flat_map(|r| std::iter::once(&r.deployment).chain(&r.trusted));
        let all = std::iter::once(&svc.target).chain(&svc.live).chain(before);
        all.map(|d: &Deployment| Arc::as_ptr(&d.spec)).collect::<Vec<_>>()
    };
    let services = state.desired.services.values().flat_map(of_service);
    projects.chain(services).collect::<BTreeSet<*const ServiceSpec>>().len()
}
