//! What the server and its services are doing.

use serde::{Deserialize, Serialize};

/// What answers on this socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// The server's own version.
    pub version: String,
    /// Process id of its control process.
    pub pid: u32,
    /// Address its edge listens on for the public, such as `127.0.0.1:8080`.
    pub listen: String,
    /// Its state folder.
    pub state_dir: String,
    /// When control was started, in milliseconds since the Unix epoch.
    pub started_at: u64,
    /// Whether sleeping services give their memory back (there is swap); otherwise they are only frozen.
    pub can_page: bool,
}

/// Where a service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// Its first build is queued or running.
    Building,
    /// Its first build failed, so there is nothing to run.
    Failed,
    /// A process is on its way to its first successful probe.
    Starting,
    /// It takes requests.
    Ready,
    /// A job is on its way to its end.
    Running,
    /// A job has ended well.
    Done,
    /// It keeps its state and uses no processor time; see `depth`.
    Asleep,
    /// It finishes what it has in flight and takes nothing new.
    Draining,
    /// No process.
    Stopped,
    /// It keeps ending; see `reason`.
    Crashed,
    /// It runs, but the server's database does not know it; nothing is sent to it.
    Quarantined,
}

/// How deep a sleep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Not scheduled; memory stays resident.
    Frozen,
    /// Not scheduled; memory pushed to swap.
    Paged,
    /// No process: the next request is a cold start.
    Stopped,
}

/// One line of `dormouse ps`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Whose it is.
    pub project: String,
    /// Its name there.
    pub service: String,
    /// Where it stands.
    pub state: ServiceState,
    /// How deep it sleeps, when it does.
    pub depth: Option<Depth>,
    /// Its first public URL; `None` for a private service.
    pub url: Option<String>,
    /// All its public URLs.
    pub urls: Vec<String>,
    /// The host's process id of the init of `instance`.
    pub pid: Option<u32>,
    /// Bytes of memory resident, of all instances that serve.
    pub resident_bytes: Option<u64>,
    /// Their bytes in swap, before compression.
    pub swapped_bytes: Option<u64>,
    /// How long the last wake took, from the request for it to its answer, in milliseconds.
    pub last_wake_ms: Option<f64>,
    /// The deploy that serves, such as `d4`.
    pub deployment: Option<String>,
    /// An instance that serves, such as `i7`; `instances` has all.
    pub instance: Option<String>,
    /// How many instances take requests, also asleep.
    #[serde(default)]
    pub ready: u32,
    /// How many are to.
    #[serde(default)]
    pub replicas: u32,
    /// Each that there is, by their numbers.
    #[serde(default)]
    pub instances: Vec<InstanceStatus>,
    /// Last byte from a client, in milliseconds since the Unix epoch.
    pub last_activity: Option<u64>,
    /// What keeps it awake, a few words, while it is ready: `waits for an answer from backend:8000, for 25 s`.
    #[serde(default)]
    pub awake: Option<String>,
    /// Unasked-for ends that still count for back-off.
    pub restarts: u32,
    /// What is wrong, or worth knowing, in a line or more: why it crashed, that a newer build failed, that it can only be frozen.
    pub reason: Option<String>,
}

/// One instance of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceStatus {
    /// Its number, such as `i7`.
    pub instance: String,
    /// Where it stands.
    pub state: ServiceState,
    /// How deep it sleeps, when it does.
    pub depth: Option<Depth>,
    /// The deploy it is of, such as `d4`, if that is known.
    pub deployment: Option<String>,
    /// The host's process id of its sandbox's init.
    pub pid: Option<u32>,
    /// Bytes of memory resident.
    pub resident_bytes: Option<u64>,
    /// Bytes in swap, before compression.
    pub swapped_bytes: Option<u64>,
}

/// What an operation touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    /// The project.
    pub project: String,
    /// Services it applied to.
    pub services: Vec<String>,
}
