//! From images to deployments.

use std::{collections::BTreeMap, sync::Arc};

use dormouse_backend::{BuildOutcome, Builds, Workloads};
use dormouse_model::{Deployment, DeploymentId, ImageId, ProjectSpec, ServiceKey, ServiceName};

use super::{
    env::configured,
    goes_on::{Looked, Outlook, outlook},
};
use crate::{
    Control, DeployId, OpError,
    deploys::{DeployStep, EventLog},
    events::Event,
    id::Counter,
    state::{Project, Rollout, State},
    store::DeployState,
};

/// Deployments without their numbers, and services that stay as they are.
#[derive(Default)]
struct Plan {
    new: BTreeMap<ServiceName, Deployment>,
    /// What of a service is applied to the process it has.
    applied: BTreeMap<ServiceName, Vec<&'static str>>,
    /// Why a process does not go on, though nothing it was started with is different.
    replaced: BTreeMap<ServiceName, String>,
    /// The live ones of all services that are not gone.
    live: BTreeMap<ServiceName, DeploymentId>,
    /// Services that are in the project no more, with what is live of them. It goes on until the rest is live.
    left_out: BTreeMap<ServiceName, Option<DeploymentId>>,
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
        // As typed the start command may be missing; from here on it is what the builder found.
        let images: BTreeMap<_, _> = outcomes
            .into_iter()
            .map(|(name, outcome)| {
                if let Some(service) = spec.services.get_mut(&name).map(Arc::make_mut) {
                    if service.start.is_none() {
                        service.origins.start = outcome.start_origin;
                    }
                    service.starts(outcome.start);
                }
                (name, outcome.image)
            })
            .collect();
        // Takes its time, so others may have their turn meanwhile.
        let looked = self.look(&configured(&spec, &self.stored(Some(&spec.name)).await?), &images).await?;
        let turn = self.one_at_a_time.lock().await;
        let wanted = configured(&spec, &self.stored(Some(&spec.name)).await?);
        let mut rolled = spec.clone();
        let found = self
            .call(move |state| {
                let project = state.projects.get(&wanted.name)?;
                (project.coming.as_ref()?.id == id).then_some(())?;
                let plan = plan(state, project, &wanted, &images, looked)?;
                for service in project.spec.iter().flat_map(|s| s.services.values()) {
                    if plan.left_out.contains_key(&service.name) {
                        rolled.services.insert(service.name.clone(), service.clone());
                    }
                }
                let rolled_out = Project {
                    blocks: project.blocks.clone(),
                    vips: project.vips.clone(),
                    spec: Some(rolled.clone()),
                    ..Project::default()
                };
                let network = rolled_out.network(&wanted.name)?;
                Some((plan, rolled, network))
            })
            .await?;
        // A newer deploy took its place meanwhile.
        let Some((plan, rolled, network)) = found else { return Ok(()) };
        let Plan { new, applied, mut replaced, live, left_out } = plan;
        self.workloads.ensure_network(&network).await?;
        let (row, rolled_row, left_out_rows) = (spec.clone(), rolled.clone(), left_out.clone());
        let numbered = self
            .store
            .write(move |tx| {
                let mut numbered = BTreeMap::new();
                for name in row.services.keys() {
                    let key = ServiceKey::new(&row.name, name);
                    let mut live = live.get(name).copied();
                    let Some(mut deployment) = new.get(name).cloned() else {
                        // Whatever else was on its way is not wanted any more.
                        if let Some(live) = live {
                            tx.target_and_live(&key, live, Some(live))?;
                        }
                        continue;
                    };
                    deployment.id = DeploymentId(tx.take(Counter::Deployment)?);
                    tx.deployment(&key, Some(id), &deployment)?;
                    if deployment.continues.is_some() {
                        live = Some(deployment.id);
                    }
                    tx.target_and_live(&key, deployment.id, live)?;
                    numbered.insert(name.clone(), deployment);
                }
                for (name, live) in left_out_rows {
                    let key = ServiceKey::new(&row.name, &name);
                    match live {
                        Some(live) => tx.target_and_live(&key, live, Some(live))?,
                        None => tx.service_removed(&key)?,
                    }
                }
                tx.project_spec(&rolled_row)?;
                tx.deploy_state(id, DeployState::Rolling)?;
                Ok(numbered)
            })
            .await?;
        let mut events = Vec::new();
        for name in spec.services.keys() {
            let step = match (numbered.get(name), applied.get(name)) {
                // The same, said elsewhere.
                (Some(_), Some(changed)) if changed.is_empty() => DeployStep::Unchanged,
                (Some(new), Some(changed)) => {
                    let changed: Vec<_> = changed.iter().map(|what| (*what).to_owned()).collect();
                    let key = ServiceKey::new(&spec.name, name);
                    let event = Event::Applied { deploy: id, deployment: new.id, changed: changed.clone() };
                    events.push((key, new.process(), event));
                    DeployStep::Applied { deployment: id, changed }
                }
                (Some(_), None) => DeployStep::Starting { deployment: id, why: replaced.remove(name) },
                (None, _) => DeployStep::Unchanged,
            };
            log.say(Some(name), step);
        }
        self.call(move |state| {
            apply(state, id, spec, rolled, numbered, left_out.keys());
            for (key, deployment, event) in events {
                state.say(&key, state.instance_of(&key, deployment), event);
            }
        })
        .await?;
        drop(turn);
        Ok(())
    }
}

/// What is to become of every service; `None` when one has no image.
fn plan(
    state: &State,
    project: &Project,
    wanted: &ProjectSpec,
    images: &BTreeMap<ServiceName, ImageId>,
    mut looked: Looked,
) -> Option<Plan> {
    let now = state.clock.now();
    let standings = dormouse_planner::standings(&state.desired, &state.observed, now);
    let mut out = Plan::default();
    for (name, service) in &wanted.services {
        let key = ServiceKey::new(&wanted.name, name);
        let (svc, image) = (state.desired.services.get(&key), images.get(name)?);
        let current = svc.and_then(|svc| svc.live.as_ref());
        out.live.extend(current.map(|d| (name.clone(), d.id)));
        let mut fresh = Deployment {
            id: DeploymentId(0),
            deploy: project.coming.as_ref()?.id,
            image: image.clone(),
            spec: service.clone(),
            created_at: now,
            continues: None,
        };
        match outlook(svc, standings.get(&key), image, service) {
            Outlook::Unchanged => continue,
            Outlook::GoesOn(changed) => match (current, looked.remove(name)) {
                (Some(current), Some((of, None))) if of == current.id => {
                    fresh.created_at = current.created_at;
                    fresh.continues = Some(current.process());
                    out.applied.insert(name.clone(), changed);
                }
                // Or nobody has looked, because something else was live then.
                (_, looked) => out.replaced.extend(looked.and_then(|(_, why)| Some((name.clone(), why?)))),
            },
            Outlook::Anew => {}
        }
        out.new.insert(name.clone(), fresh);
    }
    for service in project.left_out(wanted) {
        let svc = state.desired.services.get(&ServiceKey::new(&wanted.name, &service));
        out.left_out.insert(service, svc.and_then(|svc| svc.live.as_ref()).map(|live| live.id));
    }
    Some(out)
}

fn apply<'a>(
    state: &mut State,
    id: DeployId,
    spec: ProjectSpec,
    rolled: ProjectSpec,
    numbered: BTreeMap<ServiceName, Deployment>,
    left_out: impl Iterator<Item = &'a ServiceName>,
) {
    let name = spec.name.clone();
    let stays = |s: &&ServiceName| numbered.get(*s).is_none_or(|d| d.continues.is_some());
    let staying: Vec<_> = spec.services.keys().filter(stays).map(|s| ServiceKey::new(&name, s)).collect();
    for key in staying {
        // What serves is what was asked for, so nothing is wrong any more, and nothing else is on its way.
        state.set_note(&key, None);
        if let Some(svc) = state.desired.services.get_mut(&key)
            && let Some(live) = svc.live.clone()
        {
            svc.target = live;
        }
    }
    let Some(project) = state.projects.get_mut(&name) else { return };
    let Some(coming) = project.coming.as_mut().filter(|c| c.id == id) else { return };
    for service in spec.services.keys() {
        state.facts.builds.remove(&ServiceKey::new(&name, service));
    }
    let going_on = |d: &Deployment| d.continues.is_some();
    let pending = numbered.iter().filter(|(_, d)| !going_on(d)).map(|(s, d)| (s.clone(), d.id)).collect();
    coming.rollout = Some(Rollout { pending, ..Rollout::default() });
    coming.spec = spec;
    project.spec = Some(rolled);
    for service in left_out {
        state.back_to_live(&ServiceKey::new(&name, service));
    }
    for (service, deployment) in numbered {
        let key = ServiceKey::new(&name, &service);
        // What an earlier deploy could not do is nobody's concern any more: now it is about what this one does.
        state.set_note(&key, None);
        let goes_on = going_on(&deployment);
        state.set_target(&key, deployment);
        if let Some(svc) = state.desired.services.get_mut(&key).filter(|_| goes_on) {
            svc.live = Some(svc.target.clone());
        }
    }
    state.refresh_needs(&name);
}
