//! `dormouse down`: a project and everything of it goes.

use dormouse_backend::{Builds, Workloads};
use dormouse_model::{ProjectName, ServiceKey};
use tokio::sync::{MutexGuard, oneshot};

use super::{deploy::give_way, source};
use crate::{Control, OpError, deploys::GaveWay, events::Event, state::State};

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Every project there is, also those on their way out.
    ///
    /// # Errors
    /// When control ends meanwhile.
    pub async fn projects(&self) -> Result<Vec<ProjectName>, OpError> {
        self.call(|state| state.projects.keys().cloned().collect()).await
    }

    /// Drain and stop a project's instances, then remove its network, and forget it; logs stay unless `drop_logs`, and
    /// what `dormouse env` keeps for it unless `purge`.
    /// Done once nothing of it is left. Goes on by itself when nobody waits, also after a restart of control.
    ///
    /// # Errors
    /// When there is no such project, or the store refuses.
    pub async fn down(
        &self,
        project: &str,
        drop_logs: bool,
        purge: bool,
    ) -> Result<Vec<ServiceKey>, OpError> {
        let turn = self.one_at_a_time.lock().await;
        if purge && self.purge_env(project).await? && self.keys(project, None).await.is_err() {
            return Ok(Vec::new());
        }
        let keys = self.keys(project, None).await?;
        let wanted = project.to_owned();
        let name = self.call(move |state| state.project(&wanted).map(|(n, _)| n.clone())).await??;
        self.remove(turn, name, drop_logs).await?;
        Ok(keys)
    }

    /// The same for a project that is known to be there.
    pub(super) async fn remove(
        &self,
        turn: MutexGuard<'_, ()>,
        name: ProjectName,
        drop_logs: bool,
    ) -> Result<(), OpError> {
        let row = name.clone();
        self.store.write(move |tx| tx.removing(&row, drop_logs)).await?;
        let (done, gone) = oneshot::channel();
        let old = self
            .call(move |state| {
                if state.projects.get(&name)?.removing.is_none() {
                    for key in state.keys(name.as_str(), None).into_iter().flatten() {
                        state.say(&key, None, Event::TakenDown);
                    }
                }
                let State { projects, desired, facts, .. } = state;
                let project = projects.get_mut(&name)?;
                let removing = project.removing.get_or_insert_default();
                removing.drop_logs |= drop_logs;
                removing.waiting.push(done);
                desired.services.retain(|key, _| key.project != name);
                facts.builds.retain(|key, _| key.project != name);
                let old = project.coming.take()?;
                give_way(state, &old, GaveWay::TakenDown);
                Some(old.id)
            })
            .await?;
        drop(turn);
        if let Some(old) = old {
            source::remove_soon(self.settings.source(old));
        }
        gone.await.map_err(|_| OpError::Closing)
    }
}
