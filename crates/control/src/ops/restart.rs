//! `dormouse restart`: a new deployment of the same image, rolled out like any other.

use std::{sync::Arc, time::Duration};

use dormouse_backend::{Builds, Workloads};
use dormouse_model::{Deployment, DeploymentId, ServiceKey, ServiceSpec};
use tokio::sync::MutexGuard;

use super::again::{Come, RequestId};
use crate::{Control, OpError, id::Counter, reconcile::never_ready, state::State};

/// Time on top of the services' own start timeouts.
const SLACK: Duration = Duration::from_secs(10);

/// What became of a new deployment.
enum Fate {
    Live,
    GivenUp(String),
}

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Replace the instances of a service, or of all of a project, without a gap; done once the new ones serve. The same
    /// `request` replaces them once.
    ///
    /// # Errors
    /// When one is not known, was never built, or does not become ready; the old instance then goes on serving.
    pub async fn restart(
        self: &Arc<Self>,
        project: &str,
        service: Option<&str>,
        request: Option<RequestId>,
    ) -> Result<Vec<ServiceKey>, OpError> {
        let (this, project, service) = (self.clone(), project.to_owned(), service.map(str::to_owned));
        // A task of its own: who asks may leave at any moment, and it is carried out as a whole or not at all.
        let restarting =
            tokio::spawn(async move { this.restart_all(&project, service.as_deref(), request).await });
        restarting.await.map_err(|_| OpError::Closing)?
    }

    async fn restart_all(
        &self,
        project: &str,
        service: Option<&str>,
        request: Option<RequestId>,
    ) -> Result<Vec<ServiceKey>, OpError> {
        let turn = self.one_at_a_time.lock().await;
        let keys = self.keys(project, service).await?;
        match self.come(request.as_ref()).await? {
            Come::Replaces(waiting) => {
                drop(turn);
                self.until_live(waiting).await?;
            }
            Come::New | Come::Kept => {
                let stored = self.stored(keys.first().map(|key| &key.project)).await?;
                let wanted = keys.clone();
                let current = self.call(move |state| current(state, &wanted)).await??;
                let anew = current.into_iter().map(|(key, target, live)| {
                    let stored = stored.of(&key.project, Some(&key.service));
                    (key, ServiceSpec { stored, ..ServiceSpec::clone(&target.spec) }, target, live)
                });
                self.replace(turn, anew.collect(), request).await?;
            }
        }
        Ok(keys)
    }

    /// New deployments of the same images with other configurations, until they serve.
    pub(super) async fn replace(
        &self,
        turn: MutexGuard<'_, ()>,
        with: Vec<(ServiceKey, ServiceSpec, Deployment, Option<DeploymentId>)>,
        request: Option<RequestId>,
    ) -> Result<(), OpError> {
        let at = self.clock.now();
        let current: Vec<_> = with
            .into_iter()
            .map(|(key, spec, old, live)| {
                (key, Deployment { spec: Arc::new(spec), created_at: at, continues: None, ..old }, live)
            })
            .collect();
        let numbered = self
            .store
            .write(move |tx| {
                let mut numbered = Vec::new();
                for (key, mut new, live) in current {
                    new.id = DeploymentId(tx.take(Counter::Deployment)?);
                    tx.deployment(&key, None, &new)?;
                    tx.target_and_live(&key, new.id, live)?;
                    numbered.push((key, new));
                }
                if let Some(request) = request {
                    let replaces: Vec<_> = numbered.iter().map(|(key, new)| (key.clone(), new.id)).collect();
                    tx.request(&request, Some(&replaces), at)?;
                }
                Ok(numbered)
            })
            .await?;
        let waiting = numbered.iter().map(|(key, new)| (key.clone(), new.id)).collect();
        self.call(move |state| {
            for (key, new) in numbered {
                // It may have been removed meanwhile.
                if state.desired.services.contains_key(&key) {
                    state.set_target(&key, new);
                }
            }
        })
        .await?;
        drop(turn);
        self.until_live(waiting).await
    }

    /// Wait until these deployments, or later ones, serve.
    pub(super) async fn until_live(&self, waiting: Vec<(ServiceKey, DeploymentId)>) -> Result<(), OpError> {
        let keys: Vec<_> = waiting.iter().map(|(key, _)| key.clone()).collect();
        let longest = move |state: &mut State| {
            let services = keys.iter().filter_map(|key| state.desired.services.get(key));
            // One after the other.
            services
                .map(|svc| (svc.target.spec.health.start_timeout + SLACK) * svc.target.spec.replicas)
                .max()
        };
        let limit = self.call(longest).await?.unwrap_or(SLACK);
        for (key, id) in waiting {
            let of = key.clone();
            let fate = self.until(limit, move |state| fate(state, &of, id)).await?;
            match fate {
                Some(Fate::Live) => {}
                Some(Fate::GivenUp(reason)) => {
                    let refused = dormouse_model::WakeRefused::Crashed { reason, log_tail: vec![] };
                    return Err(OpError::Replace { key, refused });
                }
                None => {
                    return Err(OpError::Replace { key, refused: dormouse_model::WakeRefused::TimedOut });
                }
            }
        }
        Ok(())
    }
}

/// Where services are to be, and what serves of them.
pub(super) fn current(
    state: &State,
    keys: &[ServiceKey],
) -> Result<Vec<(ServiceKey, Deployment, Option<DeploymentId>)>, OpError> {
    keys.iter()
        .map(|key| match state.desired.services.get(key) {
            Some(svc) => Ok((key.clone(), svc.target.clone(), svc.live.as_ref().map(|d| d.id))),
            None => Err(OpError::NothingBuilt(key.clone())),
        })
        .collect()
}

fn fate(state: &State, key: &ServiceKey, id: DeploymentId) -> Option<Fate> {
    let Some(svc) = state.desired.services.get(key) else {
        return Some(Fate::GivenUp("it was removed".to_owned()));
    };
    if svc.live.as_ref().is_some_and(|live| live.id >= id) {
        return Some(Fate::Live);
    }
    if svc.target.id < id {
        let note = state.projects.get(&key.project).and_then(|p| p.notes.get(&key.service)).cloned();
        return Some(Fate::GivenUp(note.unwrap_or_else(|| "it was given up".to_owned())));
    }
    let ends = state.observed.ends_of(key);
    if let Some(why) = never_ready(svc, ends) {
        return Some(Fate::GivenUp(why));
    }
    let standing = dormouse_planner::standings(&state.desired, &state.observed, state.clock.now());
    match standing.get(key).map(|s| &s.state) {
        Some(dormouse_planner::State::Crashed { reason }) => Some(Fate::GivenUp(reason.clone())),
        Some(
            dormouse_planner::State::Starting
            | dormouse_planner::State::Ready
            | dormouse_planner::State::Running
            | dormouse_planner::State::Done
            | dormouse_planner::State::Asleep(_)
            | dormouse_planner::State::Stopped,
        )
        | None => None,
    }
}
