//! `dormouse deploy`: source in, and everything that follows from it.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use dormouse_backend::{Builds, NetworkSpec, Workloads};
use dormouse_model::{
    AddressBlock, Limits, ProjectName, ProjectSpec, ServiceKey, ServiceKind, ServiceName, ServiceSpec,
    bounds, manifest::Given,
};
use dormouse_planner::BuildFact;
use tracing::{info, warn};

use super::{
    env::configured,
    source::{self, Upload},
};
use crate::{
    Asked, Control, ControlSettings, DeployId, EventReader, OpError, Origin,
    address::{self, Need, NoRoom},
    deploys::{DeployStep, EventLog, GaveWay},
    error::chain,
    id::Counter,
    names,
    origin::Claim,
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

/// What a deploy takes away from what runs: services that it leaves out, and hosts that lead to another service then.
fn surprises(project: &Project, wanted: &ProjectSpec, settings: &ControlSettings) -> Vec<String> {
    let mut out = Vec::new();
    let left_out: Vec<_> = project.left_out(wanted).into_iter().map(|name| format!("`{name}`")).collect();
    if !left_out.is_empty() {
        out.push(format!(
            "no longer part of the project, and taken down when this deploy is done: {}\n  hint: the manifest names every service",
            left_out.join(", ")
        ));
    }
    let hosts = |spec: &ProjectSpec| -> BTreeMap<String, ServiceName> {
        let mut all = BTreeMap::new();
        for service in spec.services.values() {
            let own = names::hosts(spec, service, &settings.domain);
            all.extend(own.into_iter().map(|host| (host, service.name.clone())));
        }
        all
    };
    let next = hosts(wanted);
    for (host, was) in project.face().map(hosts).unwrap_or_default() {
        let url = settings.url(&host);
        match next.get(&host) {
            Some(now) if *now == was => {}
            Some(now) => out.push(format!(
                "{url} leads to `{now}` when this deploy is done, and led to `{was}`\n  hint: of several public services \
                 `frontend`, `web` or `app` has the project's own host, else the first by name"
            )),
            None if !wanted.services.contains_key(&was) => {}
            None => out.push(format!("{url} leads nowhere when this deploy is done, and led to `{was}`")),
        }
    }
    out
}

/// The project within what the server gives its services.
fn within(spec: &ProjectSpec, most: &Limits) -> Result<ProjectSpec, OpError> {
    let services = spec.services.values().map(|service| bounds::bounded(service, most));
    let services = services.map(|s| s.map(|s| (s.name.clone(), Arc::new(s)))).collect::<Result<_, _>>();
    Ok(ProjectSpec { services: services.map_err(OpError::Manifest)?, ..spec.clone() })
}

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Read the manifest of the uploaded folder, with what was given besides, and begin to build. A deploy of the project
    /// that is still being built gives way.
    ///
    /// # Errors
    /// When the manifest has problems, there is no room, or the store refuses; nothing is left behind then.
    pub async fn deploy(
        self: &Arc<Self>,
        upload: Upload,
        asked: Asked,
        given: Given,
    ) -> Result<DeployAccepted, OpError> {
        let (dir, beside) = (upload.dir().to_owned(), asked.clone());
        let stored = self.stored(None).await?;
        let most = self.settings.most;
        let languages = self.builds.languages();
        let read = tokio::task::spawn_blocking(move || {
            source::resolve(&dir, &beside, languages, given, stored, most)
        });
        let (spec, mut warnings) = read.await.map_err(|_| OpError::Closing)??;
        let accepted = self.accept_all(upload, spec, asked).await?;
        warnings.extend(accepted.warnings);
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
        self.accept_all(upload, spec, Asked::default()).await
    }

    async fn accept_all(
        self: &Arc<Self>,
        upload: Upload,
        spec: ProjectSpec,
        asked: Asked,
    ) -> Result<DeployAccepted, OpError> {
        let this = self.clone();
        let spec = within(&spec, &self.settings.most)?;
        // A task of its own: who asks may leave at any moment, and a deploy is accepted as a whole or not at all.
        let accepting = tokio::spawn(async move {
            let configured = configured(&spec, &this.stored(Some(&spec.name)).await?);
            if let Some(why) = configured.services.values().find_map(|s| dormouse_model::exec::too_large(s)) {
                return Err(OpError::Manifest(why));
            }
            Box::pin(this.accept(upload, spec, asked)).await
        });
        accepting.await.map_err(|_| OpError::Closing)?
    }

    async fn accept(
        self: &Arc<Self>,
        mut upload: Upload,
        spec: ProjectSpec,
        asked: Asked,
    ) -> Result<DeployAccepted, OpError> {
        let turn = self.one_at_a_time.lock().await;
        let name = spec.name.clone();
        let (wanted, of) = (spec.clone(), asked.clone());
        let found = self.call(move |state| {
            let known = state.projects.get(&wanted.name).and_then(|p| p.origin.as_ref());
            if let (Claim::Clash(was), Some(here)) = (Claim::of(known, &of), of.origin) {
                return Err(OpError::NameTaken { name: wanted.name, was, here });
            }
            let project = state.projects.get(&wanted.name);
            let before = project.and_then(|p| p.network(&wanted.name));
            let surprises = project.map(|p| surprises(p, &wanted, &state.settings)).unwrap_or_default();
            Ok((room(state, &wanted)?, before, surprises))
        });
        let (room, before, warnings) = found.await??;
        // The edge listens on a service's address as soon as it is told of it, so it has to be there.
        self.workloads.ensure_network(&room.network).await?;
        let id = DeployId(self.store.write(|tx| tx.take(Counter::Deploy)).await?);
        upload.becomes(self.settings.source(id))?;
        // Kept from here on: once the row is there, the source must be too.
        upload.kept = true;
        let recorded = self.record(id, &spec, &room, asked.origin.clone()).await;
        if recorded.is_err() {
            upload.kept = false;
            self.undo(id, &name, before).await;
        }
        let (log, builds) = recorded?;

        self.logs.add(id, &log);
        let coming = Coming { id, spec: spec.clone(), log, driver: None, rollout: None };
        let at = name.clone();
        let old = self.call(move |state| begin(state, &at, room, asked.origin, coming)).await?;
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
            warnings,
        })
    }

    /// Write down that the deploy is accepted.
    async fn record(
        &self,
        id: DeployId,
        spec: &ProjectSpec,
        room: &Room,
        origin: Option<Origin>,
    ) -> Result<(Arc<EventLog>, Vec<BuildRow>), OpError> {
        let log = EventLog::open(self.settings.events(id), self.clock.clone())
            .map_err(|source| OpError::File { what: "open the deploy's log".to_owned(), source })?;
        let (row, blocks, at) = (spec.clone(), room.blocks.clone(), self.clock.now());
        let (vips, stale) = (room.vips.clone(), room.stale.clone());
        let written = self.store.write(move |tx| {
            tx.project(&row.name, at)?;
            if let Some(origin) = &origin {
                tx.origin(&row.name, origin)?;
            }
            for block in blocks {
                tx.block(&row.name, block)?;
            }
            tx.deploy(id, &row, at)?;
            for service in &stale {
                tx.service_removed(&ServiceKey::new(&row.name, service))?;
            }
            row.services
                .keys()
                .map(|service| {
                    tx.service(&ServiceKey::new(&row.name, service), vips.get(service).copied())?;
                    let build = dormouse_model::BuildId(tx.take(Counter::Build)?);
                    tx.build(build, id, service)?;
                    Ok(BuildRow { id: build, service: service.clone(), outcome: None })
                })
                .collect::<Result<Vec<_>, _>>()
        });
        Ok((Arc::new(log), written.await?))
    }

    /// A deploy that is not accepted leaves nothing behind.
    async fn undo(&self, id: DeployId, name: &ProjectName, before: Option<NetworkSpec>) {
        let back = match &before {
            Some(network) => self.workloads.ensure_network(network).await,
            None => self.workloads.remove_network(name).await,
        };
        if let Err(error) = back {
            warn!(project = %name, error = %chain(&error), "the network of a deploy that was not accepted stays");
        }
        // Unless it was never there.
        drop(tokio::fs::remove_file(self.settings.events(id)).await);
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

/// Where what is to come will live.
struct Room {
    /// The project's addresses, those included that it gets now.
    blocks: Vec<AddressBlock>,
    /// Addresses of all services, of those that run and of those to come.
    vips: BTreeMap<ServiceName, Ipv4Addr>,
    /// Services that are in neither: only a deploy that failed ever knew them.
    stale: Vec<ServiceName>,
    network: NetworkSpec,
}

/// Find a network and addresses for what is to come.
fn room(state: &State, spec: &ProjectSpec) -> Result<Room, OpError> {
    let project = state.projects.get(&spec.name);
    if project.is_some_and(|p| p.removing.is_some()) {
        return Err(OpError::Removing(spec.name.to_string()));
    }
    // What runs goes on beside it.
    let mut services = spec.services.clone();
    services.extend(project.iter().flat_map(|p| p.services()).map(|(n, s)| (n.clone(), s.clone())));
    let (mut blocks, mut vips) = project.map(|p| (p.blocks.clone(), p.vips.clone())).unwrap_or_default();
    let everybodys: Vec<_> = state.projects.values().flat_map(|p| &p.blocks).copied().collect();
    // What is asked for, or what runs, where that is more.
    let replicas =
        |s: &Arc<ServiceSpec>| spec.services.get(&s.name).map_or(1, |new| new.replicas).max(s.replicas);
    let need = Need::of(services.values().map(|s| (s.kind, replicas(s))));
    let block = address::further(state.settings.pool, &everybodys, &blocks, need).map_err(full)?;
    blocks.extend(block);
    let stale = vips.extract_if(.., |name, _| !services.contains_key(name)).map(|(name, _)| name).collect();
    let mut taken = vips.values().copied().collect();
    for service in spec.services.values() {
        match service.kind {
            ServiceKind::Web if !vips.contains_key(&service.name) => {}
            ServiceKind::Web | ServiceKind::Worker | ServiceKind::Job => continue,
        }
        let addr = address::free_service(&blocks, &taken).ok_or_else(|| full(NoRoom::TooLarge))?;
        taken.insert(addr);
        vips.insert(service.name.clone(), addr);
    }
    let merged = ProjectSpec { services, ..spec.clone() };
    let project =
        Project { blocks: blocks.clone(), vips: vips.clone(), spec: Some(merged), ..Project::default() };
    let network = project.network(&spec.name).ok_or_else(|| full(NoRoom::Full))?;
    Ok(Room { blocks, vips, stale, network })
}

fn full(why: NoRoom) -> OpError {
    OpError::Full(match why {
        NoRoom::TooLarge => "a project has room for 1022 services with a port, and for 1533 instances".to_owned(),
        NoRoom::Full => {
            "all 65536 addresses of this server's projects are taken\n  hint: `dormouse down` those that nobody needs"
                .to_owned()
        }
    })
}

/// Take the deploy in; the one that gave way.
fn begin(
    state: &mut State,
    name: &ProjectName,
    room: Room,
    origin: Option<Origin>,
    coming: Coming,
) -> Option<DeployId> {
    for service in coming.spec.services.keys() {
        coming.log.say(Some(service), DeployStep::Queued { waits: None });
        state.facts.builds.insert(ServiceKey::new(name, service), BuildFact::Running);
    }
    let project = state.projects.or_default(name);
    project.blocks = room.blocks;
    project.vips = room.vips;
    project.origin = origin.or_else(|| project.origin.take());
    for service in room.stale {
        project.notes.remove(&service);
        state.facts.builds.remove(&ServiceKey::new(name, &service));
    }
    project.failed = None;
    let keys = coming.spec.services.keys().map(|service| ServiceKey::new(name, service));
    let never_ran: Vec<_> = keys.filter(|key| !state.desired.services.contains_key(key)).collect();
    // The failure of an earlier deploy, which this one may mend.
    never_ran.iter().for_each(|key| state.set_note(key, None));
    let project = state.projects.or_default(name);
    let newer = coming.id;
    let old = project.coming.replace(coming)?;
    give_way(state, &old, GaveWay::To(newer));
    Some(old.id)
}

/// A deploy ends before it is done, in this way.
pub(crate) fn give_way(state: &State, old: &Coming, how: GaveWay) {
    old.driver.iter().for_each(tokio::task::AbortHandle::abort);
    let id = old.id;
    state.store.later(move |tx| tx.deploy_state(id, DeployState::Failed));
    old.log.say(None, how.step());
    old.log.say(None, DeployStep::Failed { reason: how.reason() });
}
