//! `dormouse down`: a project and everything of it goes.

use std::{collections::BTreeSet, time::Duration};

use dormouse_backend::{Builds, Workload, Workloads};
use dormouse_model::{ProjectName, ServiceKey};
use tokio::sync::{MutexGuard, oneshot};

use super::{deploy::give_way, source};
use crate::{Control, OpError, deploys::GaveWay, events::Event, state::State};

/// Time to stop what the database does not know: a grace of seconds, and what is in flight before it.
const LIMIT: Duration = Duration::from_secs(60);

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
        let mut keys: BTreeSet<_> = self.keys(project, None).await?.into_iter().collect();
        let wanted = project.to_owned();
        let found = self.call(move |state| {
            let name = state.project(&wanted)?.0.clone();
            let of = state.quarantined.values().map(|w| &w.key).filter(|key| key.project == name);
            Ok::<_, OpError>((name.clone(), of.cloned().collect::<Vec<_>>()))
        });
        let (name, quarantined) = found.await??;
        keys.extend(quarantined);
        self.remove(turn, name, drop_logs).await?;
        Ok(keys.into_iter().collect())
    }

    /// Stop what runs of a project and the database does not know; done once nothing of that is left. What the project has
    /// deployed goes on.
    ///
    /// # Errors
    /// When there is no such project, or it does not end in time.
    pub async fn end_quarantined(&self, project: &str) -> Result<Vec<ServiceKey>, OpError> {
        let wanted = project.to_owned();
        let ended = self.call(move |state| {
            let name = state.project(&wanted)?.0.clone();
            let of = |w: &Workload| w.key.project == name;
            let ended: Vec<_> = state.quarantined.values().filter(|w| of(w)).cloned().collect();
            state.release(of);
            state.unreadable.retain(|u| !u.replaced || u.project.as_ref() != Some(&name));
            state.store.later(move |tx| tx.forget_replaced(&name));
            Ok::<_, OpError>(ended)
        });
        let ended = ended.await??;
        let ids: Vec<_> = ended.iter().map(|w| w.id).collect();
        let gone = move |state: &State| {
            ids.iter().all(|id| !state.observed.instances.contains_key(id)).then_some(())
        };
        if self.until(LIMIT, gone).await?.is_none() {
            return Err(OpError::StillRuns(project.to_owned()));
        }
        let keys: BTreeSet<_> = ended.into_iter().map(|w| w.key).collect();
        Ok(keys.into_iter().collect())
    }

    /// The same for a project that is known to be there.
    pub(super) async fn remove(
        &self,
        turn: MutexGuard<'_, ()>,
        name: ProjectName,
        drop_logs: bool,
    ) -> Result<(), OpError> {
        let (row, at) = (name.clone(), self.clock.now());
        self.store
            .write(move |tx| {
                // One that the database does not know has to be remembered to be on its way out.
                tx.project(&row, at)?;
                tx.removing(&row, drop_logs)
            })
            .await?;
        let (done, gone) = oneshot::channel();
        let old = self
            .call(move |state| {
                if state.projects.get(&name)?.removing.is_none() {
                    for key in state.keys(name.as_str(), None).into_iter().flatten() {
                        state.say(&key, None, Event::TakenDown);
                    }
                }
                state.release(|w| w.key.project == name);
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
