//! What is different between two route tables, so that a change of one service is told in as many bytes however many others
//! there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddrV4},
};

use serde::{Deserialize, Serialize};

use crate::{Endpoint, Listener, Route, RouteTable, ServiceKey, ZoneRecord};

/// What becomes of each entry that is not the same in both: its new value, or nothing where it is gone.
type Entries<K, V> = BTreeMap<K, Option<V>>;

/// From one table to another. Only what is different is named.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RouteChange {
    /// The generation of the table that this changes.
    pub from: u64,
    /// That of the table it leads to.
    pub to: u64,
    /// By public host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: Entries<String, Route>,
    /// By service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: Entries<ServiceKey, Endpoint>,
    /// By the address that is listened on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub listeners: Entries<SocketAddrV4, Listener>,
    /// By the network's gateway.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: Entries<Ipv4Addr, ZoneRecord>,
}

/// A change is of another table than the one it was to be made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a change of route table {from} does not fit table {here}")]
pub struct DoesNotFit {
    /// Which it is of.
    pub from: u64,
    /// Which there is.
    pub here: u64,
}

impl RouteTable {
    /// What leads from a table before to this one.
    #[must_use]
    pub fn change_from(&self, before: &Self) -> RouteChange {
        RouteChange {
            from: before.generation,
            to: self.generation,
            hosts: different(&before.hosts, &self.hosts),
            endpoints: different(&before.endpoints, &self.endpoints),
            listeners: different_in(&before.listeners, &self.listeners, |listener| listener.addr),
            zones: different_in(&before.zones, &self.zones, |zone| zone.gateway),
        }
    }

    /// Become the table that the change leads to. Listeners and zones may then stand in another order than in that one.
    ///
    /// # Errors
    /// When the change is of another table than this. Nothing is different then.
    pub fn apply(&mut self, change: RouteChange) -> Result<(), DoesNotFit> {
        let RouteChange { from, to, hosts, endpoints, listeners, zones } = change;
        if self.generation != from {
            return Err(DoesNotFit { from, here: self.generation });
        }
        self.generation = to;
        put(&mut self.hosts, hosts);
        put(&mut self.endpoints, endpoints);
        put_in(&mut self.listeners, listeners, |listener| listener.addr);
        put_in(&mut self.zones, zones, |zone| zone.gateway);
        Ok(())
    }
}

fn different<K: Ord + Clone, V: PartialEq + Clone>(
    before: &BTreeMap<K, V>,
    now: &BTreeMap<K, V>,
) -> Entries<K, V> {
    // Mostly all is the same, which is seen without looking anything up.
    if before == now {
        return BTreeMap::new();
    }
    let gone = before.keys().filter(|key| !now.contains_key(key)).map(|key| (key.clone(), None));
    let new = now.iter().filter(|(key, value)| before.get(key) != Some(value));
    gone.chain(new.map(|(key, value)| (key.clone(), Some(value.clone())))).collect()
}

fn different_in<K: Ord + Clone, V: PartialEq + Clone>(
    before: &[V],
    now: &[V],
    key: impl Fn(&V) -> K,
) -> Entries<K, V> {
    if before == now {
        return BTreeMap::new();
    }
    let by_key = |all: &[V]| all.iter().map(|one| (key(one), one.clone())).collect();
    different(&by_key(before), &by_key(now))
}

fn put<K: Ord, V>(all: &mut BTreeMap<K, V>, changes: Entries<K, V>) {
    for (key, value) in changes {
        match value {
            Some(value) => drop(all.insert(key, value)),
            None => drop(all.remove(&key)),
        }
    }
}

fn put_in<K: Ord, V>(all: &mut Vec<V>, changes: Entries<K, V>, key: impl Fn(&V) -> K) {
    if changes.is_empty() {
        return;
    }
    let touched: BTreeSet<_> = changes.keys().collect();
    all.retain(|one| !touched.contains(&key(one)));
    all.extend(changes.into_values().flatten());
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::{InstanceId, ProjectName, Target};

    /// Services as `shop/web 1 awake`, each with a host, a listener and its project's zone.
    fn table(generation: u64, services: &str) -> RouteTable {
        let mut table = RouteTable { generation, ..RouteTable::default() };
        for service in services.split(", ").filter(|service| !service.is_empty()) {
            let words: Vec<_> = service.split(' ').collect();
            let (key, number): (ServiceKey, u8) = (words[0].parse().unwrap(), words[1].parse().unwrap());
            let addr = SocketAddrV4::new([10, 0, 0, number].into(), 80);
            let target = Target { instance: InstanceId(number.into()), addr, asleep: words[2] == "asleep" };
            table.endpoints.insert(key.clone(), Endpoint::Ready { targets: vec![target] });
            table.hosts.insert(format!("{}.localhost", key.project), Route { service: key.clone() });
            table.listeners.push(Listener { addr, service: key.clone() });
            let gateway = [10, 0, u8::try_from(key.project.as_str().len()).unwrap(), 1].into();
            let zone = table.zones.iter_mut().find(|zone| zone.gateway == gateway);
            let (project, name): (ProjectName, _) = (key.project.clone(), key.service.to_string());
            match zone {
                Some(zone) => drop(zone.names.insert(name, *addr.ip())),
                None => table.zones.push(ZoneRecord {
                    gateway,
                    prefix: 27,
                    more: vec![],
                    project: Some(project),
                    names: [(name, *addr.ip())].into(),
                }),
            }
        }
        table
    }

    fn sorted(mut table: RouteTable) -> RouteTable {
        table.listeners.sort_by_key(|listener| listener.addr);
        table.zones.sort_by_key(|zone| zone.gateway);
        table
    }

    /// What is told of a change, as it is told; and that it leads where it should.
    fn check(before: &str, now: &str, expected: &Expect) {
        let (before, now) = (table(4, before), table(7, now));
        let text = serde_json::to_string(&now.change_from(&before)).unwrap();
        let mut changed = before;
        changed.apply(serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(sorted(changed), sorted(now));
        expected.assert_eq(&text);
    }

    #[test]
    fn only_what_is_different_is_told() {
        let all = "shop/web 1 asleep, shop/api 2 awake, blog2/web 3 awake";
        check(all, all, &expect![[r#"{"from":4,"to":7}"#]]);
        check(
            all,
            "shop/web 1 awake, shop/api 2 awake, blog2/web 3 awake",
            &expect![[
                r#"{"from":4,"to":7,"endpoints":{"shop/web":{"state":"ready","targets":[{"instance":1,"addr":"10.0.0.1:80","asleep":false}]}}}"#
            ]],
        );
        check(
            all,
            "shop/web 1 asleep, shop/api 2 awake",
            &expect![[
                r#"{"from":4,"to":7,"hosts":{"blog2.localhost":null},"endpoints":{"blog2/web":null},"listeners":{"10.0.0.3:80":null},"zones":{"10.0.5.1":null}}"#
            ]],
        );
        check(
            all,
            "shop/web 1 asleep, shop/api 2 awake, blog2/web 3 awake, garden/web 4 awake",
            &expect![[
                r#"{"from":4,"to":7,"hosts":{"garden.localhost":{"service":"garden/web"}},"endpoints":{"garden/web":{"state":"ready","targets":[{"instance":4,"addr":"10.0.0.4:80","asleep":false}]}},"listeners":{"10.0.0.4:80":{"addr":"10.0.0.4:80","service":"garden/web"}},"zones":{"10.0.6.1":{"gateway":"10.0.6.1","prefix":27,"project":"garden","names":{"web":"10.0.0.4"}}}}"#
            ]],
        );
        check(
            all,
            "shop/web 9 asleep, shop/api 2 awake, blog2/web 3 awake",
            &expect![[
                r#"{"from":4,"to":7,"endpoints":{"shop/web":{"state":"ready","targets":[{"instance":9,"addr":"10.0.0.9:80","asleep":true}]}},"listeners":{"10.0.0.1:80":null,"10.0.0.9:80":{"addr":"10.0.0.9:80","service":"shop/web"}},"zones":{"10.0.4.1":{"gateway":"10.0.4.1","prefix":27,"project":"shop","names":{"api":"10.0.0.2","web":"10.0.0.9"}}}}"#
            ]],
        );
        check(
            all,
            "",
            &expect![[
                r#"{"from":4,"to":7,"hosts":{"blog2.localhost":null,"shop.localhost":null},"endpoints":{"blog2/web":null,"shop/api":null,"shop/web":null},"listeners":{"10.0.0.1:80":null,"10.0.0.2:80":null,"10.0.0.3:80":null},"zones":{"10.0.4.1":null,"10.0.5.1":null}}"#
            ]],
        );
    }

    #[test]
    fn a_change_of_another_table_is_refused() {
        let change = table(7, "shop/web 1 awake").change_from(&table(4, "shop/web 1 asleep"));
        for here in [0, 3, 5, 7] {
            let mut table = table(here, "shop/web 1 asleep");
            let before = table.clone();
            assert_eq!(table.apply(change.clone()), Err(DoesNotFit { from: 4, here }));
            assert_eq!(table, before);
        }
    }
}
