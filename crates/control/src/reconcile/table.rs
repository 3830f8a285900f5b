//! What the edge is told.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use dormouse_backend::Workloads;
use dormouse_model::{
    AddressBlock, Listener, ProjectName, Route, RouteTable, ServiceKey, ServiceKind, Time, ZoneRecord,
};

use super::Reconciler;
use crate::{address, names, state::State};

/// Everything the edge needs; the generation is for the caller to set.
pub(super) fn table(state: &State, now: Time) -> RouteTable {
    let mut out = RouteTable {
        endpoints: dormouse_planner::endpoints(&state.desired, &state.observed, &state.facts, now),
        ..RouteTable::default()
    };
    for (name, project) in state.projects.iter().filter(|(_, p)| p.removing.is_none()) {
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
            out.zones.push(zone(Some(name), *first, more.to_vec(), names));
        }
        if let Some(face) = project.face() {
            for service in face.services.values() {
                for host in names::hosts(face, service, &state.settings.domain) {
                    let service = ServiceKey::new(name, &service.name);
                    out.hosts.insert(host, Route { service });
                }
            }
            // Nobody else's, so they may be there before the deploy that brings them is done.
            let new = project.spec.iter().flat_map(|s| s.services.values());
            for service in new.filter(|s| !face.services.contains_key(&s.name)) {
                for host in names::hosts(face, service, &state.settings.domain) {
                    let service = ServiceKey::new(name, &service.name);
                    out.hosts.entry(host).or_insert(Route { service });
                }
            }
        }
    }
    out.zones.push(zone(None, address::builds(state.settings.pool), vec![], BTreeMap::new()));
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
    pub(super) fn publish(&mut self, now: Time) {
        let mut table = table(&self.state, now);
        let generation = self.tables.borrow().generation;
        table.generation = generation;
        if table != **self.tables.borrow() {
            table.generation = generation + 1;
            self.tables.send_replace(Arc::new(table));
        }
    }
}
