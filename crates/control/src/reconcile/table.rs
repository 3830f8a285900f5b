//! What the edge is told.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use dormouse_backend::Workloads;
use dormouse_model::{
    AddressBlock, Endpoint, Listener, ProjectName, Route, RouteTable, ServiceKey, ServiceKind, ServiceSpec,
    ZoneRecord,
};

use super::Reconciler;
use crate::{ControlSettings, address, names, state::State};

/// A project's part of what the edge needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Slice {
    endpoints: BTreeMap<ServiceKey, Endpoint>,
    listeners: Vec<Listener>,
    zone: Option<ZoneRecord>,
    hosts: Vec<(String, Route)>,
    /// Of services that a deploy brings. Nobody else's, so they may be there before it is done.
    coming_hosts: Vec<(String, Route)>,
}

impl Slice {
    /// That of one whose services stand as `standings` says.
    pub(super) fn of(
        state: &State,
        name: &ProjectName,
        standings: &BTreeMap<ServiceKey, dormouse_planner::Standing>,
    ) -> Self {
        let State { observed, facts, .. } = state;
        let endpoints = dormouse_planner::endpoints_of(observed, facts, name, standings);
        let mut out = Self { endpoints, ..Self::default() };
        let Some(project) = state.projects.get(name).filter(|p| p.removing.is_none()) else { return out };
        let (mut names, mut aliases) = (BTreeMap::new(), BTreeMap::new());
        for (service, spec) in project.services() {
            let key = ServiceKey::new(name, service);
            let live = state.desired.services.get(&key).and_then(|svc| svc.live.as_ref());
            // What takes calls does so until something that does not has taken its place.
            let takes_calls = [Some(&**spec), live.map(|d| &*d.spec)]
                .into_iter()
                .flatten()
                .any(|s| s.kind == ServiceKind::Web);
            let Some(addr) = project.vips.get(service).copied().filter(|_| takes_calls) else { continue };
            names.insert(service.to_string(), addr);
            for alias in &spec.aliases {
                aliases.entry(alias.clone()).or_insert(addr);
            }
            out.listeners.push(Listener { addr: SocketAddrV4::new(addr, spec.port), service: key });
        }
        // A service's own name is never another's alias.
        aliases.append(&mut names);
        let names = aliases;
        if let Some((first, more)) = project.blocks.split_first() {
            out.zone = Some(zone(Some(name), *first, more.to_vec(), names));
        }
        if let Some(face) = project.face() {
            let routes = |service: &Arc<ServiceSpec>| {
                let route = Route { service: ServiceKey::new(name, &service.name) };
                let hosts = names::hosts(face, service, &state.settings.domain);
                hosts.into_iter().map(move |host| (host, route.clone()))
            };
            out.hosts = face.services.values().flat_map(routes).collect();
            let coming = project.spec.iter().flat_map(|s| s.services.values());
            let coming = coming.filter(|s| !face.services.contains_key(&s.name));
            out.coming_hosts = coming.flat_map(routes).collect();
        }
        out
    }
}

/// Everything the edge needs.
pub(super) fn table<'a>(
    settings: &ControlSettings,
    generation: u64,
    slices: impl Iterator<Item = &'a Slice>,
) -> RouteTable {
    let mut out = RouteTable { generation, ..RouteTable::default() };
    for slice in slices {
        out.endpoints.extend(slice.endpoints.clone());
        out.listeners.extend(slice.listeners.iter().cloned());
        out.zones.extend(slice.zone.clone());
        out.hosts.extend(slice.hosts.iter().cloned());
        for (host, route) in &slice.coming_hosts {
            out.hosts.entry(host.clone()).or_insert_with(|| route.clone());
        }
    }
    out.zones.push(zone(None, address::builds(settings.pool), vec![], BTreeMap::new()));
    out
}

fn zone(
    project: Option<&ProjectName>,
    first: AddressBlock,
    more: Vec<AddressBlock>,
    names: BTreeMap<String, Ipv4Addr>,
) -> ZoneRecord {
    let (gateway, prefix, project) = (address::gateway(first), first.prefix(), project.cloned());
    ZoneRecord { gateway, prefix, more, project, names }
}

impl<W: Workloads> Reconciler<W> {
    /// Tell the edge, if anything is different.
    pub(super) fn publish(&mut self) {
        if std::mem::take(&mut self.rounds.has_news) {
            let generation = self.tables.borrow().generation + 1;
            let table = table(&self.state.settings, generation, self.rounds.slices());
            self.tables.send_replace(Arc::new(table));
        }
    }
}
