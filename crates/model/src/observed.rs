//! What exists, as seen by the hands, the prober and the edge.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    Answer, DeploymentId, InProject, InstanceId, Limits, ProjectName, ServiceKey, Time, Tracked, Watchdog,
};

/// How deep a sleep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Not scheduled; memory stays resident.
    Frozen,
    /// Not scheduled; memory pushed to swap.
    Paged,
    /// No process: the next request is a cold start.
    Stopped,
}

/// How deeply instances can sleep on a host. Whatever it is, they can be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depths {
    /// Whether what sleeps can stay in memory without being scheduled.
    pub frozen: bool,
    /// Whether its memory can be pushed to swap.
    pub paged: bool,
}

impl Depths {
    /// All there are.
    pub const ALL: Self = Self { frozen: true, paged: true };
    /// Those of a host without swap.
    pub const RESIDENT: Self = Self { frozen: true, paged: false };
    /// Those of a host on which only what has no process sleeps.
    pub const NONE: Self = Self { frozen: false, paged: false };

    /// The depth that comes of a sleep, which is never deeper than wanted; `None` where it stays awake, because nothing that
    /// keeps its memory is offered.
    #[must_use]
    pub fn reached(self, wanted: Depth) -> Option<Depth> {
        match wanted {
            Depth::Stopped => Some(Depth::Stopped),
            Depth::Paged if self.paged => Some(Depth::Paged),
            Depth::Paged | Depth::Frozen => self.frozen.then_some(Depth::Frozen),
        }
    }
}

impl Default for Depths {
    fn default() -> Self {
        Self::RESIDENT
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// It was ended by this signal.
    Signal(i32),
    /// The kernel killed it because its memory limit was reached.
    OutOfMemory,
    /// It ended while nobody could record how (a crash of the init, a power cut).
    Lost,
}

impl ExitStatus {
    /// Whether a process says by it that it was done, as those do that their server replaces after so many requests. Who is
    /// ended by a supervisor ends by a signal, or with a code of its own: gunicorn's workers exit with 1 when they are told to
    /// abort.
    #[must_use]
    pub fn is_done(self) -> bool {
        match self {
            // uWSGI's workers end with 30 then, Celery's with 155.
            Self::Code(code) => matches!(code, 0 | 30 | 155),
            Self::Signal(_) | Self::OutOfMemory | Self::Lost => false,
        }
    }
}

/// Where an instance physically is: what the backend can see by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Scheduled and free to run.
    Running,
    /// Not scheduled.
    Asleep(Depth),
    /// Ended; leftovers (folder, cgroup, address) may still be there until it is removed.
    Exited(ExitStatus),
}

/// What the prober knows of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Probe {
    /// First success ever; `None` while starting.
    pub ready_at: Option<Time>,
    /// Last success.
    pub last_ok: Option<Time>,
    /// Failures in a row since the last success.
    pub failures: u32,
    /// What the last probe came to.
    pub last: Option<Answer>,
    /// When the last probe ended, well or not; `None` when none was made yet.
    pub last_at: Option<Time>,
    /// The last HTTP status it answered with.
    pub status: Option<u16>,
    /// Whether it sent who asked last by http on to https.
    #[serde(default)]
    pub to_https: bool,
    /// Whether it was found to speak HTTP; `None` while nobody has found out, or has had to.
    pub speaks_http: Option<bool>,
    /// When a probe last failed; one that only asks whether a script runs is none.
    #[serde(default)]
    pub failed_at: Option<Time>,
    /// What it last refused although the version that it is to replace answers that.
    #[serde(default)]
    pub refuses: Option<Refusal>,
    /// When it was found to run already: what it had answered or lost before that is not known. `None` of what was seen from its start.
    #[serde(default)]
    pub found_at: Option<Time>,
}

/// A request that the live version answers well, and a later one refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// When it was refused.
    pub at: Time,
    /// Since when it has been, with the same answer each time.
    pub since: Time,
    /// Whether something else was answered, or nothing, since.
    pub over: bool,
    /// The host that was asked for.
    pub host: String,
    /// The path.
    pub path: String,
    /// The answer.
    pub answer: Answer,
    /// The status that the live version answers with.
    pub before: u16,
    /// Whether that could not be asked anew, and is what it answered last.
    pub remembered: bool,
}

/// What a process answered last to requests for a path: what is to replace it is held to that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The deployment that the process was started for.
    pub deployment: DeploymentId,
    /// The path that was asked for.
    pub path: String,
    /// The answer's status.
    pub status: u16,
    /// Whether it was a redirect to the same path.
    #[serde(default)]
    pub loops: bool,
    /// When it was asked beside a new version; long ago where it was not.
    #[serde(skip)]
    pub at: Time,
}

impl Probe {
    /// What it refused when it was asked last, if it did.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refuses.as_ref().filter(|refusal| !refusal.over)
    }

    /// Whether nobody listens any more: a hung app still has its connections accepted, by the kernel.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.failures > 0 && self.last == Some(Answer::Refused)
    }
}

/// What goes on in an instance, as the kernel sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inspection {
    /// Where its processes accept TCP connections, in its own network namespace.
    pub listeners: Vec<SocketAddr>,
    /// Its processes, without its init.
    pub processes: Vec<Process>,
}

/// A process of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number on the host.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// The file it executes.
    pub program: String,
    /// Its command line as it shows it, which a process may write over.
    pub argv: Vec<String>,
}

/// What was seen in an instance while it was not ready.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inside {
    /// When somebody looked last.
    pub looked_at: Option<Time>,
    /// Where it listened then.
    pub listeners: Vec<SocketAddr>,
    /// Since when it has listened somewhere, but nowhere that its port is reached at.
    pub astray_since: Option<Time>,
    /// Worker processes with their parent's numbers.
    pub workers: BTreeMap<u32, u32>,
    /// Whether a server was seen in it that forks its workers: what ends there is none of the app's own children.
    #[serde(default)]
    pub forks: bool,
    /// Looks at which a worker was gone though its parent went on.
    pub losses: u32,
    /// When the last of them was.
    #[serde(default)]
    pub lost_at: Option<Time>,
    /// Processes of it that the kernel has killed because its limit of memory was reached.
    #[serde(default)]
    pub killed: u64,
    /// When the last of them was.
    #[serde(default)]
    pub killed_at: Option<Time>,
}

/// What the edge has carried for an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// Requests sent and not fully answered. WebSockets and GET event streams do not count; of one service's answer to
    /// another only the bytes are seen, and it lasts until they have stopped for some seconds.
    pub in_flight: u32,
    /// Those of them that other services have made.
    #[serde(default)]
    pub calls: u32,
    /// Answers to other services that have begun, and of which more is to come for sure: HTTP tells.
    #[serde(default)]
    pub answers: u32,
    /// WebSockets on which a client's message has not been answered by any.
    #[serde(default)]
    pub messages: u32,
    /// Open connections of any kind, counted for draining.
    pub connections: u32,
    /// Those of them that other services have opened.
    #[serde(default)]
    pub private: u32,
    /// Last byte from a client (or a calling service).
    pub last_client_byte: Option<Time>,
    /// Last byte from the instance.
    pub last_instance_byte: Option<Time>,
    /// Last message of a WebSocket, or event of an event stream, from the instance. Pings, pongs and comments are none.
    #[serde(default)]
    pub last_event: Option<Time>,
    /// The last page that the instance took for gone.
    #[serde(default)]
    pub cut: Option<Cut>,
    /// When it last closed a connection on which it owed an answer.
    #[serde(default)]
    pub broke_off: Option<Time>,
}

/// A WebSocket that an instance pinged, and then ended as if nobody were there, not because it was done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cut {
    /// When it did.
    pub at: Time,
    /// The shortest time between its pings, when there was more than one.
    pub pings: Option<Duration>,
}

impl Traffic {
    /// What two edges have carried for the same instance.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let Self {
            in_flight,
            calls,
            answers,
            messages,
            connections,
            private,
            last_client_byte,
            last_instance_byte,
            last_event,
            cut,
            broke_off,
        } = self;
        Self {
            in_flight: in_flight.saturating_add(other.in_flight),
            calls: calls.saturating_add(other.calls),
            answers: answers.saturating_add(other.answers),
            messages: messages.saturating_add(other.messages),
            connections: connections.saturating_add(other.connections),
            private: private.saturating_add(other.private),
            last_client_byte: last_client_byte.max(other.last_client_byte),
            last_instance_byte: last_instance_byte.max(other.last_instance_byte),
            last_event: last_event.max(other.last_event),
            cut: cut.max(other.cut),
            broke_off: broke_off.max(other.broke_off),
        }
    }

    /// Requests in flight for somebody who is no service of the project.
    #[must_use]
    pub fn visits(&self) -> u32 {
        self.in_flight.saturating_sub(self.calls)
    }

    /// What stays true of it once the edge that carried it has gone, and its connections with it.
    #[must_use]
    pub fn past(self) -> Self {
        Self { in_flight: 0, calls: 0, answers: 0, messages: 0, connections: 0, private: 0, ..self }
    }
}

/// Memory and processor time of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes resident in memory and charged to the instance.
    pub resident_bytes: u64,
    /// Bytes in swap, before any compression.
    pub swapped_bytes: u64,
    /// Bytes that a memory limit has to leave room for: what is resident or in swap and cannot be dropped, as copies of
    /// files can.
    #[serde(default)]
    pub needed_bytes: u64,
    /// Processor time used since its start.
    pub cpu: Duration,
    /// Its processes and their threads.
    #[serde(default)]
    pub tasks: u64,
    /// Its own disk, where it has one.
    #[serde(default)]
    pub disk: Option<DiskUsage>,
}

/// Of what an instance may write, how much is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskUsage {
    /// All of it, in bytes.
    pub bytes: u64,
    /// Bytes that are left.
    pub free_bytes: u64,
    /// Bytes that it cannot have while the host's own disk is nearly full.
    #[serde(default)]
    pub withheld_bytes: u64,
    /// How many files, folders and links there may be.
    pub files: u64,
    /// How many of them are left.
    pub free_files: u64,
}

impl DiskUsage {
    /// Whether so little is left that programs fail: file systems keep the last percent to themselves.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.free_bytes < self.bytes / 50 || self.lacks_files()
    }

    /// Whether there are as many files as there may be.
    #[must_use]
    pub fn lacks_files(&self) -> bool {
        self.free_files < self.files / 50
    }
}

/// What an instance does by itself, as its host sees it at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// When it was looked at.
    pub at: Time,
    /// Processor time used since its start.
    pub cpu: Duration,
    /// The connections that it has opened, those to itself included, unless one of the two sides has ended.
    pub calls: Vec<Call>,
    /// Its threads that sleep by the clock, and nothing else.
    #[serde(default)]
    pub naps: Vec<Nap>,
}

/// A thread that sleeps by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nap {
    /// Its number.
    pub thread: u32,
    /// When it was begun.
    pub begun: Time,
}

/// A TCP connection that an instance has opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// To whom.
    pub to: SocketAddr,
    /// Last bytes it sent; `None` when it sent none. A connection that is being opened counts as bytes.
    pub sent: Option<Time>,
    /// Last bytes it received; `None` when it received none.
    pub received: Option<Time>,
    /// Segments with bytes that it has sent.
    pub segments_sent: u32,
    /// Smoothed round-trip time.
    pub round_trip: Duration,
    /// Whether one of its threads waits for bytes on this connection and nothing else.
    pub awaited: bool,
}

/// Bytes that arrived for an instance while it slept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stir {
    /// When they arrived.
    pub at: Time,
    /// How often that had happened before, with nobody using the instance in between.
    pub in_a_row: u32,
}

/// Thousandths of a processor from which on an instance works: the 5 % of `docs/sleep.md`.
pub const WORKS: u32 = 50;

/// What an instance was busy with when a dark wake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worked {
    /// When that was.
    pub at: Time,
    /// On so many thousandths of a processor, at least [`WORKS`].
    pub share: u32,
}

/// Everything the planner is told of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// Its number.
    pub id: InstanceId,
    /// Whose replica it is.
    pub key: ServiceKey,
    /// The deployment that its process was started for; later ones may go on with it ([`crate::Deployment::process`]).
    pub deployment: DeploymentId,
    /// The limits it runs within.
    pub limits: Limits,
    /// Its private address.
    pub addr: Ipv4Addr,
    /// Where it physically is.
    pub phase: Phase,
    /// When it was started.
    pub started_at: Time,
    /// When it was last woken, if ever.
    pub woken_at: Option<Time>,
    /// When a sleep or a dark wake was last tried, also a sleep that did not get as deep as asked; `None` when that is not
    /// known.
    pub slept_at: Option<Time>,
    /// When it last fell asleep, which no dark wake changes; `None` when that is not known.
    #[serde(default)]
    pub asleep_since: Option<Time>,
    /// The work that the last dark wake left it at, if it did.
    #[serde(default)]
    pub worked: Option<Worked>,
    /// Since when it is being drained, if it is.
    pub draining_since: Option<Time>,
    /// When it ended, if it did.
    pub exited_at: Option<Time>,
    /// What the prober knows.
    pub probe: Probe,
    /// What the edge has carried.
    pub traffic: Traffic,
    /// What was seen in it while it was not ready.
    #[serde(default)]
    pub inside: Inside,
    /// What it did by itself when it was last looked at, and before that.
    pub activity: Option<Activity>,
    /// The look before that.
    pub earlier: Option<Activity>,
    /// Its threads that slept by the clock when it was last looked at with nobody connected: they beat time for the app itself.
    /// `None` as long as that is not known.
    #[serde(default)]
    pub beats: Option<BTreeSet<u32>>,
    /// The longest silence after which it said a word while it was only looked in on: awake, it would have come in time.
    #[serde(default)]
    pub silence: Option<Duration>,
    /// When bytes last arrived for it while it slept.
    pub stirred: Option<Stir>,
}

/// Everything that exists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observed {
    /// Every instance the backend knows, by number.
    pub instances: Tracked<InstanceId, InstanceRecord>,
    /// Ends of earlier instances of a service that still count for back-off, oldest first, with how they ended.
    pub ends: Tracked<ServiceKey, Vec<End>>,
    /// Supervisors that a sleep cannot be hidden from.
    #[serde(default)]
    pub watchdogs: Tracked<ServiceKey, Watchdog>,
    /// Servers that cut their pages off after a sleep.
    #[serde(default)]
    pub pingers: Tracked<ServiceKey, Watchdog>,
    /// What the processes of a service's deployments answered well.
    #[serde(default)]
    pub answers: Tracked<ServiceKey, Vec<Answered>>,
}

impl InProject<InstanceId> for InstanceRecord {
    fn project<'a>(&'a self, _key: &'a InstanceId) -> &'a ProjectName {
        &self.key.project
    }
}

impl Observed {
    /// The instances of a service, by their numbers.
    pub fn of<'a>(&'a self, key: &ServiceKey) -> impl DoubleEndedIterator<Item = &'a InstanceRecord> {
        let all = self.instances.of_project(&key.project).map(|(_, i)| i);
        all.filter(move |i| i.key == *key)
    }

    /// The ends of a service that still count, oldest first.
    #[must_use]
    pub fn ends_of(&self, key: &ServiceKey) -> &[End] {
        self.ends.get(key).map_or(&[], Vec::as_slice)
    }
}

/// An unasked-for end of an instance: it ended by itself, or had to be stopped because it did not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The deployment that its process was started for.
    pub deployment: DeploymentId,
    /// When it ended.
    pub at: Time,
    /// How it ended.
    pub how: Cause,
    /// How long it had been ready; `None` when it never was.
    pub ready_for: Option<Duration>,
    /// When the process that ended was started; `None` when none was, when it runs on, and of what older releases wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// What was seen of it that tells more than `how`: one line, and a hint in a second one where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How an instance came to an end nobody wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// By itself.
    Exited(ExitStatus),
    /// We had to stop it.
    Stopped(StopReason),
    /// It goes on, but one of its workers ended, in the middle of a request or time and again.
    LostWorker,
    /// It could not even be started.
    NotStarted {
        /// What the backend said.
        why: String,
    },
}

/// Why an instance is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// A newer deployment serves.
    Replaced,
    /// Another instance of the same deployment serves.
    Surplus,
    /// Its service is not wanted any more.
    Removed,
    /// Nobody uses it, and its service sleeps without a process.
    Idle,
    /// It was not ready within the start timeout.
    NeverReady,
    /// It fails its probes.
    Unhealthy,
    /// It neither answers its probes nor makes progress on the requests it has.
    Hung,
}

impl StopReason {
    /// Whether the stop counts as an unasked-for end, for back-off and crash loops.
    #[must_use]
    pub fn counts(self) -> bool {
        match self {
            Self::NeverReady | Self::Unhealthy | Self::Hung => true,
            Self::Replaced | Self::Surplus | Self::Removed | Self::Idle => false,
        }
    }
}
