//! A process that is not there.

use std::time::Duration;

use dormouse_model::{ExitStatus, Phase, Time};

use crate::{InstanceSpec, conformance::Program};

/// How the instances of a deployment behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// Awake time until it answers its probe; `None` never.
    pub ready_after: Option<Duration>,
    /// Awake time until it ends by itself, and how; `None` never.
    pub ends: Option<(Duration, ExitStatus)>,
    /// Whether it ends when asked to; otherwise it has to be killed.
    pub obeys: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { ready_after: Some(Duration::ZERO), ends: None, obeys: true }
    }
}

impl Behaviour {
    /// What a program of the conformance suite does; `None` when it cannot be run.
    pub(crate) fn of(program: Program) -> Option<Self> {
        let ends = |how| Self { ends: Some((Duration::ZERO, how)), ..Self::default() };
        match program {
            Program::Serve => Some(Self::default()),
            Program::Exit => Some(ends(ExitStatus::Code(3))),
            Program::Stubborn => Some(Self { obeys: false, ..Self::default() }),
            Program::Greedy => Some(ends(ExitStatus::OutOfMemory)),
            Program::Missing => None,
        }
    }
}

/// What is wrong with an instance that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It answers nothing, and does not end when asked to.
    Hung,
    /// It listens no more.
    Deaf,
}

/// What a probe gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is healthy.
    Healthy,
    /// Nobody listens.
    Refused,
    /// Nobody answers.
    Silent,
}

/// An instance of the simulator.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) spec: InstanceSpec,
    pub(crate) pid: u32,
    pub(crate) phase: Phase,
    pub(crate) started_at: Time,
    pub(crate) exited_at: Option<Time>,
    pub(crate) behaviour: Behaviour,
    pub(crate) trouble: Option<Trouble>,
    /// Awake time before `since`.
    pub(crate) ran: Duration,
    /// Since when it has been in its phase.
    pub(crate) since: Time,
}

impl Process {
    /// Awake time so far.
    pub(crate) fn awake(&self, now: Time) -> Duration {
        match self.phase {
            Phase::Running => self.ran + now.since(self.since),
            Phase::Asleep(_) | Phase::Exited(_) => self.ran,
        }
    }

    /// Moves it to another phase.
    pub(crate) fn go(&mut self, phase: Phase, now: Time) {
        self.ran = self.awake(now);
        self.since = now;
        self.phase = phase;
        if matches!(phase, Phase::Exited(_)) {
            self.exited_at = Some(now);
            self.pid = 0;
        }
    }

    /// When it will end by itself, and how.
    pub(crate) fn end(&self) -> Option<(Time, ExitStatus)> {
        let (after, how) = self.behaviour.ends.filter(|_| self.phase == Phase::Running)?;
        Some((self.since.after(after.saturating_sub(self.ran)), how))
    }

    /// What a probe gets.
    pub(crate) fn answer(&self, now: Time) -> Answer {
        match self.phase {
            Phase::Exited(_) => Answer::Refused,
            Phase::Asleep(_) => Answer::Silent,
            Phase::Running if self.trouble == Some(Trouble::Hung) => Answer::Silent,
            Phase::Running if self.trouble == Some(Trouble::Deaf) => Answer::Refused,
            Phase::Running if self.behaviour.ready_after.is_some_and(|d| self.awake(now) >= d) => {
                Answer::Healthy
            }
            Phase::Running => Answer::Refused,
        }
    }
}
