//! Everything the platform has to say of a service, and how it says it.

use std::{fmt, time::Duration};

use dormouse_backend::{Damage, HostDisk};
use dormouse_model::{Cause, DeployId, DeploymentId, ExitStatus, InstanceId, ServiceName, size};
use dormouse_planner::span;

/// Something happened to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// What a deploy brought takes the requests.
    Live { deploy: DeployId, deployment: DeploymentId },
    /// What a deploy changed holds for the process that runs.
    Applied { deploy: DeployId, deployment: DeploymentId, changed: Vec<String> },
    /// The same image in a new process, because somebody wanted that or an environment changed.
    Renewed { deploy: DeployId, deployment: DeploymentId },
    /// What a deploy brought does not work; `serves` is what goes on serving.
    Refused { deploy: DeployId, deployment: DeploymentId, why: String, serves: Option<DeployId> },
    /// What a deploy, or a restart, had brought kept ending; `to` is the deploy that is live again.
    RolledBack { deploy: DeployId, deployment: DeploymentId, why: String, to: DeployId },
    /// A deploy failed before anything of it ran.
    Failed { deploy: DeployId, why: String, serves: Option<DeployId> },
    /// An instance came to an end nobody wanted; `why` is the planner's line, `again` the time to the next start.
    Ended { how: Cause, why: String, again: Option<Duration> },
    /// A job has ended well.
    JobDone,
    /// A job has not, or was not run. It served nothing, nor did the one of `older` that was done, and is wanted again.
    JobFailed { deploy: DeployId, deployment: DeploymentId, why: String, older: Option<DeployId> },
    /// An instance is put to sleep.
    Asleep(Rest),
    /// It is ended instead, because its service sleeps without a process.
    Stopped(Rest),
    /// It could not be put to sleep.
    Sleepless { why: String },
    /// An instance that slept is awake, after this time where somebody waited.
    Woken { by: Waker, took: Option<Duration> },
    /// A service without a process has one again.
    Started { by: Waker, took: Duration },
    /// Its supervisor replaced processes after a sleep; in the planner's words.
    LostProcesses(String),
    /// It took an open page for gone after a sleep: what that means for it.
    LostPage(String),
    /// Its image was changed on the server's disk since it was built.
    ImageDamaged,
    /// A build found the kept layer of this phase changed on the server's disk.
    LayerDamaged { phase: String },
    /// The kernel killed so many of its processes, and not its first, because it reached its limit of memory, in bytes.
    Killed { processes: u64, limit: u64 },
    /// Somebody damaged what keeps its network, and it was made again.
    Repaired { damage: Damage, took: Duration },
    /// The disk of the server is nearly full, or is not any more.
    Disk(HostDisk),
    /// The database holds something of it that this release cannot read; `mark` tells it from others.
    Unreadable { mark: String, what: String },
    /// The project was taken down.
    TakenDown,
}

/// Why something may sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nobody used it for so long.
    Unused(Duration),
    /// Somebody said so.
    Told,
}

/// What something is woken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Waker {
    /// The edge holds something for it.
    Request,
    /// A person said `wake`.
    Person,
    /// A deploy looks at what runs.
    Deploy,
    /// This service was asked for, and needs it.
    Needed(ServiceName),
    /// Bytes arrived for it that did not come by way of the edge.
    Bytes,
    /// A rule of the planner's: it does not sleep any more, or has something in flight.
    Rule,
}

impl Event {
    /// What is said only once, however often it is found out: by this run of control and by the next.
    pub(super) fn once(&self, instance: Option<InstanceId>) -> Option<String> {
        match self {
            Self::Live { deployment, .. }
            | Self::Applied { deployment, .. }
            | Self::Renewed { deployment, .. } => Some(format!("live {}", deployment.0)),
            Self::Refused { deployment, .. }
            | Self::RolledBack { deployment, .. }
            | Self::JobFailed { deployment, .. } => Some(format!("refused {}", deployment.0)),
            Self::Failed { deploy, .. } => Some(format!("failed {deploy}")),
            Self::Ended { .. } | Self::JobDone => instance.map(|id| format!("ended {id}")),
            Self::Unreadable { mark, .. } => Some(format!("unreadable {mark}")),
            Self::Asleep(_)
            | Self::Stopped(_)
            | Self::Sleepless { .. }
            | Self::Woken { .. }
            | Self::Started { .. }
            | Self::LostProcesses(_)
            | Self::LostPage(_)
            | Self::ImageDamaged
            | Self::LayerDamaged { .. }
            | Self::Killed { .. }
            | Self::Repaired { .. }
            | Self::Disk(_)
            | Self::TakenDown => None,
        }
    }

    /// Whether somebody has just been let through to what it is about, and shall have the processor for himself.
    pub(super) fn can_wait(&self) -> bool {
        matches!(self, Self::Woken { .. } | Self::Started { .. })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live { deploy, .. } => write!(f, "deploy {deploy} is live"),
            Self::Applied { deploy, changed, .. } => {
                write!(f, "deploy {deploy} is live; the process goes on (changed: {})", changed.join(", "))
            }
            Self::Renewed { deploy, .. } => write!(f, "restarted: a new process of deploy {deploy} is live"),
            Self::Refused { deploy, why, serves: Some(serves), .. } if serves == deploy => {
                write!(f, "restart of deploy {deploy} refused: {why}; the old process serves on")
            }
            Self::Refused { deploy, why, serves: Some(serves), .. } => {
                write!(f, "deploy {deploy} refused: {why}; {serves} serves on")
            }
            Self::RolledBack { deploy, why, to, .. } if to == deploy => {
                write!(
                    f,
                    "deploy {deploy} kept ending after its restart: {why}; back to what ran before that"
                )
            }
            Self::RolledBack { deploy, why, to, .. } => {
                write!(f, "deploy {deploy} kept ending after it went live: {why}; back to {to}")
            }
            Self::Failed { deploy, why, serves: Some(serves) } => {
                write!(f, "deploy {deploy} failed: {why}; {serves} serves on")
            }
            Self::Refused { deploy, why, serves: None, .. } | Self::Failed { deploy, why, serves: None } => {
                write!(f, "deploy {deploy} failed: {why}")
            }
            Self::Ended { how, why, again } => {
                let done = match how {
                    Cause::Exited(ExitStatus::OutOfMemory) => "killed: ",
                    Cause::Stopped(_) => "stopped: ",
                    Cause::Exited(ExitStatus::Code(_) | ExitStatus::Signal(_) | ExitStatus::Lost)
                    | Cause::LostWorker
                    | Cause::NotStarted { .. } => "",
                };
                write!(f, "{done}{why}")?;
                again.map_or(Ok(()), |pause| write!(f, "; started again in {}", span(pause)))
            }
            Self::JobDone => f.write_str("done"),
            Self::JobFailed { deploy, why, older: Some(older), .. } if older != deploy => {
                write!(f, "failed in {deploy}: {why}; that of {older} was done")
            }
            Self::JobFailed { deploy, why, .. } => {
                write!(f, "failed in {deploy}: {why}; `dormouse restart` runs it again")
            }
            Self::Asleep(Rest::Unused(after)) => write!(f, "asleep after {} without activity", span(*after)),
            Self::Asleep(Rest::Told) => f.write_str("asleep by `dormouse sleep`"),
            Self::Stopped(Rest::Unused(after)) => {
                write!(f, "stopped after {} without activity; the next request starts it", span(*after))
            }
            Self::Stopped(Rest::Told) => {
                f.write_str("stopped by `dormouse sleep`; the next request starts it")
            }
            Self::Sleepless { why } => write!(f, "could not be put to sleep: {why}"),
            Self::Woken { by, took } => {
                write!(f, "woken{by}")?;
                took.map_or(Ok(()), |took| write!(f, " in {}", millis(took)))
            }
            Self::Started { by, took } => write!(f, "started{by} in {}", millis(*took)),
            Self::LostProcesses(what) | Self::LostPage(what) => f.write_str(what),
            Self::ImageDamaged => f.write_str(
                "files of its image were changed on the server's disk since it was built; `dormouse deploy` builds them again, and `dormouse restart` then runs on them",
            ),
            Self::LayerDamaged { phase } => write!(
                f,
                "the kept layer of the {phase} phase was changed on the server's disk since it was made; it is made again"
            ),
            Self::Killed { processes, limit } => {
                match processes {
                    1 => f.write_str("a process of it was killed")?,
                    n => write!(f, "{n} processes of it were killed")?,
                }
                let limit = size::show(*limit);
                write!(f, ": out of memory (limit {limit}); raise `memory` if that goes on")
            }
            Self::Repaired { damage, took } => {
                let what = match damage {
                    Damage::Firewall => "the firewall around its network",
                    Damage::Bridge => "the bridge of its network",
                    Damage::Route => "the route that keeps its network's addresses on this host",
                    Damage::Bandwidth => "its share of the bandwidth",
                };
                write!(f, "another program removed or changed {what}; made again in {}", millis(*took))
            }
            Self::Disk(HostDisk::Short { left, each }) => write!(
                f,
                "the server's disk is nearly full ({} are left): it may write {} more, then it hears `No space left on device`",
                size::show(*left),
                size::show(*each)
            ),
            Self::Disk(HostDisk::Enough) => f.write_str("the server's disk has room again"),
            Self::Unreadable { what, .. } => f.write_str(what),
            Self::TakenDown => f.write_str("taken down by `dormouse down`"),
        }
    }
}

impl fmt::Display for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str(" by a request"),
            Self::Person => f.write_str(" by `dormouse wake`"),
            Self::Deploy => f.write_str(" by a deploy"),
            Self::Needed(by) => write!(f, " with {by}, which needs it,"),
            Self::Bytes => f.write_str(" by bytes that arrived"),
            Self::Rule => Ok(()),
        }
    }
}

/// Times that people compare: below ten milliseconds the tenths count.
fn millis(took: Duration) -> String {
    match took.as_millis() {
        0..10 => format!("{:.1} ms", took.as_secs_f64() * 1000.0),
        ms @ 10..1000 => format!("{ms} ms"),
        _ => format!("{:.1} s", took.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use dormouse_model::StopReason;
    use expect_test::expect;

    use super::*;

    #[test]
    fn words() {
        let (deploy, deployment, old) = (DeployId(15), DeploymentId(23), DeployId(14));
        let why = || "exited with code 1 (3 times)".to_owned();
        let ended = |how, why: &str, ms: Option<u64>| Event::Ended {
            how,
            why: why.to_owned(),
            again: ms.map(Duration::from_millis),
        };
        let us = Duration::from_micros;
        let all = [
            Event::Live { deploy, deployment },
            Event::Applied { deploy, deployment, changed: vec!["sleep".to_owned(), "memory".to_owned()] },
            Event::Renewed { deploy, deployment },
            Event::Refused { deploy, deployment, why: why(), serves: Some(old) },
            Event::Refused { deploy, deployment, why: why(), serves: Some(deploy) },
            Event::Refused { deploy, deployment, why: why(), serves: None },
            Event::RolledBack { deploy, deployment, why: why(), to: old },
            Event::RolledBack { deploy, deployment, why: why(), to: deploy },
            Event::Failed { deploy, why: "no start command".to_owned(), serves: Some(old) },
            Event::Failed { deploy, why: "no start command".to_owned(), serves: None },
            ended(Cause::Exited(ExitStatus::Code(3)), "exited with code 3", Some(2000)),
            ended(Cause::Exited(ExitStatus::Signal(11)), "killed by signal 11", Some(500)),
            ended(Cause::Exited(ExitStatus::OutOfMemory), "out of memory (limit 256 MiB)", Some(60_000)),
            ended(Cause::Exited(ExitStatus::Lost), "ended while nobody was watching", None),
            ended(
                Cause::Stopped(StopReason::Hung),
                "hung for 31 s: it answers 503 to GET /health on port 8000",
                Some(500),
            ),
            ended(Cause::NotStarted { why: String::new() }, "could not be started: no such file", None),
            Event::JobDone,
            Event::JobFailed { deploy, deployment, why: why(), older: None },
            Event::JobFailed { deploy, deployment, why: why(), older: Some(deploy) },
            Event::JobFailed { deploy, deployment, why: why(), older: Some(old) },
            Event::Asleep(Rest::Unused(Duration::from_secs(300))),
            Event::Asleep(Rest::Told),
            Event::Stopped(Rest::Unused(Duration::from_secs(8))),
            Event::Stopped(Rest::Told),
            Event::Sleepless { why: "cannot freeze".to_owned() },
            Event::Woken { by: Waker::Request, took: Some(us(1240)) },
            Event::Woken { by: Waker::Person, took: Some(us(12_700)) },
            Event::Woken { by: Waker::Deploy, took: Some(us(999_999)) },
            Event::Woken { by: Waker::Needed("api".parse().unwrap()), took: Some(us(30_000)) },
            Event::Woken { by: Waker::Bytes, took: None },
            Event::Woken { by: Waker::Rule, took: None },
            Event::Started { by: Waker::Request, took: us(1_840_000) },
            Event::LostProcesses("it restarted a process after a sleep of 45 s".to_owned()),
            Event::LostPage("it took an open page for gone after a sleep of 45 s".to_owned()),
            Event::ImageDamaged,
            Event::LayerDamaged { phase: "dependencies".to_owned() },
            Event::Killed { processes: 1, limit: 256 << 20 },
            Event::Killed { processes: 3, limit: 1 << 30 },
            Event::Repaired { damage: Damage::Firewall, took: us(8_300) },
            Event::Repaired { damage: Damage::Bridge, took: us(12_700) },
            Event::Repaired { damage: Damage::Route, took: us(900) },
            Event::Repaired { damage: Damage::Bandwidth, took: us(1_100) },
            Event::Disk(HostDisk::Short { left: 300 << 20, each: 75 << 20 }),
            Event::Disk(HostDisk::Enough),
            Event::Unreadable {
                mark: "deployment 7".to_owned(),
                what: "it holds what cannot be read".to_owned(),
            },
            Event::TakenDown,
        ];
        let table: String = all
            .iter()
            .map(|e| match e.once(Some(InstanceId(7))) {
                Some(once) => format!("{e}  [{once}]\n"),
                None => format!("{e}\n"),
            })
            .collect();
        expect![[r#"
            deploy d15 is live  [live 23]
            deploy d15 is live; the process goes on (changed: sleep, memory)  [live 23]
            restarted: a new process of deploy d15 is live  [live 23]
            deploy d15 refused: exited with code 1 (3 times); d14 serves on  [refused 23]
            restart of deploy d15 refused: exited with code 1 (3 times); the old process serves on  [refused 23]
            deploy d15 failed: exited with code 1 (3 times)  [refused 23]
            deploy d15 kept ending after it went live: exited with code 1 (3 times); back to d14  [refused 23]
            deploy d15 kept ending after its restart: exited with code 1 (3 times); back to what ran before that  [refused 23]
            deploy d15 failed: no start command; d14 serves on  [failed d15]
            deploy d15 failed: no start command  [failed d15]
            exited with code 3; started again in 2 s  [ended i7]
            killed by signal 11; started again in 0.5 s  [ended i7]
            killed: out of memory (limit 256 MiB); started again in 60 s  [ended i7]
            ended while nobody was watching  [ended i7]
            stopped: hung for 31 s: it answers 503 to GET /health on port 8000; started again in 0.5 s  [ended i7]
            could not be started: no such file  [ended i7]
            done  [ended i7]
            failed in d15: exited with code 1 (3 times); `dormouse restart` runs it again  [refused 23]
            failed in d15: exited with code 1 (3 times); `dormouse restart` runs it again  [refused 23]
            failed in d15: exited with code 1 (3 times); that of d14 was done  [refused 23]
            asleep after 5 min without activity
            asleep by `dormouse sleep`
            stopped after 8 s without activity; the next request starts it
            stopped by `dormouse sleep`; the next request starts it
            could not be put to sleep: cannot freeze
            woken by a request in 1.2 ms
            woken by `dormouse wake` in 12 ms
            woken by a deploy in 999 ms
            woken with api, which needs it, in 30 ms
            woken by bytes that arrived
            woken
            started by a request in 1.8 s
            it restarted a process after a sleep of 45 s
            it took an open page for gone after a sleep of 45 s
            files of its image were changed on the server's disk since it was built; `dormouse deploy` builds them again, and `dormouse restart` then runs on them
            the kept layer of the dependencies phase was changed on the server's disk since it was made; it is made again
            a process of it was killed: out of memory (limit 256 MiB); raise `memory` if that goes on
            3 processes of it were killed: out of memory (limit 1 GiB); raise `memory` if that goes on
            another program removed or changed the firewall around its network; made again in 8.3 ms
            another program removed or changed the bridge of its network; made again in 12 ms
            another program removed or changed the route that keeps its network's addresses on this host; made again in 0.9 ms
            another program removed or changed its share of the bandwidth; made again in 1.1 ms
            the server's disk is nearly full (300 MiB are left): it may write 75 MiB more, then it hears `No space left on device`
            the server's disk has room again
            it holds what cannot be read  [unreadable deployment 7]
            taken down by `dormouse down`
        "#]].assert_eq(&table);
    }
}
