//! What all edges together have confirmed and carried.
//!
//! There is one, and a second while a server takes over from another: the old edge carries its connections to their end
//! beside the new one. Any of them may send bytes to an instance until it has confirmed a table that shows it asleep, so
//! none may be left out: an edge counts from the moment it may have been shown a table until it is known to be dead.

use std::collections::{BTreeMap, BTreeSet};

use dormouse_model::{EdgeId, InstanceId, Traffic, TrafficReport};

/// All edges that may be carrying something.
#[derive(Debug, Default)]
pub struct Edges {
    edges: BTreeMap<EdgeId, Edge>,
    /// What edges had carried that are gone.
    past: BTreeMap<InstanceId, Traffic>,
}

#[derive(Debug, Default)]
struct Edge {
    /// The newest table it has applied.
    confirmed: u64,
    /// Its next report is about everything it carries.
    begins: bool,
    traffic: BTreeMap<InstanceId, Traffic>,
}

impl Edges {
    /// An edge that was there before us, and may carry something. Not heard of yet, it has confirmed nothing.
    pub fn expect(&mut self, id: EdgeId) {
        self.edges.entry(id).or_default();
    }

    /// An edge has connected, perhaps again. To be called before it is shown a table.
    pub fn connected(&mut self, id: EdgeId) {
        self.edges.entry(id).or_default().begins = true;
    }

    /// An edge tells what it has carried and which table it has applied. Returns the instances whose traffic may be
    /// different now. One that is gone is not listened to: its last words may come late.
    pub fn report(&mut self, id: EdgeId, report: TrafficReport) -> BTreeSet<InstanceId> {
        let Some(edge) = self.edges.get_mut(&id) else { return BTreeSet::new() };
        edge.confirmed = report.generation;
        let mut touched: BTreeSet<_> = report.instances.keys().copied().collect();
        if std::mem::take(&mut edge.begins) {
            let before = std::mem::take(&mut edge.traffic);
            touched.extend(before.keys());
            remember(&mut self.past, before);
        }
        edge.traffic.extend(report.instances);
        touched
    }

    /// An edge is dead, and with it every connection it carried. Returns the instances whose traffic is different now.
    pub fn gone(&mut self, id: EdgeId) -> BTreeSet<InstanceId> {
        let Some(edge) = self.edges.remove(&id) else { return BTreeSet::new() };
        let touched = edge.traffic.keys().copied().collect();
        remember(&mut self.past, edge.traffic);
        touched
    }

    /// What all of them have carried for an instance.
    #[must_use]
    pub fn traffic(&self, id: InstanceId) -> Traffic {
        let now = self.edges.values().filter_map(|edge| edge.traffic.get(&id));
        now.chain(self.past.get(&id)).fold(Traffic::default(), |sum, one| sum.and(*one))
    }

    /// Whether each has told what it carries, knowing of some table. False when there is none.
    #[must_use]
    pub fn have_told(&self) -> bool {
        self.confirmed() > 0
    }

    /// The newest table that every edge has applied; 0 when there is no edge.
    #[must_use]
    pub fn confirmed(&self) -> u64 {
        self.edges.values().map(|edge| edge.confirmed).min().unwrap_or(0)
    }

    /// The instance is no more.
    pub fn forget(&mut self, id: InstanceId) {
        self.past.remove(&id);
        for edge in self.edges.values_mut() {
            edge.traffic.remove(&id);
        }
    }
}

fn remember(past: &mut BTreeMap<InstanceId, Traffic>, traffic: BTreeMap<InstanceId, Traffic>) {
    for (id, traffic) in traffic {
        let known = past.entry(id).or_default();
        *known = known.and(traffic.past());
    }
}

#[cfg(test)]
mod tests {
    use dormouse_model::Time;
    use expect_test::{Expect, expect};

    use super::*;

    const OLD: EdgeId = EdgeId(1);
    const NEW: EdgeId = EdgeId(2);

    /// Tells that a table is applied, and of one instance: requests in flight, and the time of the last client byte.
    fn told(generation: u64, in_flight: u32, byte: u64) -> TrafficReport {
        let traffic = Traffic {
            in_flight,
            connections: in_flight + 1,
            last_client_byte: Some(Time(byte)),
            ..Traffic::default()
        };
        TrafficReport { generation, instances: [(InstanceId(1), traffic)].into() }
    }

    fn quiet(generation: u64) -> TrafficReport {
        TrafficReport { generation, ..TrafficReport::default() }
    }

    fn check(what: impl FnOnce(&mut Edges), expected: &Expect) {
        let mut edges = Edges::default();
        what(&mut edges);
        let Traffic { in_flight, connections, last_client_byte, .. } = edges.traffic(InstanceId(1));
        let byte = last_client_byte.map_or("never".to_owned(), |t| t.0.to_string());
        expected.assert_eq(&format!(
            "confirmed {} told {}: {in_flight} in flight on {connections}, last byte {byte}",
            edges.confirmed(),
            edges.have_told(),
        ));
    }

    #[test]
    fn none_is_left_out() {
        check(|_| {}, &expect!["confirmed 0 told false: 0 in flight on 0, last byte never"]);
        check(
            |e| {
                e.connected(OLD);
                e.report(OLD, told(7, 1, 50));
            },
            &expect!["confirmed 7 told true: 1 in flight on 2, last byte 50"],
        );
        // Each has to confirm, and what both carry adds up.
        check(
            |e| {
                e.connected(OLD);
                e.report(OLD, told(9, 1, 50));
                e.connected(NEW);
                e.report(NEW, told(8, 2, 40));
            },
            &expect!["confirmed 8 told true: 3 in flight on 5, last byte 50"],
        );
        // One that has connected was perhaps shown a table; one that was there before us certainly was.
        for join in [Edges::connected, Edges::expect] {
            check(
                |e| {
                    e.connected(NEW);
                    e.report(NEW, quiet(8));
                    join(e, OLD);
                },
                &expect!["confirmed 0 told false: 0 in flight on 0, last byte never"],
            );
        }
    }

    #[test]
    fn the_dead_hold_up_nobody_and_are_remembered() {
        check(
            |e| {
                e.connected(OLD);
                e.report(OLD, told(5, 3, 50));
                e.connected(NEW);
                e.report(NEW, quiet(8));
                e.gone(OLD);
                // What was still on its way from it.
                e.report(OLD, told(6, 4, 60));
            },
            &expect!["confirmed 8 told true: 0 in flight on 0, last byte 50"],
        );
        check(
            |e| {
                e.connected(OLD);
                e.report(OLD, told(5, 3, 50));
                e.gone(OLD);
                e.forget(InstanceId(1));
            },
            &expect!["confirmed 0 told false: 0 in flight on 0, last byte never"],
        );
    }

    #[test]
    fn a_new_line_begins_with_everything() {
        check(
            |e| {
                e.connected(OLD);
                e.report(OLD, told(5, 3, 50));
                e.connected(OLD);
                // Until it has told, what it said before is the best that is known.
                assert_eq!(e.traffic(InstanceId(1)).in_flight, 3);
                e.report(OLD, quiet(5));
            },
            &expect!["confirmed 5 told true: 0 in flight on 0, last byte 50"],
        );
    }
}
