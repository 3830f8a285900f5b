//! `dormouse cancel`: a deploy ends before it is done.

use dormouse_backend::{Builds, Workloads};
use dormouse_model::{ProjectName, ServiceKey, ServiceName};

use super::{deploy::give_way, source};
use crate::{
    Control, DeployId, OpError,
    deploys::GaveWay,
    state::{Coming, State},
};

impl<W: Workloads, B: Builds> Control<W, B> {
    /// End a deploy that is under way: its builds stop, and what was live before it is live again. A project that has
    /// nothing else goes. Its services are given back.
    ///
    /// # Errors
    /// When there is no such deploy, it is over, or the store refuses.
    pub async fn cancel(&self, id: DeployId) -> Result<(ProjectName, Vec<ServiceName>), OpError> {
        let turn = self.one_at_a_time.lock().await;
        let taken = self.call(move |state| take_back(state, id)).await?;
        let Some((project, services, empty)) = taken else {
            // Its log tells whether there was one.
            self.events(id, 0)?;
            return Err(OpError::DeployOver(id));
        };
        self.store.flush().await?;
        source::remove_soon(self.settings.source(id));
        if empty {
            self.remove(turn, project.clone(), true).await?;
        }
        Ok((project, services))
    }
}

/// Whose it was, its services, and whether the project has nothing left.
fn take_back(state: &mut State, id: DeployId) -> Option<(ProjectName, Vec<ServiceName>, bool)> {
    let is_it = |coming: &Option<Coming>| coming.as_ref().is_some_and(|c| c.id == id);
    let mut projects = state.projects.iter_mut();
    let (name, project) = projects.find(|(_, p)| is_it(&p.coming) && p.removing.is_none())?;
    let (name, mut coming) = (name.clone(), project.coming.take()?);
    for service in coming.spec.services.keys() {
        state.facts.builds.remove(&ServiceKey::new(&name, service));
    }
    for service in coming.rollout.take().into_iter().flat_map(|r| r.pending.into_keys()) {
        state.back_to_live(&ServiceKey::new(&name, &service));
    }
    give_way(state, &coming, GaveWay::Cancelled);
    let empty = state.projects.get(&name)?.spec.as_ref().is_none_or(|spec| spec.services.is_empty());
    let services = coming.spec.services.into_keys().collect();
    Some((name, services, empty))
}
