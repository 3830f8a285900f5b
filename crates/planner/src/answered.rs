//! A version that is to replace another has to answer what that one answers.

use std::{ops::Range, time::Duration};

use dormouse_model::{
    Answer, Answered, Ask, Deployment, DeploymentId, Desired, DesiredService, InstanceId, InstanceRecord,
    Observed, Phase, Question, Refusal, ServiceKind, Time,
};

use crate::view::asleep;

/// For how long what the live version answered is taken to be what it answers.
const FRESH: Duration = Duration::from_secs(10);

/// What nobody has to be asked about.
const WELL: Range<u16> = 200..400;

/// What decides between two versions if the path that the new one is asked for does not.
const FRONT: &str = "/";

/// The version that is live while a new one is on trial: what to ask it, and of whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// The deployment its process was started for.
    pub process: DeploymentId,
    /// It.
    pub deployment: Deployment,
    /// Its instance, unless it has no process.
    pub instance: Option<InstanceId>,
    /// Whether that has to be woken first.
    pub asleep: bool,
    /// What it answered last, by path.
    pub known: Vec<Answered>,
}

impl Before {
    /// What it has just answered for a path, when it was compared with a new one.
    #[must_use]
    pub fn fresh(&self, path: &str, now: Time) -> Option<&Answered> {
        self.last(path).filter(|a| a.at > Time(0) && now.since(a.at) < FRESH)
    }

    /// What it answered last for a path.
    #[must_use]
    pub fn last(&self, path: &str) -> Option<&Answered> {
        self.known.iter().find(|a| a.path == path)
    }
}

/// What a new version refuses, and the live one answers well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The path.
    pub path: String,
    /// What the new one answers.
    pub answer: Answer,
    /// The status that the live one answers with.
    pub before: u16,
    /// Whether it could not be asked anew.
    pub remembered: bool,
}

/// What came of comparing the two.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compared {
    /// What is refused, if anything is.
    pub refused: Option<Refused>,
    /// What the live version answered meanwhile.
    pub learned: Vec<Answered>,
}

/// What an instance is to replace, and is compared with where it refuses what it is asked, unless somebody said what a good
/// answer is.
#[must_use]
pub fn compared_with(desired: &Desired, observed: &Observed, id: InstanceId) -> Option<Before> {
    let i = observed.instances.get(&id)?;
    let svc = desired.services.get(&i.key)?;
    let target = &svc.target;
    if target.process() != i.deployment {
        return None;
    }
    match (&target.spec.health.ask, target.spec.kind) {
        (Ask::Auto { .. }, ServiceKind::Web) => {}
        (Ask::Auto { .. }, ServiceKind::Worker | ServiceKind::Job) | (Ask::Path(_) | Ask::Connection, _) => {
            return None;
        }
    }
    let live = svc.live.as_ref().filter(|live| live.process() != target.process())?;
    let mine = observed.of(&i.key).filter(|other| other.deployment == live.process());
    let there = |i: &&InstanceRecord| i.phase == Phase::Running || asleep(i).is_some();
    let instance =
        mine.filter(there).max_by_key(|i| (i.draining_since.is_none(), i.probe.ready_at.is_some()));
    let all = observed.answers.get(&i.key).into_iter().flatten();
    Some(Before {
        process: live.process(),
        deployment: live.clone(),
        instance: instance.map(|i| i.id),
        asleep: instance.is_some_and(|i| asleep(i).is_some()),
        known: all.filter(|a| a.deployment == live.process()).cloned().collect(),
    })
}

/// For which paths a new version is compared with the live one, in this order, when it gave this answer to what it was asked;
/// none when nothing is wrong with that. The first that the live one answers well decides. A page that a framework has of
/// itself may be turned off, and what the live one refuses as well tells nothing: then the front page does. It does so first
/// where a route was only found in the code: it may have moved, and who has no front page is held to it; and what answers it
/// well may have lost its pages.
#[must_use]
pub fn compared_by(d: &Deployment, asked: &Question, answer: Answer) -> Vec<String> {
    let (Question::Http(path) | Question::Protocol(path)) = asked else { return Vec::new() };
    if d.spec.health.last_question().as_ref() == Some(asked) {
        return Vec::new();
    }
    if !refuses(answer) {
        let front = is_well(answer) && has_front_beside(d, path);
        return front.then(|| FRONT.to_owned()).into_iter().collect();
    }
    let gone = matches!(answer.status(), Some(404 | 410));
    let own = (!(gone && is_a_frameworks(d, path))).then(|| path.clone());
    let front = (path != FRONT).then(|| FRONT.to_owned());
    match gone && is_found(d, path) {
        true => front.into_iter().chain(own).collect(),
        false => own.into_iter().chain(front).collect(),
    }
}

/// Whether a path is a route that was found in the code, by whoever read it.
fn is_found(d: &Deployment, path: &str) -> bool {
    match &d.spec.health.ask {
        Ask::Auto { route: Some(route), .. } => route == path,
        Ask::Auto { route: None, .. } | Ask::Path(_) | Ask::Connection => false,
    }
}

/// Whether it may have a front page beside such a route.
fn has_front_beside(d: &Deployment, path: &str) -> bool {
    match &d.spec.health.ask {
        Ask::Auto { route: Some(route), page } => route == path && path != FRONT && page == FRONT,
        Ask::Auto { route: None, .. } | Ask::Path(_) | Ask::Connection => false,
    }
}

/// Whether a page is one that nobody wrote.
fn is_a_frameworks(d: &Deployment, path: &str) -> bool {
    match &d.spec.health.ask {
        Ask::Auto { route: None, page } => page == path && path != FRONT,
        Ask::Auto { route: Some(_), .. } | Ask::Path(_) | Ask::Connection => false,
    }
}

/// Whether an answer says that what was asked for is not there or not for anybody: a host that it does not know (400, 421), a
/// page that is gone (404, 410) or only leads back to itself. Others are meant: somebody added a login (401, 403), a page that
/// only takes what is sent to it (405), a limit (429).
#[must_use]
pub fn refuses(answer: Answer) -> bool {
    match answer {
        Answer::Status(status) => matches!(status, 400 | 404 | 410 | 421),
        Answer::Loop(_) => true,
        Answer::Refused | Answer::Accepted | Answer::NotHttp | Answer::Cut | Answer::Silent => false,
    }
}

/// Whether what a new version says of the front page speaks against it, if the live one answers that well.
#[must_use]
pub fn fails(answer: Answer) -> bool {
    match answer {
        Answer::Status(status) if status >= 500 => true,
        Answer::Status(_) | Answer::Loop(_) => refuses(answer),
        Answer::Cut | Answer::Silent => true,
        Answer::Refused | Answer::Accepted | Answer::NotHttp => false,
    }
}

/// Whether an answer leaves nothing to be desired.
#[must_use]
pub fn is_well(answer: Answer) -> bool {
    matches!(answer, Answer::Status(code) if WELL.contains(&code))
}

/// Whether what comes after is held to this.
#[must_use]
pub fn binds(answered: &Answered) -> bool {
    WELL.contains(&answered.status) && !answered.loops
}

/// Take in the status that a probe under the name `host` was answered with, after [`crate::note_answer`], and what came of
/// comparing it: what the service's processes answered last is `answers`. True when that is another than before.
pub fn note_status(
    i: &mut InstanceRecord,
    svc: &DesiredService,
    answers: &mut Vec<Answered>,
    (asked, host): (&Question, &str),
    (answer, compared): (Answer, Compared),
    now: Time,
) -> bool {
    let Compared { refused, learned } = compared;
    note_refusal(i, refused, host, now);
    let own = || {
        let (Question::Http(path) | Question::Protocol(path)) = asked else { return None };
        let (path, loops) = (path.clone(), matches!(answer, Answer::Loop(_)));
        Some(Answered { deployment: i.deployment, path, status: answer.status()?, loops, at: Time(0) })
    };
    let deployments = || std::iter::once(&svc.target).chain(&svc.live);
    let of_last = |d: &Deployment| d.spec.health.last_question().as_ref() == Some(asked);
    let is_last = deployments().any(|d| d.process() == i.deployment && of_last(d));
    let replaced = svc.replaced.iter().map(|r| &r.deployment);
    let wanted: Vec<_> = deployments().chain(replaced).map(Deployment::process).collect();
    let mut changed = false;
    for new in learned.into_iter().chain(own().filter(|_| !is_last)) {
        if !wanted.contains(&new.deployment) {
            continue;
        }
        let same = |a: &Answered| a.deployment == new.deployment && a.path == new.path;
        match answers.iter_mut().find(|a| same(a)) {
            Some(old) => {
                changed |= (old.status, old.loops) != (new.status, new.loops);
                *old = new;
            }
            None => {
                changed = true;
                answers.retain(|a| wanted.contains(&a.deployment));
                answers.push(new);
            }
        }
    }
    changed
}

/// One that is left, or answered otherwise, in between begins anew.
fn note_refusal(i: &mut InstanceRecord, refused: Option<Refused>, host: &str, now: Time) {
    match (refused, &mut i.probe.refuses) {
        (Some(Refused { path, answer, before, remembered }), earlier) => {
            let same = |r: &&mut Refusal| r.path == path && r.answer == answer && !r.over;
            let since = earlier.as_mut().filter(same).map_or(now, |r| r.since);
            let host = host.to_owned();
            *earlier = Some(Refusal { at: now, since, over: false, host, path, answer, before, remembered });
        }
        (None, Some(earlier)) => earlier.over = true,
        (None, None) => {}
    }
}
