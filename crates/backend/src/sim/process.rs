//! A process that is not there.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use dormouse_model::{
    Answer as Heard, Call, ExitStatus, Inspection, Phase, Process as Seen, Question, Sighting, Time,
};

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
    /// Where it listens from its start on.
    pub listens: Vec<SocketAddr>,
    /// Its command line, as it shows it.
    pub argv: Vec<String>,
    /// How long each of its workers lives; `None` when it has none.
    pub workers_live: Option<Duration>,
    /// How long its supervisor does not notice that it is frozen; `None` however long.
    pub patience: Option<Duration>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            ready_after: Some(Duration::ZERO),
            ends: None,
            obeys: true,
            listens: Vec::new(),
            argv: Vec::new(),
            workers_live: None,
            patience: None,
        }
    }
}

impl Behaviour {
    /// What a program of the conformance suite does; `None` when it cannot be run.
    pub(crate) fn of(program: Program) -> Option<Self> {
        let ends = |how| Self { ends: Some((Duration::ZERO, how)), ..Self::default() };
        match program {
            Program::Serve | Program::Web => Some(Self::default()),
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

impl Answer {
    /// What whoever asks this hears.
    #[must_use]
    pub fn to(self, asked: &Question) -> Heard {
        match (self, asked) {
            (Self::Refused, _) => Heard::Refused,
            // The kernel takes connections for one that hangs.
            (Self::Healthy | Self::Silent, Question::Connection) => Heard::Accepted,
            (Self::Healthy, Question::Http(_) | Question::Protocol(_)) => Heard::Status(200),
            (Self::Silent, Question::Http(_) | Question::Protocol(_)) => Heard::Silent,
        }
    }
}

/// An instance of the simulator.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) spec: InstanceSpec,
    pub(crate) addr: Ipv4Addr,
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
    /// The connections it has opened.
    pub(crate) calls: Vec<Call>,
    /// Since when it has worked without a pause, if it does.
    pub(crate) works: Option<Time>,
    /// Processor time of work that is over.
    pub(crate) worked: Duration,
    /// Whether bytes have arrived for it while it slept.
    pub(crate) stirred: bool,
    /// Since when it has been frozen without a break, if it is.
    pub(crate) frozen_since: Option<Time>,
}

impl Process {
    /// Awake time so far.
    pub(crate) fn awake(&self, now: Time) -> Duration {
        match self.phase {
            Phase::Running => self.ran + now.since(self.since),
            Phase::Asleep(_) | Phase::Exited(_) => self.ran,
        }
    }

    /// Processor time so far: a hundredth of the time it was awake, and all of the time it worked.
    pub(crate) fn cpu(&self, now: Time) -> Duration {
        let works = self.works.filter(|_| self.phase == Phase::Running);
        self.awake(now) / 100 + self.worked + works.map_or(Duration::ZERO, |at| now.since(at.max(self.since)))
    }

    /// Moves it to another phase.
    pub(crate) fn go(&mut self, phase: Phase, now: Time) {
        self.worked = self.cpu(now) - self.awake(now) / 100;
        self.ran = self.awake(now);
        self.since = now;
        self.frozen_since = match phase {
            Phase::Asleep(_) => self.frozen_since.or(Some(now)),
            Phase::Running | Phase::Exited(_) => None,
        };
        self.phase = phase;
        self.stirred &= matches!(phase, Phase::Asleep(_));
        if matches!(phase, Phase::Exited(_)) {
            self.exited_at = Some(now);
            self.pid = 0;
        }
    }

    /// What its supervisor makes of it that it runs again, or for a moment.
    pub(crate) fn look(&self, now: Time) -> Option<Sighting> {
        let slept = now.since(self.frozen_since?);
        let noticed = self.behaviour.patience.is_some_and(|patience| slept > patience);
        noticed.then_some(Sighting::Restarts { slept, processes: 1, done: 0, ran: Duration::ZERO })
    }

    /// When it will end by itself, and how.
    pub(crate) fn end(&self) -> Option<(Time, ExitStatus)> {
        let (after, how) = self.behaviour.ends.filter(|_| self.phase == Phase::Running)?;
        Some((self.since.after(after.saturating_sub(self.ran)), how))
    }

    /// What can be seen of it.
    pub(crate) fn inspect(&self, now: Time) -> Inspection {
        let (Phase::Running | Phase::Asleep(_)) = self.phase else { return Inspection::default() };
        let seen =
            |pid, parent| Seen { pid, parent, program: "/sim".to_owned(), argv: self.behaviour.argv.clone() };
        // Numbers of workers are never used again, and far from those of other processes.
        let generation =
            self.behaviour.workers_live.map(|life| self.awake(now).as_nanos() / life.as_nanos().max(1));
        let worker =
            generation.and_then(|n| u32::try_from(n).ok()).map(|n| seen(self.pid * 100_000 + n, self.pid));
        let processes = std::iter::once(seen(self.pid, 1)).chain(worker).collect();
        Inspection { listeners: self.behaviour.listens.clone(), processes }
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
