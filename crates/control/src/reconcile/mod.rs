//! The one task that owns the state: hears what happened, asks the planner what is to be done, has it done, and tells
//! the edge.

mod act;
mod adopt;
mod compare;
mod done;
mod fate;
mod hear;
mod inventory;
mod message;
mod not_later;
mod old_logs;
mod probe;
mod quarantine;
mod rollout;
mod rounds;
mod seal;
mod table;
mod tail;
mod unreadable;
mod waiters;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    future::Future,
    sync::Arc,
    time::Duration,
};

use dormouse_backend::{WorkloadEvent, Workloads};
use dormouse_model::{InstanceId, ProjectName, RouteTable, ServiceKey, Time};
use dormouse_planner::{Action, Edges, Subject};
pub(crate) use fate::never_ready;
pub(crate) use message::{Msg, OfEdge, WakeReply};
pub(crate) use probe::ask;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{AbortHandle, JoinSet},
    time::Instant,
};

use crate::{clock::until, events::Waker, state::State};

/// Until every edge has told what it carries, or this time has passed, nothing is put to sleep or drained:
/// an instance without known traffic looks idle.
const TRUST: Duration = Duration::from_secs(5);

/// What has not failed for this long after its pause begins anew when it does.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Wake,
    Start,
    Look,
    Sleep,
    Stop,
    Remove,
    Limit,
}

/// Something being done to a subject.
#[derive(Debug)]
struct Work {
    number: u64,
    kind: Kind,
}

/// A subject that failed: not tried again before `until`.
#[derive(Debug, Default)]
struct Held {
    until: Time,
    failures: u32,
}

/// What to do about a service that ended, by its last lines.
pub(crate) type Advice = Arc<dyn Fn(&[String]) -> Option<String> + Send + Sync>;

/// The reconciler.
pub(crate) struct Reconciler<W> {
    pub(crate) state: State,
    workloads: Arc<W>,
    /// What to do about last lines that tell ([`dormouse_backend::Builds::advice`]).
    advice: Advice,
    inbox: mpsc::UnboundedReceiver<Msg>,
    /// Who wants to know whether we still take turns.
    pulses: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    outbox: mpsc::UnboundedSender<Msg>,
    events: mpsc::UnboundedReceiver<WorkloadEvent>,
    tables: watch::Sender<Arc<RouteTable>>,
    /// Told after every turn in which something may have changed by itself.
    turns: watch::Sender<()>,
    moved: bool,
    /// Ends with the reconciler.
    tasks: JoinSet<()>,
    works: u64,
    busy: HashMap<Subject, Work>,
    /// Sleeps that a wake has cut into and that have not returned yet.
    cut: BTreeSet<InstanceId>,
    held: HashMap<Subject, Held>,
    rounds: rounds::Rounds,
    /// Instances being started.
    starting: BTreeSet<InstanceId>,
    /// Exits heard of before their start returned.
    early_exits: BTreeSet<InstanceId>,
    /// Projects whose network is known to be as it should.
    networks: BTreeSet<ProjectName>,
    seals: BTreeMap<InstanceId, seal::Seal>,
    probes: HashMap<InstanceId, AbortHandle>,
    /// Instances being looked into.
    looks: BTreeSet<InstanceId>,
    waiters: Vec<waiters::Waiter>,
    /// Services that were asked for while not awake.
    asked: BTreeMap<ServiceKey, waiters::Asked>,
    /// Instances that have just been woken, and for what if nobody has asked for them; that is yet to be told.
    woke: BTreeMap<InstanceId, (ServiceKey, Waker)>,
    /// What they have confirmed and carried.
    edges: Edges,
    /// From when on the traffic known is to be believed; the past once every edge has told.
    trust_at: Instant,
    /// Services whose last words are being read.
    tails: BTreeMap<ServiceKey, InstanceId>,
}

impl<W: Workloads> Reconciler<W> {
    /// Run until `shutdown`. Instances go on without us.
    pub(crate) async fn run(&mut self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            // While more and more is heard nobody comes to the tasks below, and what has ended keeps its memory until it is taken.
            while self.tasks.try_join_next().is_some() {}
            let wait = self.turn();
            let timer = async {
                match wait {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::pin!(timer);
            // Whether we are there is asked often, and no reason to plan.
            while tokio::select! {
                biased;
                () = &mut shutdown => {
                    self.state.save_uses();
                    return;
                }
                Some(asked) = self.pulses.recv() => {
                    // Who asked may have left.
                    let _ = asked.send(());
                    true
                }
                Some(msg) = self.inbox.recv() => {
                    self.hear(msg);
                    while let Ok(msg) = self.inbox.try_recv() {
                        self.hear(msg);
                    }
                    false
                }
                Some(event) = self.events.recv() => { self.hear(Msg::Happened(event)); false }
                // What came of it was heard before it ended.
                Some(_) = self.tasks.join_next() => true,
                () = &mut timer => { self.moved = true; false }
            } {}
        }
    }

    /// Plan, begin what is to be done, tell the edge, and say when to look again although nothing happens.
    fn turn(&mut self) -> Option<Instant> {
        let now = loop {
            let now = self.state.clock.now();
            self.expire_seals(now);
            self.ask_on();
            self.survey(now);
            let plan = self.rounds.actions();
            self.break_seals(&plan);
            let mut again = false;
            for action in plan {
                again |= self.begin(action, now);
            }
            if again {
                continue;
            }
            self.probe();
            self.inspect();
            // Seals are shown too.
            self.survey(now);
            self.publish();
            // A seal on what the edge already treats as asleep is confirmed at once.
            if !self.set_seals() {
                break now;
            }
        };
        self.answer_waiters();
        self.follow_rollouts(now);
        self.finish_removals();
        self.take_out_numbers();
        if std::mem::take(&mut self.moved) {
            self.turns.send_replace(());
        }
        self.wait(now)
    }

    /// When something will be different although nothing happens.
    fn wait(&mut self, now: Time) -> Option<Instant> {
        // Rollouts may just have changed something.
        self.survey(now);
        let held = self.held.values().map(|h| h.until).filter(|at| *at > now);
        let soon = self.rounds.next().into_iter().chain(held).min().map(|at| Instant::now() + until(now, at));
        let trust = (!self.trusts()).then_some(self.trust_at);
        let seals = self.seals.values().map(seal::Seal::expires);
        let waiters = self.waiters.iter().map(|w| w.deadline);
        soon.into_iter().chain(trust).chain(seals).chain(waiters).chain(self.settled_until()).min()
    }

    fn trusts(&self) -> bool {
        Instant::now() >= self.trust_at
    }

    /// Whether an action rests on knowing the traffic.
    fn rests_on_traffic(action: &Action) -> bool {
        match action {
            Action::Stop { why, .. } => !why.counts(),
            Action::Drain { .. } | Action::Look { .. } | Action::Sleep { .. } => true,
            Action::Wake { .. }
            | Action::DarkWake { .. }
            | Action::Start { .. }
            | Action::Promote { .. }
            | Action::Fail { .. }
            | Action::RollBack { .. }
            | Action::Settle { .. }
            | Action::SetLimits { .. }
            | Action::Remove { .. } => false,
        }
    }

    /// Not again before `pause`, which doubles with every failure up to a minute.
    fn hold(&mut self, subject: Subject, pause: Duration) {
        let now = self.state.clock.now();
        // What failed long ago, and may be gone since, is no reason for a longer pause any more.
        self.held.retain(|_, held| held.until.after(FORGOTTEN) > now);
        let held = self.held.entry(subject).or_default();
        let pause = pause.saturating_mul(1 << held.failures.min(10)).min(Duration::from_secs(60));
        held.failures += 1;
        held.until = now.after(pause);
    }

    fn is_held(&self, subject: &Subject, now: Time) -> bool {
        self.held.get(subject).is_some_and(|h| h.until > now)
    }

    /// Have something done; what comes of it is heard as [`Msg::Done`].
    fn work(
        &mut self,
        subject: Subject,
        kind: Kind,
        doing: impl Future<Output = message::Outcome> + Send + 'static,
    ) {
        self.works += 1;
        let number = self.works;
        self.busy.insert(subject.clone(), Work { number, kind });
        let outbox = self.outbox.clone();
        self.tasks.spawn(async move {
            let outcome = doing.await;
            // Nobody listens any more when control ends.
            drop(outbox.send(Msg::Done { subject, number, outcome }));
        });
    }
}
