//! A version that is to replace another has to answer what that one answered.

use dormouse_model::{
    Answer, Answered, Ask, Deployment, DesiredService, InstanceRecord, Question, Refusal, Time,
};

/// Take in the status that a probe under the name `host` was answered with, after [`crate::note_answer`]: whether the version
/// that is live answers the same request well, and what later ones are held to. True when that, `answers`, is another than
/// before.
pub fn note_status(
    i: &mut InstanceRecord,
    svc: &DesiredService,
    answers: &mut Vec<Answered>,
    (asked, host): (&Question, &str),
    answer: Answer,
    now: Time,
) -> bool {
    let Some(status) = answer.status() else { return false };
    let path = match asked {
        Question::Http(path) | Question::Protocol(path) => path,
        Question::Connection => return false,
    };
    let deployments = || std::iter::once(&svc.target).chain(&svc.live);
    let Some(d) = deployments().find(|d| d.process() == i.deployment) else { return false };
    if d.spec.health.last_question().as_ref() == Some(asked) {
        return false;
    }
    if let (Some(before), true) = (to_be_replaced(svc, d), refuses(status)) {
        let same = |a: &&Answered| a.deployment == before.process() && a.path == *path;
        i.probe.refuses = answers
            .iter()
            .find(same)
            .map(|a| Refusal { at: now, host: host.to_owned(), before: a.status })
            .or(i.probe.refuses.take());
    }
    if !(200..400).contains(&status) {
        return false;
    }
    let new = Answered { deployment: i.deployment, path: path.clone(), status };
    if answers.contains(&new) {
        return false;
    }
    let kept = |a: &Answered| {
        let replaced = svc.replaced.iter().map(|r| &r.deployment);
        deployments().chain(replaced).any(|d| d.process() == a.deployment) && a.deployment != new.deployment
    };
    answers.retain(kept);
    answers.push(new);
    true
}

/// What a deployment is to take the place of, and is compared with, unless somebody said what a good answer is.
fn to_be_replaced<'a>(svc: &'a DesiredService, d: &Deployment) -> Option<&'a Deployment> {
    match d.spec.health.ask {
        Ask::Auto { .. } => {
            svc.live.as_ref().filter(|live| live.process() != d.process() && d.id == svc.target.id)
        }
        Ask::Path(_) | Ask::Connection => None,
    }
}

/// Whether an answer says that what was asked for is not there or not for anybody: a host that it does not know (400, 421), a
/// page that is gone (404, 410). Others are meant: somebody added a login (401, 403), a page that only takes what is sent to
/// it (405), a limit (429).
fn refuses(status: u16) -> bool {
    matches!(status, 400 | 404 | 410 | 421)
}
