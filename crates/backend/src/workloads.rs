//! Running, sleeping and waking instances.

use std::{collections::BTreeMap, future::Future, net::Ipv4Addr, time::Duration};

use dormouse_model::{
    Activity, AddressBlock, DeploymentId, Depth, Depths, ExitStatus, ImageId, Inspection, InstanceId, Limits,
    Phase, ProjectName, ServiceKey, ServiceName, Time, Usage,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{ProbeAnswer, ProbeRequest, WorkloadEvent};

/// What the hands can do to instances. Every call is idempotent: asking for what already is succeeds.
pub trait Workloads: Send + Sync + 'static {
    /// What this host can offer.
    fn capabilities(&self) -> Capabilities;

    /// Everything that exists, also what an earlier process of ours started.
    fn list(&self) -> impl Future<Output = Result<Vec<Workload>, WorkloadError>> + Send;

    /// Make these private networks be as described, and remove all others on which nothing runs. Those that could not be
    /// made, and why.
    fn ensure_networks(
        &self,
        specs: &[NetworkSpec],
    ) -> impl Future<Output = Result<BTreeMap<ProjectName, WorkloadError>, WorkloadError>> + Send;

    /// The private networks there are, also those that an earlier process of ours made.
    fn networks(&self) -> impl Future<Output = Result<Vec<NetworkSpec>, WorkloadError>> + Send;

    /// Make the project's private network be as described. Safe to call again with more or fewer services. When it
    /// fails, the network is as it was before.
    fn ensure_network(&self, spec: &NetworkSpec) -> impl Future<Output = Result<(), WorkloadError>> + Send;

    /// Remove a project's network. Instances on it must be gone.
    fn remove_network(&self, project: &ProjectName)
    -> impl Future<Output = Result<(), WorkloadError>> + Send;

    /// Start an instance; returns once its process runs, with the address that it was given on its project's network. An id that
    /// already exists is left as it is. A process is started once under a number: where it is replaced without our asking,
    /// its end is told, and the new one has another number.
    fn start(&self, spec: &InstanceSpec) -> impl Future<Output = Result<Ipv4Addr, WorkloadError>> + Send;

    /// Ask it to end (SIGTERM), kill it after `grace`, and return how it ended once it has. Wakes it first when asleep.
    fn stop(
        &self,
        id: InstanceId,
        grace: Duration,
    ) -> impl Future<Output = Result<Ended, WorkloadError>> + Send;

    /// Freeze, and for [`Depth::Paged`] push the memory out. Returns the depth reached. Refused where the host offers none
    /// ([`Capabilities::depths`]).
    fn sleep(
        &self,
        id: InstanceId,
        depth: Depth,
    ) -> impl Future<Output = Result<Depth, WorkloadError>> + Send;

    /// Thaw. Returns as soon as its processes may run. May be called while a [`Workloads::sleep`] of the same instance
    /// is under way: it does not wait for the page-out to finish but cuts in, and what the sleep then returns is not
    /// used; should that sleep freeze the instance after all, wake is called once more.
    fn wake(&self, id: InstanceId) -> impl Future<Output = Result<(), WorkloadError>> + Send;

    /// Have it run within other limits from now on, awake or asleep, and also after this process has been replaced. May be
    /// called while a sleep or a wake of the same instance is under way; none waits for the other. A memory limit that is
    /// smaller than what it needs is refused ([`WorkloadError::DoesNotFit`]), and nothing changes.
    fn set_limits(
        &self,
        id: InstanceId,
        limits: Limits,
    ) -> impl Future<Output = Result<(), WorkloadError>> + Send;

    /// Let one that sleeps run for a moment, its supervisors last, and put it to sleep again; what works at the end of that
    /// is only frozen. [`Workloads::wake`] may cut into it as into a sleep. One that is awake is refused.
    fn dark_wake(
        &self,
        id: InstanceId,
        depth: Depth,
    ) -> impl Future<Output = Result<Moment, WorkloadError>> + Send;

    /// Clear away an ended instance; its log stays. Unknown ids are fine.
    fn remove(&self, id: InstanceId) -> impl Future<Output = Result<(), WorkloadError>> + Send;

    /// Memory and processor time.
    fn usage(&self, id: InstanceId) -> impl Future<Output = Result<Usage, WorkloadError>> + Send;

    /// Ask it whether it works, as a visitor would. One that sleeps is not to be asked.
    fn probe(
        &self,
        id: InstanceId,
        request: &ProbeRequest,
    ) -> impl Future<Output = Result<ProbeAnswer, WorkloadError>> + Send;

    /// Where it listens, and its processes; of an ended one nothing is left to see.
    fn inspect(&self, id: InstanceId) -> impl Future<Output = Result<Inspection, WorkloadError>> + Send;

    /// What it does by itself. Costs a few system calls for each of its threads; of one that sleeps or has ended there
    /// is nothing to tell but its processor time.
    fn activity(&self, id: InstanceId) -> impl Future<Output = Result<Activity, WorkloadError>> + Send;

    /// Log lines from byte `from` on, at most about a megabyte; an unknown instance has an empty log.
    fn read_log(
        &self,
        key: &ServiceKey,
        id: InstanceId,
        from: u64,
    ) -> impl Future<Output = Result<LogChunk, WorkloadError>> + Send;

    /// Remove the logs of instances of a service that have ended; what is not there is fine.
    fn remove_logs(
        &self,
        key: &ServiceKey,
        ids: &[InstanceId],
    ) -> impl Future<Output = Result<(), WorkloadError>> + Send;

    /// Tells of what happens by itself from now on; before that, of bytes that have arrived for instances that sleep while nobody
    /// listened. Bytes that arrive between the freeze and whatever looks for them are told too. One receiver at a time.
    fn events(&self) -> mpsc::UnboundedReceiver<WorkloadEvent>;
}

/// How an instance ended, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// With which status.
    pub status: ExitStatus,
    /// When, by the host's clock.
    pub at: Time,
}

/// What came of a dark wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The depth reached after it.
    pub depth: Depth,
    /// Thousandths of a processor that it was using when it ended.
    pub share: u32,
}

/// What a host can offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// How deeply instances can sleep: from one moment to the next less, when swap is taken away.
    pub depths: Depths,
}

/// An instance as the backend sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Its number.
    pub id: InstanceId,
    /// Whose replica it is.
    pub key: ServiceKey,
    /// The deployment that its process was started for.
    pub deployment: DeploymentId,
    /// The image it runs.
    pub image: ImageId,
    /// The limits it runs within.
    pub limits: Limits,
    /// Its private address.
    pub addr: Ipv4Addr,
    /// The host's process id of its init; 0 once ended.
    pub pid: u32,
    /// Where it is.
    pub phase: Phase,
    /// When it was started.
    pub started_at: Time,
    /// When it ended, if it did.
    pub exited_at: Option<Time>,
}

/// Everything needed to start an instance; nothing is left to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSpec {
    /// Its number.
    pub id: InstanceId,
    /// Whose replica it is.
    pub key: ServiceKey,
    /// The deployment that its process is started for.
    pub deployment: DeploymentId,
    /// The image it runs.
    pub image: ImageId,
    /// The command; `None` takes the image's own. `$PORT` is already replaced.
    pub argv: Option<Vec<String>>,
    /// Environment on top of the image's.
    pub env: BTreeMap<String, String>,
    /// Its limits.
    pub limits: Limits,
}

/// A project's private network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// Whose it is.
    pub project: ProjectName,
    /// The platform's address on it: gateway and name server.
    pub gateway: Ipv4Addr,
    /// Prefix length of the block that the gateway lies in.
    pub prefix: u8,
    /// Further blocks of addresses, for a project that has outgrown the first. The address after the first of each is
    /// the platform's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<AddressBlock>,
    /// The platform's address for each service; the edge listens there.
    pub vips: Vec<Vip>,
}

impl NetworkSpec {
    /// Every block of addresses on the network.
    pub fn blocks(&self) -> impl Iterator<Item = AddressBlock> {
        std::iter::once(AddressBlock::around(self.gateway, self.prefix)).chain(self.more.iter().copied())
    }
}

/// The platform's address of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vip {
    /// Which service.
    pub service: ServiceName,
    /// Its address.
    pub addr: Ipv4Addr,
    /// The port it is reached at.
    pub port: u16,
}

/// A stretch of log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogChunk {
    /// Whole lines, oldest first.
    pub lines: Vec<LogLine>,
    /// Where to go on.
    pub next: u64,
}

/// One line an instance wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was written.
    pub at: Time,
    /// Where it was written to.
    pub stream: crate::Stream,
    /// What it said, without the newline.
    pub text: String,
}

/// What can go wrong with an instance.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// No instance has this number.
    #[error("instance {0} does not exist")]
    NoSuchInstance(InstanceId),
    /// It has ended, so it can neither sleep nor wake.
    #[error("instance {0} has ended")]
    Ended(InstanceId),
    /// It needs more memory than the limit it was to get.
    #[error("it needs {needed} bytes of memory, which is more than a limit of {limit} bytes")]
    DoesNotFit {
        /// What it needs ([`Usage::needed_bytes`]).
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// The image is not in the store.
    #[error("image {0} is not in the store\n  hint: deploy the project again to rebuild it")]
    NoSuchImage(ImageId),
    /// The start command does not exist in the image or cannot be run.
    #[error("cannot run `{command}`: {why}")]
    Exec {
        /// The first word of the command.
        command: String,
        /// What the kernel said.
        why: String,
    },
    /// The host refused.
    #[error("{what}")]
    Host {
        /// What was being done.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
