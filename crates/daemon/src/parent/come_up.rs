//! From nothing, or from what another server left, to serving.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tracing::info;

use super::{LOOK, Parent, asks_to_end, ended::told, family::Stage};
use crate::{handover::Predecessor, role::Role};

/// How long a child of a successor may take for each step: to adopt some hundred apps, say.
const STEP: Duration = Duration::from_secs(120);

/// How often in a row a child may end without a word before it serves. Somebody may have killed it; but one that never comes to
/// serve would be tried for ever, and nobody would be told.
const TRIES: u32 = 5;

/// Why a server does not come up.
pub(super) enum Cut {
    /// It was told to stop.
    Stop,
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Cut {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Parent<'_> {
    /// Control first, as far as it can prove itself without touching anything; then it alone is control; then the edge,
    /// beside the one that serves. Until the end a predecessor that lives can go on as if nothing had happened.
    pub(super) fn come_up(&mut self, predecessor: &mut Predecessor) -> Result<(), Cut> {
        if predecessor.lives() {
            self.family.on_trial();
        }
        self.family.hold();
        self.family.start(Role::Control)?;
        self.until(Role::Control, Stage::Prepared, predecessor)?;
        predecessor.end_control(self.state, |process| self.family.has(process))?;
        self.family.promote(Role::Control);
        self.family.let_go();
        self.until(Role::Control, Stage::Serving, predecessor)?;
        self.family.start(Role::Edge)?;
        self.until(Role::Edge, Stage::Serving, predecessor)?;
        predecessor.done(self.state, |process| self.family.has(process))?;
        self.family.trial_is_over();
        Ok(())
    }

    /// Wait until a child has come that far. Without anybody who could go on instead, one that ends without a word
    /// is started again, a few times.
    fn until(&mut self, role: Role, stage: Stage, predecessor: &mut Predecessor) -> Result<(), Cut> {
        let deadline = Instant::now() + STEP;
        let mut silent_ends = 0;
        while self.family.stage(role) < Some(stage) {
            if !predecessor.lives() {
                self.family.restart_missing(&[Role::Control, role]);
            }
            let mut fds = self.family.lines();
            fds.extend(predecessor.line());
            let left = deadline.saturating_duration_since(Instant::now());
            let limit = if predecessor.lives() { left.min(LOOK) } else { LOOK };
            let signals = self.events.wait(&fds, Some(limit));
            drop(fds);
            if asks_to_end(&signals) {
                return Err(Cut::Stop);
            }
            predecessor.hear()?;
            if let Some((_, why)) = self.family.hear().into_iter().next() {
                return Err(Cut::Failed(anyhow!(why)));
            }
            self.family.kill_silent();
            for ended in self.family.reap() {
                if let Some(why) = ended.why {
                    return Err(Cut::Failed(anyhow!(why)));
                }
                if predecessor.lives() {
                    let why = told(ended.role, ended.how, 1);
                    return Err(Cut::Failed(anyhow!("the other server goes on: {why}")));
                }
                silent_ends += 1;
                if silent_ends >= TRIES {
                    return Err(Cut::Failed(anyhow!(told(ended.role, ended.how, silent_ends))));
                }
                info!(role = ended.role.name(), "starting it again");
            }
            if predecessor.lives() && left.is_zero() {
                return Err(Cut::Failed(anyhow!(
                    "the new {} process is not there after {} s; the other server goes on",
                    role.name(),
                    STEP.as_secs()
                )));
            }
        }
        Ok(())
    }
}
