//! What a look into an instance shows: where it listens, and whether its workers live.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use dormouse_model::{
    Deployment, DesiredService, Inspection, InstanceRecord, Process, ServiceSpec, Time,
    server::{self, How, Program},
};

use crate::clock::Clock;

/// Listening for this long on an address that nobody reaches is no step of a start.
const ASTRAY: Duration = Duration::from_secs(10);
/// So many looks in which a worker was gone are no chance: each of them is a second or more after the last.
const LOSSES: u32 = 5;
/// The same of a server that does not listen yet: a step of its start may be a process too.
const EARLY_LOSSES: u32 = 10;
/// So long after one that its server forked was lost: what ends once may end again after about the same time.
pub(crate) const STEADY_AGAIN: Duration = Duration::from_secs(15);
/// More listeners than this are told nobody.
const MOST: usize = 8;

/// Whether an instance is of a version that went live a moment ago, and has still to show that it holds.
pub(crate) fn is_watched(svc: &DesiredService, i: &InstanceRecord) -> bool {
    svc.replaced.is_some() && svc.live.as_ref().is_some_and(|live| live.process() == i.deployment)
}

/// Whether it is a server whose children are its workers, and nothing else.
pub(crate) fn forks_workers(i: &InstanceRecord, spec: &ServiceSpec) -> bool {
    i.inside.forks || spec.health.server.is_some_and(|server| server.by.forks_workers())
}

/// Whether a process is such a server: one that always is, or was told to be.
fn forks(process: &Process) -> bool {
    let told = |word: &String| word == "--workers" || word.starts_with("--workers=");
    match server::program(&process.argv) {
        Some(Program::Http(by)) => by.forks_workers() || process.argv.iter().any(told),
        Some(Program::Other) | None => false,
    }
}

/// Take in what was seen. True when that is as good as an end: of a version that has still to show that it holds, a worker
/// has ended in the middle of a request, or time and again with nobody asking for anything. That its own server starts
/// another helps nobody who asks, nor what it remembered.
pub fn note_inspection(i: &mut InstanceRecord, svc: &DesiredService, seen: &Inspection, now: Time) -> bool {
    let mut wanted = std::iter::once(&svc.target).chain(&svc.live);
    let Some(spec) = wanted.find(|d| d.process() == i.deployment).map(|d| &d.spec) else { return false };
    let since = |at: Option<Time>| at.is_some() && at > i.inside.looked_at;
    let broke_off = since(i.traffic.broke_off);
    let again = i.inside.lost_at.is_some_and(|at| now <= at.after(STEADY_AGAIN));
    let by_itself = forks_workers(i, spec) && again && !since(i.traffic.last_client_byte);
    let mut listeners = seen.listeners.clone();
    listeners.sort_unstable_by_key(|at| (!reached(i, spec, at), *at));
    listeners.dedup();
    listeners.truncate(MOST);
    let astray = listeners.first().is_some_and(|at| !reached(i, spec, at));
    let lives = |pid: &u32| seen.processes.iter().any(|p| p.pid == *pid);
    let lost = i.inside.workers.iter().any(|(pid, parent)| !lives(pid) && lives(parent));
    let inside = &mut i.inside;
    inside.looked_at = Some(now);
    inside.listeners = listeners;
    inside.astray_since = astray.then(|| inside.astray_since.unwrap_or(now));
    inside.workers = workers(&seen.processes);
    inside.forks |= seen.processes.iter().any(forks);
    inside.losses += u32::from(lost);
    inside.lost_at = if lost { Some(now) } else { inside.lost_at };
    lost && (broke_off || by_itself) && is_watched(svc, i)
}

/// Whether a listener takes what is sent to the service's port.
fn reached(i: &InstanceRecord, spec: &ServiceSpec, at: &SocketAddr) -> bool {
    at.port() == spec.port && (at.ip().is_unspecified() || at.ip() == i.addr)
}

/// Processes that another, which is the first of its program, has started to do its work: a server's workers, but not what
/// a worker starts in turn.
fn workers(all: &[Process]) -> BTreeMap<u32, u32> {
    let find = |pid: u32| all.iter().find(|p| p.pid == pid);
    let like_parent = |p: &Process| find(p.parent).filter(|parent| parent.program == p.program);
    let worker = |p: &Process| {
        let parent = like_parent(p)?;
        like_parent(parent).is_none().then_some((p.pid, parent.pid))
    };
    all.iter().filter_map(worker).collect()
}

/// Whether what was seen says that an instance will not become ready, however long one waits.
pub(crate) fn hopeless(d: &Deployment, i: &InstanceRecord, clock: &Clock) -> bool {
    workers_die(i, &d.spec)
        || (surely_astray(d, i) && i.inside.astray_since.is_some_and(|since| clock.passed(since, ASTRAY)))
}

/// Whether it listens where its server always does, or at the right port of an address that nobody reaches. Another port
/// may be one for metrics or for debugging, opened long before the real one.
fn surely_astray(d: &Deployment, i: &InstanceRecord) -> bool {
    let usual = d.spec.health.server.and_then(|s| s.by.default_port());
    is_astray(i) && i.inside.listeners.iter().any(|at| at.port() == d.spec.port || Some(at.port()) == usual)
}

/// Whether it listens, but nowhere that its port is reached at.
pub(crate) fn is_astray(i: &InstanceRecord) -> bool {
    i.inside.astray_since.is_some()
}

/// Whether its workers keep ending while it takes connections and answers none, or before there are any: uvicorn leaves it
/// to its workers to listen. What is not known to be a server may have other children, and what answers may have some that
/// come and go, unless its server forks.
pub(crate) fn workers_die(i: &InstanceRecord, spec: &ServiceSpec) -> bool {
    if i.probe.ready_at.is_some() && !forks_workers(i, spec) {
        return false;
    }
    let takes = i.inside.listeners.iter().any(|at| reached(i, spec, at));
    let server = spec.health.server.is_some_and(|s| s.how == How::Command);
    (takes && i.inside.losses >= LOSSES) || (server && i.inside.losses >= EARLY_LOSSES)
}
