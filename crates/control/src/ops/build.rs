//! Building every service of a deploy, a few at a time.

use std::{collections::BTreeMap, sync::Arc};

use dormouse_backend::{BuildError, BuildEvent, BuildOutcome, BuildRequest, Builds, Workloads};
use dormouse_model::{Env, ProjectName, ServiceKey, ServiceName, ServiceSpec};
use tokio::{sync::mpsc, task::JoinSet};
use tracing::{info, warn};

use super::source::{remove_soon, service_source};
use crate::{
    Control, DeployId, OpError,
    deploys::{DeployStep, EventLog},
    error::{chain, first_line},
    events::Event,
    store::{BuildRow, DeployState},
};

/// What the task of one build returns.
type Built = (BuildRow, Result<BuildOutcome, BuildError>);

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Go on with deploys that an earlier process did not finish building.
    pub(crate) fn resume(self: &Arc<Self>, unfinished: BTreeMap<DeployId, Vec<BuildRow>>) {
        for (id, builds) in unfinished {
            let this = self.clone();
            tokio::spawn(async move {
                let found = this
                    .call(move |state| {
                        let coming = |p: &crate::state::Project| p.coming.as_ref().map(|c| c.id) == Some(id);
                        let found = state.projects.iter().find(|(_, p)| coming(p) && p.removing.is_none())?;
                        let log = found.1.coming.as_ref()?.log.clone();
                        Some((found.0.clone(), log))
                    })
                    .await;
                if let Ok(Some((project, log))) = found {
                    info!(%project, deploy = %id, "building again what was interrupted");
                    for build in builds.iter().filter(|b| b.outcome.is_none()) {
                        log.say(Some(&build.service), DeployStep::Queued { waits: None });
                    }
                    this.drive(id, project, builds);
                }
            });
        }
    }

    /// Build what is missing, then roll out; as a task of its own, which a newer deploy can end.
    pub(crate) fn drive(self: &Arc<Self>, id: DeployId, project: ProjectName, builds: Vec<BuildRow>) {
        let this = self.clone();
        let name = project.clone();
        let (go, wait) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            // Not before it can be ended.
            if wait.await.is_ok()
                && let Err(error) = this.build_and_roll_out(id, &name, builds).await
            {
                warn!(project = %name, deploy = %id, %error, "deploy failed");
                this.deploy_broke(id, name, &error).await;
            }
        });
        let this = self.clone();
        tokio::spawn(async move {
            let driver = task.abort_handle();
            let set = this.call(move |state| {
                let coming = state.projects.get_mut(&project).and_then(|p| p.coming.as_mut());
                match coming.filter(|c| c.id == id) {
                    Some(coming) => {
                        coming.driver = Some(driver);
                        true
                    }
                    None => false,
                }
            });
            if set.await.unwrap_or(false) {
                // A task that has ended needs no start.
                let _ = go.send(());
            }
        });
    }

    async fn build_and_roll_out(
        self: &Arc<Self>,
        id: DeployId,
        project: &ProjectName,
        builds: Vec<BuildRow>,
    ) -> Result<(), OpError> {
        let name = project.clone();
        let found = self
            .call(move |state| {
                let coming = state.projects.get(&name)?.coming.as_ref().filter(|c| c.id == id)?;
                Some((coming.spec.clone(), coming.log.clone()))
            })
            .await?;
        let Some((spec, log)) = found else { return Ok(()) };
        let mut outcomes = BTreeMap::new();
        let mut running: JoinSet<Built> = JoinSet::new();
        for row in builds {
            match (&row.outcome, spec.services.get(&row.service)) {
                (Some(outcome), _) => drop(outcomes.insert(row.service.clone(), outcome.clone())),
                (None, Some(service)) => {
                    let this = self.clone();
                    let (key, service, log) =
                        (ServiceKey::new(project, &row.service), service.clone(), log.clone());
                    running.spawn(async move {
                        let result = this.build(id, &row, key, service, &log).await;
                        (row, result)
                    });
                }
                (None, None) => {}
            }
        }
        while let Some(joined) = running.join_next().await {
            // A build that panicked is one that failed; the others end with this task.
            let (row, result) = joined.map_err(|_| OpError::Closing)?;
            let build = row.id;
            match result {
                Ok(outcome) => {
                    let kept = outcome.clone();
                    self.store.write(move |tx| tx.built(build, Ok(&kept))).await?;
                    log.say(Some(&row.service), DeployStep::Image { image: outcome.image.clone() });
                    outcomes.insert(row.service, outcome);
                }
                Err(error) => {
                    // The rest would be built for nothing.
                    running.shutdown().await;
                    return self.build_failed(id, project, &row, &chain(&error), &log).await;
                }
            }
        }
        self.roll_out(id, spec, outcomes, &log).await?;
        remove_soon(self.settings.source(id));
        Ok(())
    }

    async fn build(
        &self,
        deploy: DeployId,
        row: &BuildRow,
        key: ServiceKey,
        spec: Arc<ServiceSpec>,
        log: &Arc<EventLog>,
    ) -> Result<BuildOutcome, BuildError> {
        let host = |source: std::io::Error| BuildError::Host {
            what: format!("cannot use the source folder `{}`", spec.source),
            source: source.into(),
        };
        let wait = |waits| log.say(Some(&key.service), DeployStep::Queued { waits: Some(waits) });
        let _turn = self.build_queue.turn(&key.project, wait).await;
        let project = self.settings.source(deploy);
        let source = service_source(&project, &spec.source).map_err(host)?;
        log.say(Some(&key.service), DeployStep::Building);
        // A build has no need of a service's secrets.
        let spec = ServiceSpec { env: Env::default(), stored: Env::default(), ..Arc::unwrap_or_clone(spec) };
        let request = BuildRequest { id: row.id, key, source, project, spec };
        let (events, mut heard) = mpsc::unbounded_channel();
        let build = self.builds.build(&request, events);
        tokio::pin!(build);
        let service: &ServiceName = &row.service;
        let result = loop {
            tokio::select! {
                biased;
                Some(event) = heard.recv() => {
                    self.say_damaged_layer(&request.key, &event).await;
                    log.say(Some(service), event.into());
                }
                result = &mut build => break result,
            }
        };
        while let Ok(event) = heard.try_recv() {
            self.say_damaged_layer(&request.key, &event).await;
            log.say(Some(service), event.into());
        }
        result
    }

    /// Who reads the service's logs learns of it too: what runs may be on that layer.
    async fn say_damaged_layer(&self, key: &ServiceKey, event: &BuildEvent) {
        let BuildEvent::LayerDamaged { name } = event else { return };
        let (key, event) = (key.clone(), Event::LayerDamaged { phase: name.clone() });
        // When control ends, the build log has it.
        self.call(move |state| state.say(&key, None, event)).await.ok();
    }

    /// Neither built nor failed to build: the host or the store did not let us.
    async fn deploy_broke(&self, id: DeployId, project: ProjectName, error: &OpError) {
        // When control ends, the next run builds again.
        if matches!(error, OpError::Closing) {
            return;
        }
        let reason = chain(error);
        self.store.later(move |tx| tx.deploy_state(id, DeployState::Failed));
        let line = first_line(&reason);
        let gone = self.call(move |state| {
            let coming = state.projects.get_mut(&project)?.coming.take_if(|c| c.id == id)?;
            state.deploy_failed(&coming, |_| line.clone());
            Some(coming.log)
        });
        if let Ok(Some(log)) = gone.await {
            log.say(None, DeployStep::Failed { reason });
        }
        remove_soon(self.settings.source(id));
    }

    async fn build_failed(
        &self,
        id: DeployId,
        project: &ProjectName,
        row: &BuildRow,
        reason: &str,
        log: &Arc<EventLog>,
    ) -> Result<(), OpError> {
        let (build, text) = (row.id, reason.to_owned());
        let kept = self.store.write(move |tx| {
            tx.built(build, Err(&text))?;
            tx.deploy_state(id, DeployState::Failed)
        });
        kept.await?;
        let (name, failed, line) = (project.clone(), row.service.clone(), first_line(reason));
        let old_serves = self
            .call(move |state| {
                let Some(coming) =
                    state.projects.get_mut(&name).and_then(|p| p.coming.take_if(|c| c.id == id))
                else {
                    return false;
                };
                state.deploy_failed(&coming, |service| match *service == failed {
                    true => line.clone(),
                    false => format!("the build of {failed} failed"),
                });
                state.serves(&ServiceKey::new(&name, &failed)).is_some()
            })
            .await?;
        log.say(Some(&row.service), DeployStep::BuildFailed { reason: reason.to_owned(), old_serves });
        let reason = format!("the build of {} failed", row.service);
        log.say(None, DeployStep::Failed { reason });
        remove_soon(self.settings.source(id));
        Ok(())
    }
}
