//! What those who wait for a new deployment are told of it.

use dormouse_model::{Cause, DeploymentId, DesiredService, End, StopReason};
use dormouse_planner::{Standing, State};

/// What became of a deployment.
#[derive(Debug)]
pub(super) enum Fate {
    Live,
    GivenUp(String),
    Replaced,
    Undecided,
}

/// What became of one that the planner has not given up.
pub(super) fn fate(
    svc: Option<&DesiredService>,
    deployment: DeploymentId,
    standing: Option<&Standing>,
    ends: &[End],
) -> Fate {
    let Some(svc) = svc else { return Fate::Replaced };
    if svc.live.as_ref().is_some_and(|live| live.id == deployment) {
        return Fate::Live;
    }
    if svc.target.id != deployment {
        return Fate::Replaced;
    }
    // It is tried again, with pauses; but whoever waits shall not wait for that.
    if let Some(why) = never_ready(svc, ends) {
        return Fate::GivenUp(why);
    }
    match standing.map(|s| (&s.state, s.deployment)) {
        Some((State::Crashed { reason }, crashed)) if crashed == deployment => Fate::GivenUp(reason.clone()),
        Some((
            State::Crashed { .. }
            | State::Starting
            | State::Ready
            | State::Running
            | State::Done
            | State::Asleep(_)
            | State::Stopped,
            _,
        ))
        | None => Fate::Undecided,
    }
}

/// Why a target with nothing older behind it is as good as failed: it had its whole start timeout, once. A crash is over
/// sooner and may be chance, so it takes a crash loop. With something older, the planner decides the same.
pub(crate) fn never_ready(svc: &DesiredService, ends: &[End]) -> Option<String> {
    if svc.live.is_some() {
        return None;
    }
    let waited = Cause::Stopped(StopReason::NeverReady);
    let end = ends.iter().rev().find(|e| e.deployment == svc.target.id && e.how == waited)?;
    Some(dormouse_planner::explain(end, &svc.target.spec))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use dormouse_model::{Demand, DeployId, Deployment, ExitStatus, ImageId, ServiceKey, Time};
    use expect_test::{Expect, expect};

    use super::*;
    use crate::store::tests::spec;

    const CRASH: Cause = Cause::Exited(ExitStatus::Code(1));
    const DEAF: Cause = Cause::Stopped(StopReason::NeverReady);

    /// The fate of deployment 2, which is the target.
    fn check(live: Option<u64>, state: State, ends: &[(u64, Cause)], expected: &Expect) {
        let key: ServiceKey = "shop/web".parse().unwrap();
        let deployment = |id| Deployment {
            id: DeploymentId(id),
            deploy: DeployId(id),
            image: ImageId("sha256:1".into()),
            spec: spec().services[&key.service].clone(),
            created_at: Time(1),
            continues: None,
        };
        let svc = DesiredService {
            target: deployment(2),
            live: live.map(deployment),
            replaced: None,
            demand: Demand::default(),
            needs: BTreeSet::new(),
            after: BTreeSet::new(),
            key: key.clone(),
        };
        let end = |(at, (id, how)): (usize, &(u64, Cause))| End {
            deployment: DeploymentId(*id),
            at: Time(at as u64),
            how: how.clone(),
            ready_for: None,
            started_at: None,
            detail: (*how == DEAF).then(|| "nothing listens\n  hint: mend it".to_owned()),
        };
        let ends: Vec<_> = ends.iter().enumerate().map(end).collect();
        let standing =
            Standing { state, deployment: DeploymentId(2), instance: None, serving: vec![], wanted: 1 };
        expected.assert_eq(&format!("{:?}", fate(Some(&svc), DeploymentId(2), Some(&standing), &ends)));
    }

    #[test]
    fn fates() {
        let deaf = || expect![[r#"GivenUp("nothing listens\n  hint: mend it")"#]];
        let open = || expect![["Undecided"]];
        let crashed = State::Crashed { reason: "exited with code 1".into() };
        check(None, State::Starting, &[], &open());
        check(None, State::Starting, &[(2, DEAF)], &deaf());
        check(None, State::Starting, &[(2, DEAF), (2, CRASH)], &deaf());
        check(None, State::Starting, &[(1, DEAF)], &open());
        check(None, State::Starting, &[(2, CRASH)], &open());
        check(None, State::Starting, &[(2, CRASH), (2, CRASH)], &open());
        check(
            None,
            crashed,
            &[(2, CRASH), (2, CRASH), (2, CRASH)],
            &expect![[r#"GivenUp("exited with code 1")"#]],
        );
        check(Some(1), State::Starting, &[(2, DEAF)], &open());
        check(Some(2), State::Starting, &[(2, DEAF)], &expect![["Live"]]);
    }
}
