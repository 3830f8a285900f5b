//! `dormouse deploy`: source in, and everything that follows from it.

use std::sync::Arc;

use dormouse_backend::{Builds, NetworkSpec, Workloads};
use dormouse_model::{ProjectName, ProjectSpec, ServiceKey, ServiceName};
use dormouse_planner::BuildFact;
use tracing::info;

use super::source::{self, Upload};
use crate::{
    Control, DeployId, EventReader, OpError, address,
    deploys::{DeployStep, EventLog},
    id::Counter,
    names,
    state::{Coming, Project, State},
    store::{BuildRow, DeployState},
};

/// A deploy that is safe on disk and goes on by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployAccepted {
    /// Its number.
    pub id: DeployId,
    /// The project its manifest names.
    pub project: ProjectName,
    /// Its services.
    pub services: Vec<ServiceName>,
    /// The project's public URLs, the front one first.
    pub urls: Vec<String>,
    /// What in its manifest may not be as meant.
    pub warnings: Vec<String>,
}

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Read the manifest of the uploaded folder, and begin to build. A deploy of the project that is still being built
    /// gives way.
    ///
    /// # Errors
    /// When the manifest has problems, there is no room, or the store refuses; nothing is left behind then.
    pub async fn deploy(self: &Arc<Self>, upload: Upload, folder: &str) -> Result<DeployAccepted, OpError> {
        let dir = upload.dir().to_owned();
        let folder = folder.to_owned();
        let read = tokio::task::spawn_blocking(move || source::resolve(&dir, &folder));
        let (spec, warnings) = read.await.map_err(|_| OpError::Closing)??;
        let accepted = self.deploy_spec(upload, spec).await?;
        Ok(DeployAccepted { warnings, ..accepted })
    }

    /// The same for a manifest that is resolved already.
    ///
    /// # Errors
    /// When there is no room, a service could not be started with what it is given, or the store refuses.
    pub async fn deploy_spec(
        self: &Arc<Self>,
        upload: Upload,
        spec: ProjectSpec,
    ) -> Result<DeployAccepted, OpError> {
        if let Some(why) = spec.services.values().find_map(dormouse_model::exec::too_large) {
            return Err(OpError::Manifest(why));
        }
        let this = self.clone();
        // A task of its own: who asks may leave at any moment, and a deploy is accepted as a whole or not at all.
        let accepting = tokio::spawn(async move { Box::pin(this.accept(upload, spec)).await });
        accepting.await.map_err(|_| OpError::Closing)?
    }

    async fn accept(
        self: &Arc<Self>,
        mut upload: Upload,
        spec: ProjectSpec,
    ) -> Result<DeployAccepted, OpError> {
        let turn = self.one_at_a_time.lock().await;
        let (id, name) = (upload.id, spec.name.clone());
        let wanted = spec.clone();
        let (subnet, vips, network) = self.call(move |state| room(state, &wanted)).await??;
        // The edge listens on a service's address as soon as it is told of it, so it has to be there.
        self.workloads.ensure_network(&network).await?;
        let log = EventLog::open(self.settings.events(id), self.clock.clone())
            .map_err(|source| OpError::File { what: "open the deploy's log".to_owned(), source })?;
        let log = Arc::new(log);

        // Kept from here on: once the row is there, the source must be too.
        upload.kept = true;
        let (row, rows) = (spec.clone(), vips.clone());
        let at = self.clock.now();
        let written = self.store.write(move |tx| {
            tx.project(&row.name, subnet, at)?;
            tx.deploy(id, &row, at)?;
            row.services
                .keys()
                .map(|service| {
                    tx.service(&ServiceKey::new(&row.name, service), rows.get(service).copied())?;
                    let build = dormouse_model::BuildId(tx.take(Counter::Build)?);
                    tx.build(build, id, service)?;
                    Ok(BuildRow { id: build, service: service.clone(), outcome: None })
                })
                .collect::<Result<Vec<_>, _>>()
        });
        let builds = written.await.inspect_err(|_| upload.kept = false)?;

        self.logs.add(id, &log);
        let coming = Coming { id, spec: spec.clone(), log, driver: None, rollout: None };
        let at = name.clone();
        let old = self.call(move |state| begin(state, &at, subnet, vips, coming)).await?;
        if let Some(old) = old {
            source::remove_soon(self.settings.source(old));
        }
        drop(turn);
        info!(project = %name, deploy = %id, "deploy accepted");
        self.drive(id, name.clone(), builds);
        Ok(DeployAccepted {
            id,
            project: name,
            services: spec.services.keys().cloned().collect(),
            urls: names::urls(&spec, &self.settings),
            warnings: Vec::new(),
        })
    }

    /// The newest deploy of a project.
    ///
    /// # Errors
    /// When there is no such project, or nothing is known any more of how it came here.
    pub async fn latest_deploy(&self, project: &str) -> Result<DeployId, OpError> {
        let wanted = project.to_owned();
        let name = self.call(move |state| state.project(&wanted).map(|(name, _)| name.clone())).await??;
        let latest = self.store.write(move |tx| tx.latest_deploy(&name)).await?;
        latest.ok_or_else(|| OpError::NeverDeployed(project.to_owned()))
    }

    /// Events of a deploy from number `from` on.
    ///
    /// # Errors
    /// When there is no such deploy.
    pub fn events(&self, id: DeployId, from: u64) -> Result<EventReader, OpError> {
        let path = self.settings.events(id);
        let log = self.logs.get(id);
        if log.is_none() && !path.exists() {
            return Err(OpError::NoSuchDeploy(id));
        }
        Ok(EventReader::new(path, log, from))
    }
}

type Vips = std::collections::BTreeMap<ServiceName, u8>;

/// Find a network and addresses for what is to come.
fn room(state: &mut State, spec: &ProjectSpec) -> Result<(u8, Vips, NetworkSpec), OpError> {
    let project = state.projects.get(&spec.name);
    if project.is_some_and(|p| p.removing.is_some()) {
        return Err(OpError::Removing(spec.name.to_string()));
    }
    let subnet = match project {
        Some(project) => project.subnet,
        None => {
            let taken = state.projects.values().map(|p| p.subnet).collect();
            address::free_subnet(&taken).ok_or_else(|| {
                OpError::Full("there is room for 254 projects, and all are taken".to_owned())
            })?
        }
    };
    let vips = project.map_or_else(|| Project::default().new_vips(spec), |p| p.new_vips(spec))?;
    let all = project.into_iter().flat_map(|p| p.vips.clone()).chain(vips.clone()).collect();
    let services = spec.services.iter().chain(project.iter().flat_map(|p| p.services()));
    let services = services.map(|(name, service)| (name.clone(), service.clone())).collect();
    let merged = ProjectSpec { name: spec.name.clone(), services };
    let network = Project { subnet, vips: all, spec: Some(merged), ..Project::default() }
        .network(&spec.name, &state.settings);
    Ok((subnet, vips, network))
}

/// Take the deploy in; the one that gave way.
fn begin(state: &mut State, name: &ProjectName, subnet: u8, vips: Vips, coming: Coming) -> Option<DeployId> {
    for service in coming.spec.services.keys() {
        coming.log.say(Some(service), DeployStep::Queued);
        state.facts.builds.insert(ServiceKey::new(name, service), BuildFact::Running);
    }
    let project = state.projects.entry(name.clone()).or_default();
    project.subnet = subnet;
    project.vips.extend(vips);
    project.failed = None;
    let old = project.coming.replace(coming)?;
    supersede(state, &old);
    Some(old.id)
}

/// A deploy gives way to a newer one, or to the project's removal.
pub(super) fn supersede(state: &State, old: &Coming) {
    old.driver.iter().for_each(tokio::task::AbortHandle::abort);
    let id = old.id;
    state.store.later(move |tx| tx.deploy_state(id, DeployState::Failed));
    old.log.say(None, DeployStep::Superseded);
    let reason = "something newer took its place".to_owned();
    old.log.say(None, DeployStep::Failed { reason });
}
