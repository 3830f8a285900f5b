//! The resolved manifest: every default filled in, every reference checked. Below the manifest reader only this is used.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{Depth, Env, HealthSpec, Origins, ProjectName, Question, ServiceName};

/// A project as it is to be: what `dormouse.toml` means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectSpec {
    /// The tenant's name, and the first label of its public host.
    pub name: ProjectName,
    /// Its services by name; never empty. Shared by all who hold them: control has several of each, most of them equal.
    pub services: BTreeMap<ServiceName, Arc<ServiceSpec>>,
}

impl ProjectSpec {
    /// The service behind `<project>.localhost`: the only public one, or the one named `frontend`, `web` or `app`,
    /// or the first public one by name. `None` when nothing is public.
    #[must_use]
    pub fn front(&self) -> Option<&ServiceSpec> {
        let public =
            || self.services.values().map(Arc::as_ref).filter(|s| s.visibility == Visibility::Public);
        ["frontend", "web", "app"]
            .iter()
            .find_map(|n| public().find(|s| s.name.as_str() == *n))
            .or_else(|| public().next())
    }
}

/// One service, resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Its name and private host name.
    pub name: ServiceName,
    /// What kind of process it is.
    pub kind: ServiceKind,
    /// Source folder relative to the manifest, `.` for the same folder; never absolute, never above it.
    pub source: String,
    /// The start command as an argument vector; `None` lets the builder detect it. `$PORT` in an argument is replaced.
    pub start: Option<Vec<String>>,
    /// The Cargo package to build, when its source folder does not say; such a source may hold several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// The file that lists what it installs, relative to its source folder, when it is not the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirements: Option<String>,
    /// Commands that install what it needs, each an argument vector, instead of what the builder would do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub install: Vec<Vec<String>>,
    /// The folder it is started in, relative to its source folder, when it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// Where some of this comes from.
    #[serde(default, skip_serializing_if = "Origins::is_empty")]
    pub origins: Origins,
    /// TCP port the process listens on, also given as `PORT`.
    pub port: u16,
    /// How readiness and liveness are asked.
    pub health: HealthSpec,
    /// Services that are woken together with this one.
    pub needs: BTreeSet<ServiceName>,
    /// Services of the same deploy that have to be there before it is started: jobs done, others ready.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub after: BTreeSet<ServiceName>,
    /// How many instances of it run side by side; at least one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub replicas: u32,
    /// Memory, cpu and process limits of each instance.
    pub limits: Limits,
    /// Environment that its manifest gives it.
    pub env: Env,
    /// What was stored for it with `dormouse env` when its deployment was made; nothing before that.
    #[serde(default, skip_serializing_if = "Env::is_empty")]
    pub stored: Env,
    /// Whether it has a public host.
    pub visibility: Visibility,
    /// When and how deeply it sleeps.
    pub sleep: SleepPolicy,
    /// How long requests in flight get to finish when an instance is stopped.
    pub stop_grace: Duration,
    /// Debian packages its image needs beyond the base.
    pub packages: BTreeSet<String>,
    /// Files and folders that are no part of its image, relative to its source folder: the folders of other services and
    /// the project's manifest below it, and files of secrets wherever they are (`../web.vars`), since links lead to them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub left_out: BTreeSet<String>,
    /// What is part of it all the same, although it is or lies in one of those.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub include: BTreeSet<String>,
    /// Further names that it has on the private network, in lower case.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<String>,
}

impl ServiceSpec {
    /// Whether a file or folder below its source folder is no part of it. A folder that holds a part is one.
    #[must_use]
    pub fn leaves_out(&self, path: &Path) -> bool {
        let is_part = |i: &String| path.starts_with(i) || Path::new(i).starts_with(path);
        self.left_out.iter().any(|out| path.starts_with(out)) && !self.include.iter().any(is_part)
    }
}

impl ServiceSpec {
    /// Starts it with the command that its builder found, unless the manifest names one; with that it is known what it is
    /// asked.
    pub fn starts(&mut self, found: Vec<String>) {
        if self.start.is_none() {
            self.health.started_by(&found);
            self.start = Some(found);
        }
    }

    /// What a probe asks of an instance that has (`Some(true)`), or has not (`Some(false)`), been found to speak HTTP.
    #[must_use]
    pub fn question(&self, speaks_http: Option<bool>) -> Question {
        self.health.question(self.port, speaks_http)
    }
}

/// The most instances that a service may have.
pub const MOST_REPLICAS: u32 = 100;

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_one(replicas: &u32) -> bool {
    *replicas == 1
}

/// What kind of process a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// Listens on a port and is routed to.
    Web,
    /// Runs without a port.
    Worker,
    /// Runs once at each deploy, to its end.
    Job,
}

/// Limits of one sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory in bytes.
    pub memory: u64,
    /// Processor time in thousandths of a core.
    pub cpu_milli: u32,
    /// Processes and threads.
    pub pids: u32,
    /// What an instance may write to files of its own, in bytes; of a build, what a phase may have on the disk.
    #[serde(default = "disk")]
    pub disk: u64,
}

/// What a service may write unless its manifest says otherwise; also of what was recorded before there was a bound.
fn disk() -> u64 {
    8 << 30
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 1 << 30, cpu_milli: 1000, pids: 512, disk: disk() }
    }
}

/// Who may reach a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// It has a public host.
    Public,
    /// Only services of the same project reach it.
    Private,
}

/// When and how deeply a service sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SleepPolicy {
    /// Idle time before sleep; `None` never sleeps by itself.
    pub after: Option<Duration>,
    /// How deep it goes.
    pub depth: Depth,
    /// What becomes of the idle time while an instance talks on an open stream.
    #[serde(default)]
    pub streams: Streams,
    /// How long an instance is kept awake by an answer that does not come, and by its own calls alone once nobody has
    /// asked it for anything.
    #[serde(default = "patience")]
    pub patience: Duration,
}

/// Whether what an instance says by itself, on the WebSockets and event streams that clients hold open, counts as use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Streams {
    /// It does: somebody reads it.
    #[default]
    Count,
    /// It does not: a page that only ticks may sleep.
    Ignore,
}

/// The default of [`SleepPolicy::patience`]: models answer within ten minutes, and most load balancers give up earlier.
const fn patience() -> Duration {
    Duration::from_secs(15 * 60)
}

impl Default for SleepPolicy {
    fn default() -> Self {
        Self {
            after: Some(Duration::from_secs(300)),
            depth: Depth::Paged,
            streams: Streams::Count,
            patience: patience(),
        }
    }
}
