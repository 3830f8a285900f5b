//! Whom instances call by themselves, and what they work on.

use std::{net::SocketAddr, time::Duration};

use dormouse_backend::sim::{Rng, Sim};
use dormouse_model::{Call, InstanceId, Phase, Time};

/// A call to somebody who answers late, or never.
struct Asked {
    by: InstanceId,
    at: Time,
    answer_at: Option<Time>,
    answered: Option<Time>,
}

/// Work that nobody waits for.
struct Work {
    of: InstanceId,
    since: Time,
    until: Time,
}

#[derive(Default)]
pub(crate) struct Outside {
    asked: Vec<Asked>,
    work: Vec<Work>,
}

impl Outside {
    /// An instance calls somebody.
    pub(crate) fn call(&mut self, by: InstanceId, rng: &mut Rng, now: Time, sim: &Sim) {
        let takes = Duration::from_millis(rng.below(30_000));
        let answer_at = rng.chance(900).then(|| now.after(takes));
        self.asked.push(Asked { by, at: now, answer_at, answered: None });
        self.show(by, sim);
    }

    /// An instance works on something.
    pub(crate) fn work(&mut self, of: InstanceId, takes: Duration, now: Time, sim: &Sim) {
        self.work.push(Work { of, since: now, until: now.after(takes) });
        sim.set_working(of, true);
    }

    pub(crate) fn next_event(&self) -> Option<Time> {
        let answers = self.asked.iter().filter(|a| a.answered.is_none()).filter_map(|a| a.answer_at);
        answers.chain(self.work.iter().map(|w| w.until)).min()
    }

    /// Everything that is due.
    pub(crate) fn step(&mut self, now: Time, sim: &Sim) {
        let mut changed = Vec::new();
        for asked in self.asked.iter_mut().filter(|a| a.answered.is_none()) {
            if asked.answer_at.is_some_and(|at| at <= now) {
                asked.answered = Some(now);
                sim.arrive(asked.by);
                changed.push(asked.by);
            }
        }
        changed.into_iter().for_each(|by| self.show(by, sim));
        for over in self.work.extract_if(.., |w| w.until <= now).collect::<Vec<_>>() {
            sim.set_working(over.of, self.work.iter().any(|w| w.of == over.of));
        }
    }

    fn show(&self, by: InstanceId, sim: &Sim) {
        let call = |a: &Asked| Call {
            to: SocketAddr::from(([192, 0, 2, 1], 80)),
            sent: Some(a.at),
            received: a.answered,
            segments_sent: 1,
            round_trip: Duration::from_millis(1),
            awaited: false,
        };
        sim.set_calls(by, self.asked.iter().filter(|a| a.by == by).map(call).collect());
    }

    /// Everybody answers, or hangs up.
    pub(crate) fn calm_down(&mut self, now: Time, sim: &Sim) {
        self.asked.retain(|a| a.answer_at.is_some());
        for asked in &mut self.asked {
            asked.answer_at = asked.answer_at.map(|at| at.min(now));
        }
        for work in &mut self.work {
            work.until = now;
        }
        self.step(now, sim);
        crate::control::list(sim).iter().for_each(|w| self.show(w.id, sim));
    }

    /// Since when an instance has waited for its oldest answer that is to come.
    pub(crate) fn waits_since(&self, id: InstanceId) -> Option<Time> {
        self.asked.iter().filter(|a| a.by == id && a.answered.is_none()).map(|a| a.at).max()
    }

    /// Since when an instance has work to do.
    pub(crate) fn works_since(&self, id: InstanceId) -> Option<Time> {
        self.work.iter().filter(|w| w.of == id).map(|w| w.since).min()
    }
}

/// One that runs.
pub(crate) fn any_running(rng: &mut Rng, sim: &Sim) -> Option<InstanceId> {
    let all = crate::control::list(sim);
    let running: Vec<_> = all.iter().filter(|w| w.phase == Phase::Running).map(|w| w.id).collect();
    (!running.is_empty()).then(|| *rng.pick(&running))
}
