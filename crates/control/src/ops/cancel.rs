//! `dormouse cancel`: a deploy ends before it is done.

use dormouse_backend::{Builds, Workloads};
use dormouse_model::{DeploymentId, ProjectName, ServiceKey, ServiceName};

use super::{
    again::{Come, RequestId},
    deploy::give_way,
    source,
};
use crate::{
    Control, DeployId, OpError,
    deploys::GaveWay,
    state::{Coming, State},
    store::DeployState,
};

impl<W: Workloads, B: Builds> Control<W, B> {
    /// End a deploy that is under way: its builds stop, and what was live before it is live again. A project that has
    /// nothing else goes. Its services are given back. The same `request` is told the same again.
    ///
    /// # Errors
    /// When there is no such deploy, it is over, or the store refuses.
    pub async fn cancel(
        &self,
        id: DeployId,
        request: Option<RequestId>,
    ) -> Result<(ProjectName, Vec<ServiceName>), OpError> {
        let turn = self.one_at_a_time.lock().await;
        let come = self.come(request.as_ref()).await?;
        let taken = self.call(move |state| take_back(state, id, request)).await?;
        let keys = match (taken, come) {
            (Some(keys), _) | (None, Come::Replaces(keys)) => keys,
            (None, Come::New | Come::Kept) => Vec::new(),
        };
        let Some(project) = keys.first().map(|(key, _)| key.project.clone()) else {
            // Its log tells whether there was one.
            self.events(id, 0)?;
            return Err(OpError::DeployOver(id));
        };
        self.store.flush().await?;
        source::remove_soon(self.settings.source(id));
        let name = project.clone();
        if self.call(move |state| is_empty(state, &name)).await? {
            self.remove(turn, project.clone(), true).await?;
        }
        Ok((project, keys.into_iter().map(|(key, _)| key.service).collect()))
    }
}

/// The services of a deploy that is under way, with what it had on its way.
fn take_back(
    state: &mut State,
    id: DeployId,
    request: Option<RequestId>,
) -> Option<Vec<(ServiceKey, DeploymentId)>> {
    let is_it = |coming: &Option<Coming>| coming.as_ref().is_some_and(|c| c.id == id);
    let mut projects = state.projects.iter();
    let (name, _) = projects.find(|(_, p)| is_it(&p.coming) && p.removing.is_none())?;
    let name = name.clone();
    let coming = state.projects.get_mut(&name)?.coming.take()?;
    let keys: Vec<_> = coming.spec.services.keys().map(|service| ServiceKey::new(&name, service)).collect();
    let mut taken = Vec::new();
    for key in keys {
        state.facts.builds.remove(&key);
        let svc = state.desired.services.get(&key);
        let target = svc.map_or(DeploymentId(0), |svc| svc.target.id);
        // Also one that was given up already, and is tried again because nothing older is there.
        if svc.is_some_and(|svc| svc.target.deploy == id && !svc.is_live()) {
            state.back_to_live(&key);
        }
        taken.push((key, target));
    }
    if let Some(request) = request {
        let (at, taken) = (state.clock.now(), taken.clone());
        // As one: whoever asks again is told that it was cancelled if it was, and only then.
        state.store.later(move |tx| {
            tx.deploy_state(id, DeployState::Failed)?;
            tx.request(&request, Some(&taken), at)
        });
    }
    give_way(state, &coming, GaveWay::Cancelled);
    Some(taken)
}

/// Whether a project has nothing, and nothing on its way.
fn is_empty(state: &State, name: &ProjectName) -> bool {
    let nothing = |p: &crate::state::Project| {
        p.coming.is_none() && p.spec.as_ref().is_none_or(|spec| spec.services.is_empty())
    };
    state.projects.get(name).is_some_and(nothing)
}
