//! What keeps an instance awake: every rule, in one place. `docs/sleep.md` is the same list for people, and
//! `tests/tables/awake.rs` has a row for each.
//!
//! Sleeping and waking ask the same question, and without a new event its answer turns from yes to no at most once: an
//! instance cannot flap.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use dormouse_model::{
    Deployment, Desired, InstanceId, InstanceRecord, Observed, ServiceKind, SleepPolicy, Streams, Time,
};

use crate::{
    clock::Clock,
    index::Index,
    look_in,
    own::{self, Counts},
    stir,
    view::{View, asleep},
    watchdog,
};

/// What is said is over when this much time has passed without more: most apps say more than one thing.
pub(crate) const QUIET: Duration = Duration::from_secs(3);

/// The first look at what an instance does by itself comes this much before its idle time ends, or halfway through it:
/// two of them tell how busy it is, and none are taken while it is used.
const LEAD: Duration = Duration::from_secs(2);

/// What keeps an instance awake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awake {
    /// Its service does not sleep by itself.
    Always,
    /// Its supervisor would not survive a sleep with all of its processes.
    Watchdog,
    /// It would take its open pages for gone after a sleep.
    Pinger,
    /// So many requests are not answered, or not to their end.
    Requests(u32),
    /// So many calls of other services are not answered, or not to their end.
    Calls(u32),
    /// Messages on so many WebSockets are not answered.
    Messages(u32),
    /// Another service of its project works on a request, and other services have connections to it.
    Caller,
    /// It was used at this time: a client said something, or somebody wanted it awake.
    Used(Time),
    /// At this time it sent the last message or event to somebody who listens.
    Stream(Time),
    /// It waits for an answer on a connection that it opened.
    Call {
        /// To whom.
        to: SocketAddr,
        /// Since when nothing has been said on it.
        since: Time,
    },
    /// Bytes passed on a connection that it opened.
    Bytes {
        /// To or from whom.
        with: SocketAddr,
        /// When.
        at: Time,
    },
    /// It works, on so many thousandths of a processor.
    Working(u32),
    /// A thread that was begun at this time sleeps by the clock while somebody listens, and not for the app's own sake.
    Nap(Time),
    /// Somebody listens, and a word to such a one once came after so long a silence.
    Awaited(Duration),
    /// Bytes arrived for it while it slept, at this time.
    Stirred(Time),
    /// What it does by itself is about to be looked at.
    Unknown,
}

impl Awake {
    /// Whether somebody uses the instance, or wants it awake, so that nobody wonders.
    #[must_use]
    pub fn is_use(&self) -> bool {
        match self {
            Self::Always
            | Self::Watchdog
            | Self::Pinger
            | Self::Requests(_)
            | Self::Calls(_)
            | Self::Messages(_)
            | Self::Caller
            | Self::Used(_)
            | Self::Unknown => true,
            Self::Stream(_)
            | Self::Call { .. }
            | Self::Bytes { .. }
            | Self::Working(_)
            | Self::Nap(_)
            | Self::Awaited(_)
            | Self::Stirred(_) => false,
        }
    }
}

/// What is known of an instance's being awake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judged {
    /// What keeps it awake, or is to wake it; nothing when nobody uses it.
    pub(crate) awake: Option<Awake>,
    /// Whether somebody is to look at what it does by itself.
    pub(crate) look: bool,
}

impl Judged {
    fn of(awake: Option<Awake>) -> Self {
        Self { awake, look: false }
    }
}

/// What keeps an instance awake for a time.
struct Lasts {
    why: Awake,
    since: Time,
    span: Duration,
}

impl Lasts {
    fn until(&self) -> Time {
        self.since.after(self.span)
    }
}

/// What keeps the instances of wanted deployments awake, or is to wake them; those that nobody uses are left out.
#[must_use]
pub fn keeps_awake(desired: &Desired, observed: &Observed, now: Time) -> BTreeMap<InstanceId, Awake> {
    let (clock, index) = (Clock::new(now), Index::new(desired, observed));
    let mut out = BTreeMap::new();
    for svc in desired.services.values() {
        let view = View::new(&index, svc, &clock);
        for i in &view.alive {
            let wanted =
                std::iter::once(&svc.target).chain(view.older()).find(|d| d.process() == i.deployment);
            out.extend(wanted.and_then(|d| judge(&view, d, i).awake).map(|why| (i.id, why)));
        }
    }
    out
}

/// Whether an instance is to be awake, and why.
pub(crate) fn judge(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Judged {
    let (traffic, policy, clock) = (&i.traffic, &d.spec.sleep, view.clock);
    if d.spec.kind == ServiceKind::Job {
        return Judged::of(Some(Awake::Always));
    }
    if traffic.visits() > 0 {
        return Judged::of(Some(Awake::Requests(traffic.visits())));
    }
    let asked_for = traffic.last_client_byte.max(view.wake);
    let told = sent_to_sleep(view, d, asked_for);
    // Who asks a queue for work waits for ever. What a visitor waits for may be behind such a call.
    let calls = traffic.calls.max(if unfinished(i, policy, clock) { traffic.answers } else { 0 });
    if calls > 0 && (!told || view.others_serve(policy.patience)) {
        return Judged::of(Some(Awake::Calls(calls)));
    }
    let said = traffic.last_event.filter(|_| policy.streams == Streams::Count);
    let silent_since = traffic.last_client_byte.max(said);
    if traffic.messages > 0 && silent_since.is_some_and(|at| !clock.passed(at, policy.patience)) {
        return Judged::of(Some(Awake::Messages(traffic.messages)));
    }
    if let Some(why) = watchdog::allows_no_sleep(view, d, i) {
        return Judged::of(Some(why));
    }

    // Also when somebody has asked for it since: that wake may have failed, and its time be over.
    if let (Some(stir), Some(_)) = (i.stirred, asleep(i))
        && stir::is_due(stir, i, told, clock)
        && !(told && stir::is_left_over(stir, view))
    {
        return Judged::of(Some(Awake::Stirred(stir.at)));
    }
    if asleep(i).is_some()
        && let Some(work) = look_in::found(view, d, i)
    {
        return Judged::of(Some(work));
    }
    let stir = i.stirred.filter(|stir| Some(stir.at) > asked_for);
    // Whoever says `sleep` means it; but what bytes have woken since may finish what they began.
    let stir = stir.filter(|stir| !told || view.svc.demand.sleep_at <= Some(stir::since(*stir, i)));
    let after = match (d.spec.kind, policy.after) {
        _ if told => None,
        (ServiceKind::Web, Some(after)) => Some(after),
        (ServiceKind::Web, None) | (ServiceKind::Worker | ServiceKind::Job, _) => {
            return Judged::of(Some(Awake::Always));
        }
    };

    // Between services only bytes are seen, so an answer that pauses looks like one that has ended. Nobody is woken for
    // it: what sleeps has nothing to say.
    let said_last = traffic.last_client_byte.max(traffic.last_instance_byte);
    if after.is_some()
        && asleep(i).is_none()
        && traffic.private > 0
        && view.others_work()
        && said_last.is_some_and(|at| !clock.passed(at, policy.patience))
    {
        return Judged::of(Some(Awake::Caller));
    }

    let began = i.probe.ready_at.unwrap_or(i.started_at);
    // A wake for mere bytes is no use: otherwise a peer that chatters would hold it awake for ever.
    let woken = i.woken_at.filter(|at| stir.is_none_or(|stir| stir.at > *at));
    let used = asked_for.max(woken).unwrap_or(began).max(began);
    let hoped = asked_for.max(said).zip(look_in::hopes_until(i, policy)).zip(look_in::silence(i));
    let lasting = [
        after.map(|after| Lasts { why: Awake::Used(used), since: used, span: after }),
        said.zip(after).map(|(at, after)| Lasts {
            why: Awake::Stream(at),
            since: at,
            span: after.max(QUIET),
        }),
        hoped.filter(|_| after.is_some() && asleep(i).is_none()).map(|((since, until), silence)| Lasts {
            why: Awake::Awaited(silence),
            since,
            span: (silence + silence / 2).min(until.since(since)),
        }),
        stir.filter(|_| asleep(i).is_none()).map(|stir| Lasts {
            why: Awake::Stirred(stir.at),
            since: stir::since(stir, i),
            span: QUIET,
        }),
    ];
    let lasting = || lasting.iter().flatten();
    let Some(longest) = lasting().max_by_key(|l| l.until()) else { return Judged::of(None) };
    let awake = lasting().find(|l| !clock.reached(l.until())).map(|l| l.why);
    if asleep(i).is_some() || !clock.reached(longest.until().before(LEAD.min(longest.span / 2))) {
        return Judged::of(awake);
    }
    let counts = Counts {
        calls: after.filter(|_| !clock.passed(used.max(said.unwrap_or(used)), policy.patience)),
        patience: policy.patience,
        answered: view.others_answer(),
        bytes_since: stir.filter(|stir| !told && stir::may_be_noisy(*stir)).map(|stir| stir::since(stir, i)),
    };
    let own = own::judge(i, counts, clock);
    Judged { awake: awake.or(own.awake), ..own }
}

/// Whether an answer to another service has begun and not ended. Who listens for ever holds nobody awake for ever: it counts
/// from what was last asked.
pub(crate) fn unfinished(i: &InstanceRecord, policy: &SleepPolicy, clock: &Clock) -> bool {
    let asked = i.traffic.last_client_byte;
    i.traffic.answers > 0 && asked.is_some_and(|at| !clock.passed(at, policy.patience))
}

/// Whether somebody said `sleep`, and nothing has asked for the service since.
pub(crate) fn sent_to_sleep(view: &View<'_>, d: &Deployment, asked_for: Option<Time>) -> bool {
    view.svc.demand.sleep_at.is_some_and(|at| at > asked_for.unwrap_or(d.created_at).max(d.created_at))
}

/// Whether a service is to sleep because somebody said so, and not for want of use.
#[must_use]
pub fn told_to_sleep(desired: &Desired, observed: &Observed, i: &InstanceRecord, now: Time) -> bool {
    let (clock, index) = (Clock::new(now), Index::of_project(desired, observed, &i.key.project));
    let Some(svc) = desired.services.get(&i.key) else { return false };
    let view = View::new(&index, svc, &clock);
    let asked_for = i.traffic.last_client_byte.max(view.wake);
    let d = std::iter::once(&svc.target).chain(view.older()).find(|d| d.process() == i.deployment);
    d.is_some_and(|d| sent_to_sleep(&view, d, asked_for))
}
