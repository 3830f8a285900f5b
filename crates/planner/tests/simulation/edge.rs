//! A small edge: holds requests, sends them on, and tells what it carried. And several of them: while a server takes over
//! from another, the old edge carries what it has to the end beside the new one.

use std::{collections::BTreeMap, time::Duration};

use dormouse_backend::sim::{Answer, Rng, Sim};
use dormouse_model::{EdgeId, Endpoint, InstanceId, Phase, ServiceKey, Target, Time, Traffic, TrafficReport};

use crate::Tally;

/// Time between two reports while bytes flow.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Time after which a held request asks for a wake again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Time after which a client gives up on an answer.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type Table = BTreeMap<ServiceKey, Endpoint>;

enum Place {
    /// Waits for an instance that takes it.
    Held { ask_at: Time },
    /// Is being worked on.
    Sent { to: InstanceId, since: Time },
}

struct Request {
    key: ServiceKey,
    takes: Duration,
    place: Place,
}

/// An upgraded connection: open, and mostly silent.
struct Socket {
    key: ServiceKey,
    to: InstanceId,
    /// Whether it is no other service that has opened it.
    visitor: bool,
    /// A frame from the client that waits for its instance to wake, and when to ask again.
    frame: Option<Time>,
    /// How long its instance works on what the client says.
    takes: Duration,
    /// When the answer to the last frame is due, if there is none yet.
    reply: Option<Time>,
}

pub(crate) struct Edge {
    pub(crate) id: EdgeId,
    /// Takes nothing new: another one does.
    draining: bool,
    /// Whether control hears it, and when it connects if not.
    connected: bool,
    connect_at: Option<Time>,
    table: Table,
    generation: u64,
    /// Tables on their way here.
    pending: Vec<(Time, u64, Table)>,
    requests: Vec<Request>,
    sockets: Vec<Socket>,
    bytes: BTreeMap<InstanceId, Traffic>,
    /// What of it control was told.
    told: BTreeMap<InstanceId, Traffic>,
    report_at: Option<Time>,
    reported_at: Time,
}

/// What control hears of an edge.
pub(crate) enum Heard {
    Connected(EdgeId),
    Report(EdgeId, TrafficReport),
    Wake(ServiceKey),
    Gone(EdgeId),
}

/// Those that take requests.
fn targets(endpoint: &Endpoint) -> &[Target] {
    match endpoint {
        Endpoint::Ready { targets } => targets,
        Endpoint::Stopped
        | Endpoint::Starting
        | Endpoint::Building
        | Endpoint::Crashed { .. }
        | Endpoint::Failed { .. } => &[],
    }
}

impl Edge {
    /// One that begins to serve now, and connects to control then.
    pub(crate) fn new(id: EdgeId, now: Time, connect_at: Option<Time>) -> Self {
        Self {
            id,
            draining: false,
            connected: false,
            connect_at,
            table: Table::new(),
            generation: 0,
            pending: Vec::new(),
            requests: Vec::new(),
            sockets: Vec::new(),
            bytes: BTreeMap::new(),
            told: BTreeMap::new(),
            report_at: None,
            reported_at: now,
        }
    }

    /// Another one takes what is new.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
    }

    /// Control is gone, and with it what it was told.
    pub(crate) fn disconnect(&mut self) {
        (self.connected, self.connect_at) = (false, None);
        self.told.clear();
    }

    /// Control is back.
    pub(crate) fn connect(&mut self, at: Time) {
        self.connect_at = Some(at);
    }

    pub(crate) fn publish(&mut self, at: Time, generation: u64, table: Table) {
        if self.connected {
            self.pending.push((at, generation, table));
        }
    }

    pub(crate) fn request(&mut self, key: ServiceKey, takes: Duration, now: Time) {
        self.requests.push(Request { key, takes, place: Place::Held { ask_at: now } });
    }

    pub(crate) fn has_sockets(&self) -> bool {
        !self.sockets.is_empty()
    }

    /// One of the open sockets ends, or its client says something.
    pub(crate) fn use_socket(&mut self, rng: &mut Rng, now: Time) {
        let n = usize::try_from(rng.draw() % 1000).unwrap_or(0) % self.sockets.len();
        if rng.chance(300) {
            let gone = self.sockets.swap_remove(n);
            self.touch(now, gone.to);
        } else if self.sockets[n].frame.is_none() {
            self.sockets[n].frame = Some(now);
        }
    }

    /// A client opens a socket to what is ready now.
    pub(crate) fn open_socket(
        &mut self,
        key: &ServiceKey,
        rng: &mut Rng,
        now: Time,
        sim: &Sim,
    ) -> Result<(), String> {
        if let Some((to, false)) = self.target(key) {
            self.carry(to, now, sim)?;
            let takes =
                Duration::from_millis(if rng.chance(300) { rng.below(20_000) } else { rng.below(50) });
            let visitor = rng.chance(700);
            self.sockets.push(Socket { key: key.clone(), to, visitor, frame: None, takes, reply: None });
        }
        Ok(())
    }

    /// Requests that were not answered yet.
    pub(crate) fn open(&self) -> usize {
        self.requests.len()
    }

    /// Instances that work on requests.
    pub(crate) fn busy(&self) -> impl Iterator<Item = InstanceId> {
        self.requests.iter().filter_map(|r| match r.place {
            Place::Sent { to, .. } => Some(to),
            Place::Held { .. } => None,
        })
    }

    pub(crate) fn last_client_byte(&self, id: InstanceId) -> Option<Time> {
        self.bytes.get(&id).and_then(|t| t.last_client_byte)
    }

    /// What control knows it to have carried.
    pub(crate) fn told(&self) -> &BTreeMap<InstanceId, Traffic> {
        &self.told
    }

    /// Whether it has carried everything to its end.
    pub(crate) fn is_done(&self) -> bool {
        self.draining && self.requests.is_empty() && self.sockets.is_empty() && self.report_at.is_none()
    }

    pub(crate) fn in_flight(&self, id: InstanceId) -> u32 {
        let mine = |r: &&Request| matches!(r.place, Place::Sent { to, .. } if to == id);
        u32::try_from(self.requests.iter().filter(mine).count()).unwrap()
    }

    /// Messages that an instance has not answered.
    pub(crate) fn messages(&self, id: InstanceId) -> u32 {
        let owed = |s: &&Socket| s.to == id && s.reply.is_some();
        u32::try_from(self.sockets.iter().filter(owed).count()).unwrap()
    }

    /// Whether anybody has a socket to an instance.
    pub(crate) fn has_socket(&self, id: InstanceId) -> bool {
        self.sockets.iter().any(|s| s.to == id)
    }

    /// Whether a visitor has a socket to an instance.
    pub(crate) fn is_listened_to(&self, id: InstanceId) -> bool {
        self.sockets.iter().any(|s| s.to == id && s.visitor)
    }

    pub(crate) fn last_event(&self, id: InstanceId) -> Option<Time> {
        self.bytes.get(&id).and_then(|t| t.last_event)
    }

    /// What takes new requests of a service, and whether it is shown asleep.
    fn target(&self, key: &ServiceKey) -> Option<(InstanceId, bool)> {
        let all = self.table.get(key).map_or(&[][..], targets);
        let used = |id| self.bytes.get(&id).and_then(|t| t.last_client_byte);
        let best = all.iter().min_by_key(|t| (t.asleep, self.in_flight(t.instance), used(t.instance)));
        best.map(|t| (t.instance, t.asleep))
    }

    /// Whether an instance is shown asleep; one that is not shown any more takes what its sockets say.
    pub(crate) fn shown_asleep(&self, id: InstanceId) -> Option<bool> {
        self.table.values().flat_map(targets).find(|t| t.instance == id).map(|t| t.asleep)
    }

    fn touch(&mut self, now: Time, id: InstanceId) -> &mut Traffic {
        let at = now.max(self.reported_at.after(REPORT_EVERY));
        self.report_at = Some(self.report_at.map_or(at, |t| t.min(at)));
        self.bytes.entry(id).or_default()
    }

    /// A byte from a client goes to an instance.
    fn carry(&mut self, id: InstanceId, now: Time, sim: &Sim) -> Result<(), String> {
        if matches!(sim.phase(id), Some(Phase::Asleep(_))) && self.shown_asleep(id) == Some(false) {
            return Err(format!("the edge sent bytes to {id}, which was put to sleep behind its back"));
        }
        self.touch(now, id).last_client_byte = Some(now);
        Ok(())
    }

    pub(crate) fn next_event(&self) -> Option<Time> {
        let tables = self.pending.iter().map(|(at, ..)| *at);
        let requests = self.requests.iter().map(|r| match r.place {
            Place::Held { ask_at } => ask_at,
            Place::Sent { since, .. } => since.after(r.takes.min(PATIENCE)),
        });
        let frames = self.sockets.iter().flat_map(|s| [s.frame, s.reply]).flatten();
        tables.chain(requests).chain(frames).chain(self.report_at).chain(self.connect_at).min()
    }

    /// Everything that is due, and what control hears of it.
    pub(crate) fn step(&mut self, now: Time, sim: &Sim, tally: &mut Tally) -> Result<Vec<Heard>, String> {
        let mut heard = Vec::new();
        if self.connect_at.is_some_and(|at| at <= now) {
            (self.connected, self.connect_at) = (true, None);
            heard.push(Heard::Connected(self.id));
            self.report_at = Some(now);
        }
        while let Some(n) = self.pending.iter().position(|(at, ..)| *at <= now) {
            let (_, generation, table) = self.pending.remove(n);
            if generation > self.generation {
                (self.generation, self.table) = (generation, table);
                self.report_at = Some(now);
            }
        }
        for mut request in std::mem::take(&mut self.requests) {
            if self.advance(&mut request, now, sim, &mut heard, tally)? {
                self.requests.push(request);
            }
        }
        for mut socket in std::mem::take(&mut self.sockets) {
            if self.listen(&mut socket, now, sim, &mut heard, tally)? {
                self.sockets.push(socket);
            }
        }
        if self.report_at.is_some_and(|at| at <= now) {
            self.report_at = None;
            self.reported_at = now;
            heard.push(self.report());
        }
        if !self.connected {
            heard.clear();
        }
        Ok(heard)
    }

    fn report(&mut self) -> Heard {
        let instances = self.traffic();
        if self.connected {
            self.told.clone_from(&instances);
        }
        Heard::Report(self.id, TrafficReport { generation: self.generation, instances })
    }

    fn traffic(&self) -> BTreeMap<InstanceId, Traffic> {
        let mut out = self.bytes.clone();
        for (id, t) in &mut out {
            t.in_flight = self.in_flight(*id);
            t.messages = self.messages(*id);
            let sockets = self.sockets.iter().filter(|s| s.to == *id).count();
            t.connections = t.in_flight + u32::try_from(sockets).unwrap();
            let visitors = self.sockets.iter().filter(|s| s.to == *id && s.visitor).count();
            t.private = t.connections - u32::try_from(visitors).unwrap();
        }
        out
    }

    /// Moves a request on; false when it is done with.
    fn advance(
        &mut self,
        r: &mut Request,
        now: Time,
        sim: &Sim,
        heard: &mut Vec<Heard>,
        tally: &mut Tally,
    ) -> Result<bool, String> {
        match r.place {
            Place::Held { ask_at } => match self.table.get(&r.key) {
                None => Ok(false),
                Some(Endpoint::Crashed { .. } | Endpoint::Failed { .. } | Endpoint::Building) => {
                    *tally.entry("request refused").or_default() += 1;
                    Ok(false)
                }
                Some(Endpoint::Ready { .. } | Endpoint::Stopped | Endpoint::Starting) => {
                    match self.target(&r.key) {
                        Some((to, false)) => {
                            let all = self.table.get(&r.key).map_or(&[][..], targets);
                            if all.iter().filter(|t| !t.asleep).count() > 1 {
                                *tally.entry("served by several").or_default() += 1;
                            }
                            self.carry(to, now, sim)?;
                            r.place = Place::Sent { to, since: now };
                        }
                        Some((_, true)) | None if ask_at <= now => {
                            *tally.entry("request held").or_default() += 1;
                            heard.push(Heard::Wake(r.key.clone()));
                            r.place = Place::Held { ask_at: now.after(ASK_AGAIN) };
                        }
                        Some((_, true)) | None => {}
                    }
                    Ok(true)
                }
            },
            Place::Sent { to, since } => {
                let works = sim.answer(to) == Answer::Healthy;
                let ended = matches!(sim.phase(to), None | Some(Phase::Exited(_)));
                if ended || (now >= since.after(r.takes) && works) {
                    let t = self.touch(now, to);
                    if !ended {
                        t.last_instance_byte = Some(now);
                        *tally.entry("request answered").or_default() += 1;
                    }
                    return Ok(false);
                }
                let patient = now < since.after(PATIENCE);
                if !patient {
                    self.touch(now, to);
                } else if now >= since.after(r.takes) {
                    // Its instance does not work: the client waits as long as it likes.
                    r.takes = PATIENCE;
                }
                Ok(patient)
            }
        }
    }

    /// Moves a socket on; false when it is cut.
    fn listen(
        &mut self,
        s: &mut Socket,
        now: Time,
        sim: &Sim,
        heard: &mut Vec<Heard>,
        tally: &mut Tally,
    ) -> Result<bool, String> {
        let asleep = match sim.phase(s.to) {
            None | Some(Phase::Exited(_)) => {
                self.touch(now, s.to);
                return Ok(false);
            }
            Some(Phase::Asleep(_)) => true,
            Some(Phase::Running) => false,
        };
        match s.frame {
            Some(ask_at) if self.shown_asleep(s.to).unwrap_or(asleep) => {
                if ask_at > now {
                    return Ok(true);
                }
                *tally.entry("frame held").or_default() += 1;
                heard.push(Heard::Wake(s.key.clone()));
                s.frame = Some(now.after(ASK_AGAIN));
            }
            Some(_) => {
                self.carry(s.to, now, sim)?;
                s.frame = None;
                s.reply = Some(now.after(s.takes));
            }
            None => {}
        }
        if s.reply.is_some_and(|at| at <= now) {
            if sim.answer(s.to) == Answer::Healthy {
                self.touch(now, s.to).last_event = Some(now);
                *tally.entry("message answered").or_default() += 1;
                s.reply = None;
            } else {
                // It does not work, or sleeps: nothing comes of it for now.
                s.reply = Some(now.after(ASK_AGAIN));
            }
        }
        Ok(true)
    }
}
