//! A version that took the place of one that worked has to hold for some minutes, or gives the place back.

use std::{iter, time::Duration};

use dormouse_model::{
    Cause, Deployment, DeploymentId, End, InstanceId, InstanceRecord, Replaced, StopReason,
};

use crate::{backoff, end::end_of, health, view::View, words};

/// What has not kept ending for this long after it went live is kept. As long as an instance has to be ready for its
/// service's earlier ends to be forgotten.
const TRUST: Duration = Duration::from_secs(300);

/// What is to become of a version that went live a moment ago.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It has held: what it replaced is forgotten.
    Earned {
        /// The one that is live.
        deployment: DeploymentId,
    },
    /// It keeps ending, and what it replaced did not, or what was trusted before that: back to that.
    Lost {
        /// The one that is live.
        deployment: DeploymentId,
        /// The one to go back to.
        to: DeploymentId,
        /// What happened: one line, and a hint in a second one where there is one.
        why: String,
        /// Its instances that have to be stopped because they do not work, and why.
        ending: Vec<(InstanceId, StopReason)>,
    },
}

/// Whether a live version has shown that it holds, or that it does not; `None` while that is open, or long decided.
pub(crate) fn trust(view: &View<'_>) -> Option<Trust> {
    let Replaced { deployment: before, at, trusted } = view.svc.replaced.as_ref()?;
    let live = view.svc.live.as_ref()?;
    let mine = view.alive.iter().filter(|i| i.deployment == live.process());
    let ending: Vec<_> = mine.filter_map(|i| Some((*i, health::verdict(view, live, i)?))).collect();
    let mut ends = view.ends.to_vec();
    for (i, why) in &ending {
        let end = end_of(i, &live.spec, view.clock.now(), Cause::Stopped(*why));
        backoff::note_end(&mut ends, end);
    }
    let soon = |end: &End| end.at <= at.after(TRUST);
    let hopeless = |d: &Deployment| {
        let last = backoff::last(&ends, d.process())?;
        let n = backoff::count(&ends, d.process());
        // That one of several is late says little while others serve.
        let serves = |i: &&&InstanceRecord| i.deployment == d.process() && view.ready(i, d);
        let late = backoff::never_ready(last) && !view.alive.iter().any(|i| serves(&i));
        (late || n >= backoff::CRASH_LOOP).then_some((last, n))
    };
    let to = iter::once(before).chain(trusted).find(|d| hopeless(d).is_none());
    match hopeless(live).filter(|(last, _)| soon(last)).zip(to) {
        Some(((last, n), to)) => {
            let why = words::explain(last, &live.spec);
            let why = if n > 1 { words::times(&why, n) } else { why };
            let ending = ending.into_iter().map(|(i, why)| (i.id, why)).collect();
            Some(Trust::Lost { deployment: live.id, to: to.id, why, ending })
        }
        None => view.clock.passed(*at, TRUST).then_some(Trust::Earned { deployment: live.id }),
    }
}
