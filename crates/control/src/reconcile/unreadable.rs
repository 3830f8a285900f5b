//! What the database holds and this release cannot read: what it would tell is put together from the rest, as far as that goes;
//! what runs by it runs on, and everybody concerned is told.

use dormouse_backend::Workload;
use dormouse_model::{ProjectSpec, ServiceKey};
use tracing::error;

use crate::{
    events::Event,
    state::State,
    store::{Part, Unreadable},
};

impl State {
    /// Of a project whose own row tells nothing the deployments of its services do.
    pub(super) fn fill_in(&mut self) {
        let Self { projects, desired, unreadable, .. } = self;
        let lost = unreadable.iter().filter(|u| u.part == Part::Rollout && !u.replaced);
        for name in lost.filter_map(|u| u.project.as_ref()) {
            let Some(project) = projects.get_mut(name).filter(|p| p.removing.is_none()) else { continue };
            let services = desired.services.values().filter(|svc| svc.key.project == *name);
            let services: std::collections::BTreeMap<_, _> =
                services.map(|svc| (svc.key.service.clone(), svc.target.spec.clone())).collect();
            if !services.is_empty() {
                project.spec = Some(ProjectSpec { name: name.clone(), services });
            }
        }
    }

    /// Whether what says that this is to run may be what cannot be read.
    pub(super) fn hides(&self, workload: &Workload) -> bool {
        let Workload { key, deployment, .. } = workload;
        let svc = self.desired.services.get(key);
        let replaced = svc.and_then(|svc| svc.replaced.as_ref()).map(|r| r.deployment.process());
        self.deployment(key, *deployment).is_none()
            && replaced != Some(*deployment)
            && self.unreadable.iter().any(|u| u.hides_what_runs() && u.concerns(key))
    }

    /// In the server's log at every start, and once in the log of each service that it concerns.
    pub(super) fn tell_unreadable(&mut self) {
        for unreadable in self.unreadable.iter().filter(|u| !u.replaced) {
            error!("{}\n  hint: {}", unreadable.what(), unreadable.hint());
            for key in self.known_keys().filter(|key| unreadable.concerns(key)) {
                let Unreadable { part, place, since, .. } = unreadable;
                let event = Event::Unreadable {
                    mark: format!("{part:?} {place} {}", since.0).to_lowercase(),
                    what: format!("{}; {}", unreadable.what(), unreadable.hint()),
                };
                self.say(&key, None, event);
            }
        }
    }

    /// Every service of which there is anything, also where nothing says what it is.
    pub(crate) fn known_keys(&self) -> impl Iterator<Item = ServiceKey> {
        self.projects.iter().flat_map(|(name, project)| {
            let services =
                project.services().into_keys().chain(project.vips.keys()).chain(project.notes.keys());
            let services: std::collections::BTreeSet<_> = services.collect();
            services.into_iter().map(|service| ServiceKey::new(name, service))
        })
    }
}
