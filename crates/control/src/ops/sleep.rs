//! `dormouse sleep`.

use std::time::Duration;

use dormouse_backend::{Builds, Workloads};
use dormouse_model::{Depth, InstanceRecord, Phase, ServiceKey, Time};
use dormouse_planner::Awake;
use tokio::time::Instant;

use crate::{Control, OpError, state::State};

/// Time to fall asleep: the edge's confirmation, the freezing and the page-out.
const LIMIT: Duration = Duration::from_secs(15);
/// Time a request gets to be answered before the service is called busy.
const BUSY: Duration = Duration::from_secs(4);
/// Time between two commands to those that are awake still: their own services may have asked them something meanwhile,
/// which is no reason once these sleep.
const AGAIN: Duration = Duration::from_secs(1);

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Put a service, or all of a project, to sleep now; done once all are asleep. The next request wakes them.
    ///
    /// # Errors
    /// When one is not known, or stays awake because it is busy.
    pub async fn sleep_all(&self, project: &str, service: Option<&str>) -> Result<Vec<ServiceKey>, OpError> {
        let keys = self.without_jobs(self.keys(project, service).await?, service.is_some()).await?;
        let begun = Instant::now();
        let mut send = keys.clone();
        loop {
            self.call(move |state| send.iter().for_each(|key| send_to_sleep(state, key))).await?;
            self.store.flush().await?;
            let wanted = keys.clone();
            let all = move |state: &State| wanted.iter().all(|k| slept(state, k, true)).then_some(());
            if self.until(AGAIN, all).await?.is_some() {
                return Ok(keys);
            }
            let wanted = keys.clone();
            let awake = self.call(move |state| {
                let awake = wanted.into_iter().filter_map(|key| kept_awake(state, key));
                awake.collect::<Vec<_>>()
            });
            let awake = awake.await?;
            let late = |busy: bool| begun.elapsed() >= if busy { BUSY } else { LIMIT };
            if let Some((key, why, _)) = awake.iter().find(|(.., busy)| late(*busy)) {
                return Err(OpError::StaysAwake { key: key.clone(), why: why.clone() });
            }
            if late(false) {
                // They sleep, if not as deeply as they will.
                return Ok(keys);
            }
            send = awake.into_iter().map(|(key, ..)| key).collect();
        }
    }
}

fn send_to_sleep(state: &mut State, key: &ServiceKey) {
    let now = state.clock.now();
    // Later than everything that has asked for it so far, also in the same millisecond.
    let asked = asked_for(state, key);
    let bytes = state.observed.of(key);
    let used = bytes.filter_map(|i| i.traffic.last_client_byte).max();
    let after = |t: Time| Time(t.0 + 1);
    let at = [Some(now), asked.map(after), used.map(after)].into_iter().flatten().max().unwrap_or(now);
    if let Some(svc) = state.desired.services.get_mut(key) {
        svc.demand.sleep_at = Some(at);
        state.save_demand(key);
    }
}

/// When a service was last asked for, or one that needs it.
fn asked_for(state: &State, key: &ServiceKey) -> Option<Time> {
    let wakes = state.desired.services.values().filter(|s| s.key == *key || s.needs.contains(key));
    wakes.filter_map(|s| s.demand.wake_at).max()
}

/// Whether nothing of it runs, and nobody waits for it; `fully` also asks for the depth it is to reach.
fn slept(state: &State, key: &ServiceKey, fully: bool) -> bool {
    let Some(svc) = state.desired.services.get(key) else { return true };
    if asked_for(state, key).is_some_and(|at| svc.demand.sleep_at.is_none_or(|slept| at >= slept)) {
        return false;
    }
    let depth = match state.desired.depths.reached(svc.target.spec.sleep.depth) {
        Some(Depth::Paged) => Depth::Paged,
        Some(Depth::Frozen | Depth::Stopped) | None => Depth::Frozen,
    };
    state.observed.of(key).all(|i| match i.phase {
        Phase::Running => false,
        Phase::Asleep(reached) => !fully || reached >= depth,
        Phase::Exited(_) => true,
    })
}

/// What keeps it awake, and whether that is somebody who waits for an answer.
fn kept_awake(state: &State, key: ServiceKey) -> Option<(ServiceKey, String, bool)> {
    if slept(state, &key, false) {
        return None;
    }
    let mine = || state.observed.of(&key);
    let keeps = dormouse_planner::keeps_awake(&state.desired, &state.observed, state.clock.now());
    let starting = mine().any(|i| i.probe.ready_at.is_none());
    let busy = |what: &str, n: u32| match n {
        1 => format!("it is busy with a {what}\n  hint: it sleeps as soon as that is answered"),
        n => format!("it is busy with {n} {what}s\n  hint: it sleeps as soon as they are answered"),
    };
    let busy = mine().find_map(|i| match keeps.get(&i.id) {
        Some(Awake::Requests(n)) => Some(busy("request", *n)),
        Some(Awake::Messages(n)) => Some(busy("message", *n)),
        Some(Awake::Calls(n)) => Some(busy("call", *n)),
        Some(
            Awake::Always
            | Awake::Host
            | Awake::Watchdog
            | Awake::Pinger
            | Awake::Caller
            | Awake::Used(_)
            | Awake::Stream(_)
            | Awake::Call { .. }
            | Awake::Bytes { .. }
            | Awake::Working(_)
            | Awake::Nap(_)
            | Awake::Awaited(_)
            | Awake::Stirred(_)
            | Awake::Unknown,
        )
        | None => None,
    });
    let waits = busy.is_some();
    let notices = |i: &InstanceRecord| matches!(keeps.get(&i.id), Some(Awake::Watchdog | Awake::Pinger));
    let watchdog = state.watchdog(&key).filter(|_| mine().any(notices));
    let host = mine().any(|i| keeps.get(&i.id) == Some(&Awake::Host)).then(|| {
        "this host has no sleep that keeps its memory\n  hint: sleep = { depth = \"stopped\" } in the manifest has it sleep without"
            .to_owned()
    });
    let why =
        busy.or(watchdog).or(host).or_else(|| under_way(state, &key)).unwrap_or_else(|| match starting {
            true => "it is still starting".to_owned(),
            false => "something used it again at once, or the edge did not confirm".to_owned(),
        });
    Some((key, why, waits))
}

/// What is being done to it that keeps a process of it awake.
fn under_way(state: &State, key: &ServiceKey) -> Option<String> {
    let svc = state.desired.services.get(key)?;
    let (project, deploy) = (&key.project, svc.target.deploy);
    let later = "`dormouse ps` shows when that is done; then it can sleep";
    let coming = state.projects.get(project).and_then(|p| p.coming.as_ref()).map(|c| c.id);
    match &svc.live {
        Some(live) if live.id == svc.target.id => {
            let mut mine = state.observed.of(key);
            let ending = mine.any(|i| i.draining_since.is_some() && i.phase == Phase::Running);
            ending.then(|| format!("the process before it has not ended yet\n  hint: {later}"))
        }
        Some(live) if live.deploy == deploy => {
            Some(format!("it is being restarted, or given other variables\n  hint: {later}"))
        }
        _ if coming == Some(deploy) => Some(format!(
            "{deploy} is on its way\n  hint: {later}; `dormouse cancel {project}` ends the deploy"
        )),
        Some(_) => Some(format!("{deploy} is on its way\n  hint: {later}")),
        None => None,
    }
}
