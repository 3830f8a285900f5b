//! What the edge is told.

use std::{collections::BTreeMap, net::SocketAddrV4, sync::Arc};

use dormouse_backend::Workloads;
use dormouse_model::{Listener, Route, RouteTable, ServiceKey, ServiceKind, Time, ZoneRecord};

use super::Reconciler;
use crate::{address, names, state::State};

/// Everything the edge needs; the generation is for the caller to set.
pub(super) fn table(state: &State, now: Time) -> RouteTable {
    let pool = state.settings.pool;
    let mut out = RouteTable {
        endpoints: dormouse_planner::endpoints(&state.desired, &state.observed, &state.facts, now),
        ..RouteTable::default()
    };
    for (name, project) in state.projects.iter().filter(|(_, p)| p.removing.is_none()) {
        let mut names = BTreeMap::new();
        for (service, spec) in project.services() {
            let Some(host) = project.vips.get(service).filter(|_| spec.kind == ServiceKind::Web) else {
                continue;
            };
            let addr = address::vip(pool, project.subnet, *host);
            names.insert(service.to_string(), addr);
            out.listeners.push(Listener {
                addr: SocketAddrV4::new(addr, spec.port),
                service: ServiceKey::new(name, service),
            });
        }
        out.zones.push(ZoneRecord {
            gateway: address::gateway(pool, project.subnet),
            prefix: address::PREFIX,
            names,
        });
        if let Some(face) = project.face() {
            for service in face.services.values() {
                for host in names::hosts(face, service, &state.settings.domain) {
                    let service = ServiceKey::new(name, &service.name);
                    out.hosts.insert(host, Route { service });
                }
            }
        }
    }
    out.zones.push(ZoneRecord {
        gateway: address::builds_gateway(pool),
        prefix: address::PREFIX,
        names: BTreeMap::new(),
    });
    out
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
