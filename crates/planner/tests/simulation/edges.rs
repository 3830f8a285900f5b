//! Every edge there is. The newest takes what is new; the others carry what they have to its end.

use std::{collections::BTreeMap, time::Duration};

use dormouse_backend::sim::{Rng, Sim};
use dormouse_model::{EdgeId, InstanceId, ServiceKey, Time, Traffic};

use crate::{
    Tally,
    edge::{Edge, Heard, Table},
};

pub(crate) struct Edges {
    all: Vec<Edge>,
    last: u64,
    /// What is known of what dead ones had carried.
    past: BTreeMap<InstanceId, Traffic>,
    /// Those whose death control has not heard of.
    dead: Vec<EdgeId>,
}

impl Edges {
    pub(crate) fn new(now: Time) -> Self {
        let id = EdgeId(1);
        Self { all: vec![Edge::new(id, now, Some(now))], last: 1, past: BTreeMap::new(), dead: Vec::new() }
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = EdgeId> {
        self.all.iter().map(|edge| edge.id)
    }

    /// A successor starts, and the others begin to drain. It connects then, if control is there.
    pub(crate) fn hand_over(&mut self, now: Time, connect_at: Option<Time>) {
        self.all.iter_mut().for_each(Edge::drain);
        self.start(now, connect_at);
    }

    /// The newest is killed, and its clients with it; another one starts.
    pub(crate) fn kill(&mut self, now: Time, connect_at: Option<Time>) {
        if let Some(edge) = self.all.pop() {
            self.remember(&edge);
            self.dead.push(edge.id);
        }
        self.start(now, connect_at);
    }

    fn start(&mut self, now: Time, connect_at: Option<Time>) {
        self.last += 1;
        self.all.push(Edge::new(EdgeId(self.last), now, connect_at));
    }

    /// Control has died. What it knew of dead edges nobody knows any more.
    pub(crate) fn control_gone(&mut self) {
        self.past.clear();
        self.dead.clear();
        self.all.iter_mut().for_each(Edge::disconnect);
    }

    /// Control is back, and each edge finds it at its own time.
    pub(crate) fn control_back(&mut self, mut at: impl FnMut() -> Time) {
        self.all.iter_mut().for_each(|edge| edge.connect(at()));
    }

    /// Bytes that nobody was told of are as good as never sent: their clients have gone.
    fn remember(&mut self, edge: &Edge) {
        for (id, traffic) in edge.told() {
            let known = self.past.entry(*id).or_default();
            *known = known.and(traffic.past());
        }
    }

    /// Show a table to one of them, or to all; each gets it at its own time.
    pub(crate) fn publish(
        &mut self,
        only: Option<EdgeId>,
        at: impl Fn(usize) -> Time,
        generation: u64,
        table: &Table,
    ) {
        for (n, edge) in self.all.iter_mut().enumerate().filter(|(_, e)| only.is_none_or(|id| id == e.id)) {
            edge.publish(at(n), generation, table.clone());
        }
    }

    fn newest(&mut self) -> Option<&mut Edge> {
        self.all.last_mut()
    }

    pub(crate) fn request(&mut self, key: ServiceKey, takes: Duration, now: Time) {
        if let Some(edge) = self.newest() {
            edge.request(key, takes, now);
        }
    }

    /// A client opens a socket, or says something on one that any edge carries.
    pub(crate) fn socket(
        &mut self,
        key: &ServiceKey,
        rng: &mut Rng,
        now: Time,
        sim: &Sim,
    ) -> Result<(), String> {
        let mut with: Vec<_> = self.all.iter_mut().filter(|edge| edge.has_sockets()).collect();
        if !with.is_empty() && rng.chance(600) {
            let n = usize::try_from(rng.below(with.len() as u64)).unwrap_or(0);
            with[n].use_socket(rng, now);
            return Ok(());
        }
        self.newest().map_or(Ok(()), |edge| edge.open_socket(key, rng, now, sim))
    }

    /// Requests that were not answered yet.
    pub(crate) fn open(&self) -> usize {
        self.all.iter().map(Edge::open).sum()
    }

    /// Instances that work on requests.
    pub(crate) fn busy(&self) -> impl Iterator<Item = InstanceId> {
        self.all.iter().flat_map(Edge::busy)
    }

    pub(crate) fn in_flight(&self, id: InstanceId) -> u32 {
        self.all.iter().map(|edge| edge.in_flight(id)).sum()
    }

    pub(crate) fn last_client_byte(&self, id: InstanceId) -> Option<Time> {
        let past = self.past.get(&id).and_then(|t| t.last_client_byte);
        self.all.iter().filter_map(|edge| edge.last_client_byte(id)).chain(past).max()
    }

    /// Messages that an instance has not answered.
    pub(crate) fn messages(&self, id: InstanceId) -> u32 {
        self.all.iter().map(|edge| edge.messages(id)).sum()
    }

    /// Whether anybody has a socket to an instance.
    pub(crate) fn has_socket(&self, id: InstanceId) -> bool {
        self.all.iter().any(|edge| edge.has_socket(id))
    }

    /// Whether a visitor has a socket to an instance.
    pub(crate) fn is_listened_to(&self, id: InstanceId) -> bool {
        self.all.iter().any(|edge| edge.is_listened_to(id))
    }

    pub(crate) fn last_event(&self, id: InstanceId) -> Option<Time> {
        let past = self.past.get(&id).and_then(|t| t.last_event);
        self.all.iter().filter_map(|edge| edge.last_event(id)).chain(past).max()
    }

    /// Whether any of them shows the instance awake.
    pub(crate) fn shown_awake(&self, id: InstanceId) -> bool {
        self.all.iter().any(|edge| edge.shown_asleep(id) == Some(false))
    }

    pub(crate) fn next_event(&self) -> Option<Time> {
        self.all.iter().filter_map(Edge::next_event).min()
    }

    /// Everything that is due, and what control hears of it.
    pub(crate) fn step(&mut self, now: Time, sim: &Sim, tally: &mut Tally) -> Result<Vec<Heard>, String> {
        let mut heard: Vec<_> = self.dead.drain(..).map(Heard::Gone).collect();
        for edge in &mut self.all {
            heard.extend(edge.step(now, sim, tally)?);
        }
        let (done, all): (Vec<_>, _) = std::mem::take(&mut self.all).into_iter().partition(Edge::is_done);
        self.all = all;
        for edge in done {
            *tally.entry("edge drained").or_default() += 1;
            self.remember(&edge);
            heard.push(Heard::Gone(edge.id));
        }
        Ok(heard)
    }
}
