//! Which instance takes a request, and waiting until there is one.

use std::{net::SocketAddrV4, rc::Rc, sync::Arc};

use dormouse_model::{InstanceId, ServiceKey, Target, WakeRefused};
use tokio::time::{Duration, Instant, sleep, sleep_until, timeout_at};

use crate::{
    table::{Backend, Service},
    tally::{Lease, Tally},
    turns::least_loaded,
    worker::Worker,
};

/// How long to wait for a new table between two looks at a service that has no instance to offer.
const PAUSE: Duration = Duration::from_millis(100);

/// What an instance is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A request, counted as in flight from now on.
    Request,
    /// A connection whose bytes are metered later.
    Connection,
}

/// An instance, chosen and counted.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) lease: Lease,
    pub(crate) addr: SocketAddrV4,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoInstance {
    Unknown,
    Building,
    /// It keeps ending. Why is for its owner to read: what apps write holds what was never meant for visitors.
    Crashed,
    /// It could not be built; the same holds.
    Failed,
    /// It did not become ready while the request was held.
    TimedOut,
    /// It refuses connections.
    Unreachable,
}

impl From<WakeRefused> for NoInstance {
    fn from(refused: WakeRefused) -> Self {
        match refused {
            WakeRefused::Unknown => Self::Unknown,
            WakeRefused::Crashed { .. } => Self::Crashed,
            WakeRefused::TimedOut => Self::TimedOut,
        }
    }
}

/// The search for an instance, over all attempts of one request.
#[derive(Debug)]
pub(crate) struct Hunt {
    worker: Rc<Worker>,
    key: ServiceKey,
    need: Need,
    /// Those that refused a connection since the last look at all of them.
    refused: Vec<InstanceId>,
    /// When to give up on a service that refuses; set at the first refusal.
    settle_by: Option<Instant>,
    /// When to give up on a service that does not wake; set when first held.
    hold_until: Option<Instant>,
}

enum Look {
    Found(Found),
    Wake,
    /// All have refused.
    Refused,
    No(NoInstance),
}

impl Hunt {
    pub(crate) fn new(worker: Rc<Worker>, key: ServiceKey, need: Need) -> Self {
        Self { worker, key, need, refused: Vec::new(), settle_by: None, hold_until: None }
    }

    pub(crate) fn key(&self) -> &ServiceKey {
        &self.key
    }

    /// The instance refused a connection: look for another one.
    pub(crate) fn refused(&mut self, instance: InstanceId) {
        self.refused.push(instance);
        self.settle_by.get_or_insert_with(|| Instant::now() + self.worker.settings().settle_timeout);
    }

    /// The least loaded instance that is awake. Wakes the service when none is.
    pub(crate) async fn find(&mut self) -> Result<Found, NoInstance> {
        loop {
            match self.look() {
                Look::Found(found) => return Ok(found),
                Look::No(why) => return Err(why),
                Look::Refused => self.settle().await?,
                Look::Wake => {
                    if let Some(found) = self.hold().await? {
                        return Ok(found);
                    }
                }
            }
        }
    }

    // Choosing and counting happen in one step without an await: a table that shows the instance asleep is applied
    // either before, and then it is not chosen, or after, and then it is already counted.
    fn look(&self) -> Look {
        let table = self.worker.table();
        let backends = match table.service(&self.key) {
            None => return Look::No(NoInstance::Unknown),
            Some(Service::Waiting) => return Look::Wake,
            Some(Service::Building) => return Look::No(NoInstance::Building),
            Some(Service::Crashed) => return Look::No(NoInstance::Crashed),
            Some(Service::Failed) => return Look::No(NoInstance::Failed),
            Some(Service::Ready(backends)) => backends,
        };
        let awake = backends.iter().filter(|b| !b.target.asleep);
        if let Some(found) = self.least_loaded(awake.map(|b| (&b.target, &b.tally))) {
            return Look::Found(found);
        }
        let sleeps = |b: &Backend| b.target.asleep && !self.refused.contains(&b.target.instance);
        if backends.iter().any(sleeps) { Look::Wake } else { Look::Refused }
    }

    fn least_loaded<'a>(&self, targets: impl Iterator<Item = (&'a Target, &'a Arc<Tally>)>) -> Option<Found> {
        let willing = targets.filter(|(target, _)| !self.refused.contains(&target.instance));
        let (target, tally) =
            least_loaded(willing.map(|it| (it.1.load(), it)), || self.worker.turns.next(&self.key))?;
        let lease = match self.need {
            Need::Request => Lease::request(tally),
            Need::Connection => Lease::connection(tally),
        };
        Some(Found { lease, addr: target.addr })
    }

    /// Wake the service and wait. `None` asks for another look: the table has changed, or the answer named nobody new.
    async fn hold(&mut self) -> Result<Option<Found>, NoInstance> {
        let until =
            *self.hold_until.get_or_insert_with(|| Instant::now() + self.worker.settings().hold_timeout);
        let answer = tokio::select! {
            answer = self.worker.wakes().wake(&self.key) => answer,
            () = self.table_that_answers() => return Ok(None),
            () = sleep_until(until) => return Err(NoInstance::TimedOut),
        };
        let tallied: Vec<_> = answer?.iter().map(|t| (*t, self.worker.book().tally(t.instance))).collect();
        if let Some(found) = self.least_loaded(tallied.iter().map(|(t, tally)| (t, tally))) {
            return Ok(Some(found));
        }
        // It names only instances that refused us: who decides does not know yet that they are gone.
        self.settle().await?;
        Ok(None)
    }

    /// Returns when a new table has something else to say than "wake it".
    async fn table_that_answers(&self) {
        loop {
            self.worker.next_table().await;
            match self.look() {
                Look::Wake => {}
                // What was found is let go of; the caller looks again and finds it again.
                Look::Found(_) | Look::Refused | Look::No(_) => return,
            }
        }
    }

    /// Instances refuse connections: most likely they just ended and the table does not say so yet.
    async fn settle(&mut self) -> Result<(), NoInstance> {
        let Some(by) = self.settle_by else {
            // Nothing has refused, yet there is nobody to send to: an answer without targets.
            sleep(PAUSE).await;
            return Ok(());
        };
        if Instant::now() >= by {
            return Err(NoInstance::Unreachable);
        }
        let pause = by.min(Instant::now() + PAUSE);
        // Either way it is time to look again.
        let _ = timeout_at(pause, self.worker.next_table()).await;
        self.refused.clear();
        Ok(())
    }
}
