//! Where each service stands, for people and for the edge.

use std::{collections::BTreeMap, fmt};

use dormouse_model::{
    DeploymentId, Depth, Desired, DesiredService, InstanceId, Observed, ServiceKey, ServiceKind, Time,
};

use crate::{
    backoff, choice,
    clock::Clock,
    idle,
    index::Index,
    job,
    view::{Hold, View, asleep},
    words,
};

/// Where a service stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What can be said in one word, and why.
    pub state: State,
    /// The deployment that serves, or would.
    pub deployment: DeploymentId,
    /// An instance of it: one that takes requests, or one that is still starting.
    pub instance: Option<InstanceId>,
    /// All that take requests, also asleep, by their numbers; while one deployment replaces another, of both. Each listens on
    /// this port.
    pub serving: Vec<(InstanceId, u16)>,
    /// How many there are to be.
    pub wanted: usize,
}

/// The state of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// An instance is on its way.
    Starting,
    /// It serves.
    Ready,
    /// A job is on its way to its end.
    Running,
    /// A job has ended well.
    Done,
    /// Its instance sleeps; frozen or paged.
    Asleep(Depth),
    /// It has no process, by choice: the next request starts one.
    Stopped,
    /// It keeps ending.
    Crashed {
        /// How it ended last, one line.
        reason: String,
    },
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Ready => f.write_str("ready"),
            Self::Running => f.write_str("running"),
            Self::Done => f.write_str("done"),
            Self::Asleep(depth) => write!(f, "asleep ({})", words::depth(*depth)),
            Self::Stopped => f.write_str("stopped"),
            Self::Crashed { reason } => write!(f, "crashed: {reason}"),
        }
    }
}

/// Where each wanted service stands.
#[must_use]
pub fn standings(desired: &Desired, observed: &Observed, now: Time) -> BTreeMap<ServiceKey, Standing> {
    standings_with(&Index::new(desired, observed), &Clock::new(now))
}

pub(crate) fn standings_with<'a>(index: &'a Index<'a>, clock: &'a Clock) -> BTreeMap<ServiceKey, Standing> {
    let holds = job::holds(index, clock);
    let view = |svc: &'a DesiredService| View::new(index, svc, clock).held(holds.get(&svc.key));
    index.services().iter().map(|svc| (svc.key.clone(), standing(&view(svc)))).collect()
}

fn standing(view: &View<'_>) -> Standing {
    let choice::Serving { deployment: d, instances } = choice::serving(view);
    if view.svc.target.spec.kind == ServiceKind::Job && d.spec.kind == ServiceKind::Job {
        return job(view);
    }
    let kept = choice::keep(view, d, d.replicas());
    let first = kept.first().copied();
    let serving: Vec<_> = instances.iter().map(|(i, d)| (i.id, d.spec.port)).collect();
    let at = |state| Standing {
        state,
        deployment: d.id,
        instance: first.map(|i| i.id),
        serving: serving.clone(),
        wanted: d.replicas(),
    };
    if !instances.is_empty() {
        // They sleep together. One that is awake serves; else the lightest sleep tells.
        let depths: Option<Vec<_>> = instances.iter().map(|(i, _)| asleep(i)).collect();
        return at(depths.and_then(|all| all.into_iter().min()).map_or(State::Ready, State::Asleep));
    }
    // A newer deployment may mend what the older one cannot do.
    if view.older().is_some_and(|older| older.id == d.id) && choice::given_up(view).is_none() {
        return at(State::Starting);
    }
    if let Some(Hold::Failed(why)) = view.hold.as_ref().filter(|_| view.svc.target.id == d.id) {
        return at(State::Crashed { reason: why.clone() });
    }
    let wanted = first.is_some() || idle::needs_instance(view, d);
    match backoff::last(view.ends, d.process()) {
        // One that is not wanted any more may be tried again by the next request, but not before its back-off ends.
        Some(last)
            if backoff::count(view.ends, d.process()) >= backoff::CRASH_LOOP
                && (wanted || !backoff::over(view.ends, d.process(), view.clock)) =>
        {
            let reason = words::cause(last, &d.spec);
            at(State::Crashed { reason })
        }
        Some(_) | None if wanted => at(State::Starting),
        Some(_) | None => at(State::Stopped),
    }
}

fn job(view: &View<'_>) -> Standing {
    let d = &view.svc.target;
    let kept = choice::keep(view, d, 1).first().copied();
    let state = match (&view.hold, job::failed(view.ends, d)) {
        _ if view.promoted() || job::done(view.ends, d) => State::Done,
        (Some(Hold::Failed(why)), _) => State::Crashed { reason: why.clone() },
        (_, Some(end)) => State::Crashed { reason: words::cause(end, &d.spec) },
        (Some(Hold::Waits) | None, None) if kept.is_some() => State::Running,
        (Some(Hold::Waits) | None, None) => State::Starting,
    };
    Standing { state, deployment: d.id, instance: kept.map(|i| i.id), serving: Vec::new(), wanted: 1 }
}
