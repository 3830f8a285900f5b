//! Whom to ask whether it works, when, and what; and what the answer means.

use std::time::Duration;

use dormouse_model::{
    Answer, Ask, Deployment, Desired, DesiredService, InstanceId, InstanceRecord, Observed, Phase, Question,
    ServiceKind, ServiceSpec, Time,
};

use crate::{clock::Clock, index::Index, trial, view::View};

/// Time between two requests to what answers, but not yet well: each is a line in its log.
const ANSWERED: Duration = Duration::from_secs(1);

/// Instances whose next probe is due and what it asks, except for those a probe of which is still under way: the caller
/// knows these. Never one that sleeps, drains or has no port.
#[must_use]
pub fn probe_due(desired: &Desired, observed: &Observed, now: Time) -> Vec<(InstanceId, Question)> {
    due_with(&Index::new(desired, observed), &Clock::new(now))
}

pub(crate) fn due_with(index: &Index<'_>, clock: &Clock) -> Vec<(InstanceId, Question)> {
    let mut out = Vec::new();
    for svc in index.services() {
        let view = View::new(index, svc, clock);
        for i in &view.alive {
            let wanted = view.deployment_of(i);
            if let Some(d) = wanted.filter(|d| due(&view, d, i)) {
                out.push((i.id, question(&view, d, i)));
            }
        }
    }
    out
}

fn due(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> bool {
    let clock = view.clock;
    match (i.phase, d.spec.kind) {
        (Phase::Running, ServiceKind::Web) => {}
        (Phase::Running, ServiceKind::Worker | ServiceKind::Job)
        | (Phase::Asleep(_) | Phase::Exited(_), _) => return false,
    }
    let Some(last) = i.probe.last_at else { return true };
    if let Some(again) = trial::asked_again_at(view, i, d) {
        // In between too: a worker that ends at its second request is met by one.
        let next = last.after(ANSWERED);
        return clock.reached(if again > last { next.min(again) } else { next });
    }
    match (i.probe.ready_at, i.probe.last.and_then(Answer::status)) {
        // Right after a wake the instance has better things to do.
        (Some(_), _) => clock.passed(last.max(i.woken_at.unwrap_or(last)), d.spec.health.interval),
        (None, Some(_)) => clock.passed(last, pace(last.since(i.started_at)).max(ANSWERED)),
        (None, None) => clock.passed(last, pace(last.since(i.started_at))),
    }
}

/// Time between probes of an instance that starts, by its age: quick while somebody is likely to be watching.
fn pace(age: Duration) -> Duration {
    match age.as_secs() {
        0..5 => Duration::from_millis(100),
        5..20 => Duration::from_millis(250),
        _older => Duration::from_secs(1),
    }
}

/// What to ask now. A page is not there to be asked again and again: one that has been ready is asked for it only when
/// there is a doubt, or when its deployment is on trial.
fn question(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Question {
    let whole = d.spec.question(i.probe.speaks_http);
    let again = trial::asked_again_at(view, i, d);
    if let (Some(again), Some(last)) = (again, d.spec.health.last_question())
        && view.clock.reached(again)
    {
        return last;
    }
    let on_trial = i.probe.ready_at.is_none() || again.is_some();
    match whole {
        Question::Http(_) if !on_trial && !made_for_it(d, i) && !doubt(d, i, view.clock) => {
            Question::Connection
        }
        Question::Connection | Question::Http(_) | Question::Protocol(_) => whole,
    }
}

/// Whether what is asked is a route for just that; one that the code seems to have, and that is not there, is none.
fn made_for_it(d: &Deployment, i: &InstanceRecord) -> bool {
    let found = match &d.spec.health.ask {
        Ask::Path(_) | Ask::Connection => true,
        Ask::Auto { .. } => i.probe.status.is_none_or(|code| code < 400),
    };
    found && d.spec.health.is_made_for_it()
}

/// Whether there is any reason to think that an instance may not work although its port is open: it failed its last probe,
/// it owes somebody an answer, or it has not been heard of for so long that a hung one would be replaced.
fn doubt(d: &Deployment, i: &InstanceRecord, clock: &Clock) -> bool {
    let health = &d.spec.health;
    let heard = i.traffic.last_instance_byte.max(i.probe.last_ok);
    let asked = i.traffic.last_client_byte;
    let owes = i.traffic.in_flight > 0 || asked > heard;
    let since = heard.max(i.probe.ready_at).max(i.woken_at).unwrap_or(i.started_at);
    i.probe.failures > 0
        || (owes && clock.passed(asked.map_or(since, |at| at.max(since)), health.interval))
        || clock.passed(since, health.hang_timeout)
}

/// Take in what a probe came to. True when the instance became ready by it.
pub fn note_answer(
    i: &mut InstanceRecord,
    svc: &DesiredService,
    asked: &Question,
    answer: Answer,
    now: Time,
) -> bool {
    let mut wanted = std::iter::once(&svc.target).chain(&svc.live);
    let Some(d) = wanted.find(|d| d.process() == i.deployment) else { return false };
    // Who has been live and is ready, or was so before it was started again and has had its time, serves what else there is.
    let was_live = svc.live.as_ref().is_some_and(|live| live.process() == i.deployment);
    let late = now >= i.started_at.after(d.spec.health.start_timeout);
    let proven = was_live && (i.probe.ready_at.is_some() || late);
    let good = is_good(&d.spec, proven, asked, answer);
    let whole = d.spec.question(i.probe.speaks_http);
    let probe = &mut i.probe;
    probe.last_at = Some(now);
    probe.last = Some(answer);
    probe.status = answer.status().or(probe.status);
    if let Question::Protocol(_) = asked {
        probe.speaks_http = match answer {
            Answer::Status(_) | Answer::Loop(_) | Answer::Silent | Answer::Cut => Some(true),
            Answer::NotHttp | Answer::Accepted => Some(false),
            Answer::Refused => probe.speaks_http,
        };
    }
    match (good, asked) {
        (false, _) => {
            probe.failures = probe.failures.saturating_add(1);
            if d.spec.health.last_question().as_ref() != Some(asked) {
                probe.failed_at = Some(now);
            }
        }
        // That it listens says nothing of one that has to answer.
        (true, Question::Connection) if whole != Question::Connection => {}
        (true, _) => {
            probe.last_ok = Some(now);
            probe.failures = 0;
            if probe.ready_at.is_none() {
                probe.ready_at = Some(now);
                return true;
            }
        }
    }
    false
}

/// Whether what runs already answers as it has to.
#[must_use]
pub fn answers_well(spec: &ServiceSpec, asked: &Question, answer: Answer) -> bool {
    is_good(spec, true, asked, answer)
}

fn is_good(spec: &ServiceSpec, proven: bool, asked: &Question, answer: Answer) -> bool {
    if spec.health.last_question().as_ref() == Some(asked) {
        return match answer {
            Answer::Status(code) | Answer::Loop(code) => code < 500,
            // A script may take its time: only an error tells.
            Answer::Silent => true,
            Answer::Refused | Answer::Accepted | Answer::NotHttp | Answer::Cut => false,
        };
    }
    match (asked, answer) {
        (Question::Connection, Answer::Accepted) => true,
        // Another protocol: that it listens has to do.
        (Question::Protocol(_), Answer::NotHttp | Answer::Accepted) => true,
        (Question::Protocol(_) | Question::Http(_), Answer::Loop(_)) => match &spec.health.ask {
            Ask::Path(_) | Ask::Connection => false,
            // Whether it is to be taken for one that works, what is live decides.
            Ask::Auto { .. } => true,
        },
        (Question::Protocol(_) | Question::Http(_), Answer::Status(code)) => match &spec.health.ask {
            Ask::Path(_) | Ask::Connection => (200..400).contains(&code),
            Ask::Auto { .. } if (200..500).contains(&code) => true,
            // Whatever it promises, it is no answer.
            Ask::Auto { .. } if code < 200 => false,
            Ask::Auto { .. } if spec.health.is_made_for_it() => false,
            // A page may fail for a reason of its own.
            Ask::Auto { .. } => proven,
        },
        (
            Question::Connection,
            Answer::Refused
            | Answer::Status(_)
            | Answer::Loop(_)
            | Answer::NotHttp
            | Answer::Cut
            | Answer::Silent,
        )
        | (Question::Protocol(_), Answer::Refused | Answer::Silent | Answer::Cut)
        | (
            Question::Http(_),
            Answer::Refused | Answer::Silent | Answer::Cut | Answer::NotHttp | Answer::Accepted,
        ) => false,
    }
}
