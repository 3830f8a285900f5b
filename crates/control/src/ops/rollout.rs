//! From images to deployments.

use std::{collections::BTreeMap, sync::Arc};

use dormouse_backend::{BuildOutcome, Builds, Workloads};
use dormouse_model::{Deployment, DeploymentId, ProjectSpec, ServiceKey, ServiceName};

use crate::{
    Control, DeployId, OpError,
    deploys::{DeployStep, EventLog},
    id::Counter,
    state::{Project, Rollout, State},
    store::DeployState,
};

/// Deployments without their numbers, and services that stay as they are.
struct Change {
    new: BTreeMap<ServiceName, Deployment>,
    live: BTreeMap<ServiceName, Option<DeploymentId>>,
    gone: Vec<ServiceName>,
}

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Everything is built: record what is new, and leave the rest to the reconciler.
    pub(super) async fn roll_out(
        &self,
        id: DeployId,
        mut spec: ProjectSpec,
        outcomes: BTreeMap<ServiceName, BuildOutcome>,
        log: &Arc<EventLog>,
    ) -> Result<(), OpError> {
        let turn = self.one_at_a_time.lock().await;
        // As typed the start command may be missing; from here on it is what the builder found.
        let images: BTreeMap<_, _> = outcomes
            .into_iter()
            .map(|(name, outcome)| {
                if let Some(service) = spec.services.get_mut(&name) {
                    service.start.get_or_insert(outcome.start);
                }
                (name, outcome.image)
            })
            .collect();
        let (wanted, at) = (spec.clone(), self.clock.now());
        let found = self
            .call(move |state| {
                let project = state.projects.get(&wanted.name)?;
                (project.coming.as_ref()?.id == id).then_some(())?;
                let mut change = Change { new: BTreeMap::new(), live: BTreeMap::new(), gone: Vec::new() };
                for (name, service) in &wanted.services {
                    let key = ServiceKey::new(&wanted.name, name);
                    let current = state.desired.services.get(&key);
                    let image = images.get(name)?.clone();
                    let same = current.is_some_and(|svc| {
                        svc.live.as_ref().map(|d| d.id) == Some(svc.target.id)
                            && svc.target.image == image
                            && svc.target.spec == *service
                    });
                    if !same {
                        let (id, spec) = (DeploymentId(0), service.clone());
                        change.new.insert(name.clone(), Deployment { id, image, spec, created_at: at });
                        let live = current.and_then(|svc| svc.live.as_ref()).map(|d| d.id);
                        change.live.insert(name.clone(), live);
                    }
                }
                let old = project.spec.iter().flat_map(|s| s.services.keys());
                change.gone = old.filter(|s| !wanted.services.contains_key(*s)).cloned().collect();
                let rolled_out = Project {
                    subnet: project.subnet,
                    vips: project.vips.clone(),
                    spec: Some(wanted.clone()),
                    ..Project::default()
                };
                Some((change, rolled_out.network(&wanted.name, &state.settings)))
            })
            .await?;
        // A newer deploy took its place meanwhile.
        let Some((Change { new, live, gone }, network)) = found else { return Ok(()) };
        self.workloads.ensure_network(&network).await?;
        let (row, gone_rows) = (spec.clone(), gone.clone());
        let numbered = self
            .store
            .write(move |tx| {
                let mut numbered = BTreeMap::new();
                for (name, mut deployment) in new {
                    let key = ServiceKey::new(&row.name, &name);
                    deployment.id = DeploymentId(tx.take(Counter::Deployment)?);
                    tx.deployment(&key, Some(id), &deployment)?;
                    tx.target_and_live(&key, deployment.id, live.get(&name).copied().flatten())?;
                    numbered.insert(name, deployment);
                }
                for name in gone_rows {
                    tx.service_removed(&ServiceKey::new(&row.name, &name))?;
                }
                tx.project_spec(&row)?;
                tx.deploy_state(id, DeployState::Rolling)?;
                Ok(numbered)
            })
            .await?;
        for name in spec.services.keys() {
            let step = match numbered.get(name) {
                Some(deployment) => DeployStep::Starting { deployment: deployment.id },
                None => DeployStep::Unchanged,
            };
            log.say(Some(name), step);
        }
        self.call(move |state| apply(state, id, spec, numbered, &gone)).await?;
        drop(turn);
        Ok(())
    }
}

fn apply(
    state: &mut State,
    id: DeployId,
    spec: ProjectSpec,
    numbered: BTreeMap<ServiceName, Deployment>,
    gone: &[ServiceName],
) {
    let name = spec.name.clone();
    let unchanged: Vec<_> = spec
        .services
        .keys()
        .filter(|s| !numbered.contains_key(*s))
        .map(|s| ServiceKey::new(&name, s))
        .collect();
    for key in unchanged {
        // What serves is what was asked for again, so nothing is wrong any more.
        state.set_note(&key, None);
    }
    let Some(project) = state.projects.get_mut(&name) else { return };
    let Some(coming) = project.coming.as_mut().filter(|c| c.id == id) else { return };
    for service in spec.services.keys() {
        state.facts.builds.remove(&ServiceKey::new(&name, service));
    }
    let pending = numbered.iter().map(|(s, d)| (s.clone(), d.id)).collect();
    coming.rollout = Some(Rollout { pending, ..Rollout::default() });
    coming.spec = spec.clone();
    project.spec = Some(spec);
    for service in gone {
        project.vips.remove(service);
        project.notes.remove(service);
        let key = ServiceKey::new(&name, service);
        state.desired.services.remove(&key);
        state.observed.ends.remove(&key);
        state.facts.log_tails.remove(&key);
    }
    for (service, deployment) in numbered {
        state.set_target(&ServiceKey::new(&name, &service), deployment);
    }
    state.refresh_needs(&name);
}
