//! Which instance takes a request, and waiting until there is one.

mod hold;

use std::{net::SocketAddrV4, rc::Rc, sync::Arc};

use dormouse_model::{InstanceId, ServiceKey, Target, WakeRefused};
pub(crate) use hold::{Released, hold, wake};
use tokio::time::{Duration, Instant, sleep, timeout_at};

use crate::ctx::{ActiveConnection, Backend, Ctx, InstanceStats, Service, Table, least_loaded};

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
pub(crate) struct Picked {
    pub(crate) active: ActiveConnection,
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

/// Picks an instance for one request, over all of its attempts.
#[derive(Debug)]
pub(crate) struct Picker {
    ctx: Rc<Ctx>,
    key: ServiceKey,
    need: Need,
    /// Those that refused a connection since the last look at all of them.
    refused: Vec<InstanceId>,
    /// When to give up on a service that refuses; set at the first refusal.
    settle_by: Option<Instant>,
    /// When to give up on a service that does not wake; set when first held.
    hold_until: Option<Instant>,
}

/// Why no instance takes a request as it is.
enum Nobody {
    /// Some will once they are woken.
    Asleep,
    /// All have refused.
    Refused,
    No(NoInstance),
}

impl Picker {
    pub(crate) fn new(ctx: Rc<Ctx>, key: ServiceKey, need: Need) -> Self {
        Self { ctx, key, need, refused: Vec::new(), settle_by: None, hold_until: None }
    }

    pub(crate) fn key(&self) -> &ServiceKey {
        &self.key
    }

    /// The instance refused a connection: pick another one.
    pub(crate) fn refused(&mut self, instance: InstanceId) {
        self.refused.push(instance);
        self.settle_by.get_or_insert_with(|| Instant::now() + self.ctx.settings().settle_timeout);
    }

    /// Whether another one is awake that has not refused.
    pub(crate) fn has_another_than(&self, instance: InstanceId) -> bool {
        let table = self.ctx.table();
        self.willing(&table).any(|b| !b.target.asleep && b.target.instance != instance)
    }

    /// The least loaded instance that is awake. Wakes the service when none is.
    pub(crate) async fn pick(&mut self) -> Result<Picked, NoInstance> {
        loop {
            match self.look() {
                Ok(picked) => return Ok(picked),
                Err(Nobody::No(why)) => return Err(why),
                Err(Nobody::Refused) => self.settle().await?,
                Err(Nobody::Asleep) => {
                    if let Some(picked) = self.wake().await? {
                        return Ok(picked);
                    }
                }
            }
        }
    }

    // Choosing and counting happen in one step without an await: a table that shows the instance asleep is applied
    // either before, and then it is not chosen, or after, and then it is already counted.
    fn look(&self) -> Result<Picked, Nobody> {
        let table = self.ctx.table();
        let awake = self.willing(&table).filter(|b| !b.target.asleep);
        self.least_loaded(awake.map(|b| (&b.target, &b.stats))).ok_or_else(|| self.nobody(&table))
    }

    /// Instances that have not refused.
    fn willing<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = &'a Backend> {
        let backends = match table.service(&self.key) {
            Some(Service::Ready(backends)) => backends.as_slice(),
            Some(Service::Waiting | Service::Building | Service::Crashed | Service::Failed) | None => &[],
        };
        backends.iter().filter(|b| !self.refused.contains(&b.target.instance))
    }

    /// Why nobody is awake who has not refused.
    fn nobody(&self, table: &Table) -> Nobody {
        match table.service(&self.key) {
            None => Nobody::No(NoInstance::Unknown),
            Some(Service::Building) => Nobody::No(NoInstance::Building),
            Some(Service::Crashed) => Nobody::No(NoInstance::Crashed),
            Some(Service::Failed) => Nobody::No(NoInstance::Failed),
            Some(Service::Waiting) => Nobody::Asleep,
            Some(Service::Ready(_)) if self.willing(table).next().is_some() => Nobody::Asleep,
            Some(Service::Ready(_)) => Nobody::Refused,
        }
    }

    fn least_loaded<'a>(
        &self,
        targets: impl Iterator<Item = (&'a Target, &'a Arc<InstanceStats>)>,
    ) -> Option<Picked> {
        let loads = targets.map(|it| (it.1.load(), it));
        let (target, stats) = least_loaded(loads, || self.ctx.turns().next(&self.key))?;
        let active = match self.need {
            Need::Request => ActiveConnection::request(stats),
            Need::Connection => ActiveConnection::connection(stats),
        };
        Some(Picked { active, addr: target.addr })
    }

    /// Wake the service and wait. `None` asks for another look: the table has changed, or the answer named nobody new.
    async fn wake(&mut self) -> Result<Option<Picked>, NoInstance> {
        let until = *self.hold_until.get_or_insert_with(|| Instant::now() + self.ctx.settings().hold_timeout);
        let has_news = |table: &Table| {
            let awake = self.willing(table).any(|b| !b.target.asleep);
            (awake || !matches!(self.nobody(table), Nobody::Asleep)).then_some(())
        };
        let targets = match wake(&self.ctx, &self.key, until, has_news).await? {
            Released::Shown(()) => return Ok(None),
            Released::Answered(targets) => targets,
        };
        let willing = targets.iter().filter(|t| !self.refused.contains(&t.instance));
        let counted: Vec<_> = willing.map(|t| (t, self.ctx.traffic().of(t.instance))).collect();
        if let Some(picked) = self.least_loaded(counted.iter().map(|(t, stats)| (*t, stats))) {
            return Ok(Some(picked));
        }
        // It names only instances that refused us: who decides does not know yet that they are gone.
        self.settle().await?;
        Ok(None)
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
        let _ = timeout_at(pause, self.ctx.next_table()).await;
        self.refused.clear();
        Ok(())
    }
}
