//! What came of an action.

use std::{net::Ipv4Addr, time::Duration};

use dormouse_backend::{Ended, Moment, WorkloadError, Workloads};
use dormouse_model::{
    Activity, Cause, DeploymentId, Depth, End, ExitStatus, InstanceId, InstanceRecord, Limits, Phase, Probe,
    ServiceKey, ServiceKind, Time, WORKS, Worked,
};
use dormouse_planner::Subject;
use tracing::{debug, warn};

use super::{
    Msg, Reconciler,
    message::{Outcome, Starting},
};
use crate::{
    error::{chain, first_line},
    events::{Event, Waker},
    state::State,
};

impl<W: Workloads> Reconciler<W> {
    pub(super) fn done(&mut self, subject: Subject, number: u64, outcome: Outcome) {
        let current = self.busy.get(&subject).is_some_and(|work| work.number == number);
        if !current {
            self.cut_short(&subject, &outcome);
            return;
        }
        self.busy.remove(&subject);
        let id = match &subject {
            Subject::Instance(id) | Subject::Limits(id) => Some(*id),
            Subject::Deployment(..) => None,
        };
        match (outcome, id) {
            (Outcome::Started { started, result }, _) => self.started(subject, started, result),
            (Outcome::Woken(result), Some(id)) => self.woken(subject, id, result),
            (Outcome::Looked(result), Some(id)) => self.looked(subject, id, result),
            (Outcome::Slept(result), Some(id)) => self.slept(subject, id, result),
            (Outcome::LookedIn(result), Some(id)) => self.looked_in(subject, id, result),
            (Outcome::Stopped(result), Some(id)) => self.stopped(subject, id, result),
            (Outcome::Removed(result), Some(id)) => self.removed(subject, id, result),
            (Outcome::Limited { limits, result }, Some(id)) => self.limited(subject, id, limits, result),
            (
                Outcome::Woken(_)
                | Outcome::Looked(_)
                | Outcome::Slept(_)
                | Outcome::LookedIn(_)
                | Outcome::Stopped(_)
                | Outcome::Removed(_)
                | Outcome::Limited { .. },
                None,
            ) => {}
        }
    }

    /// A sleep that a wake cut into has returned. Should it have frozen the instance after the wake, wake it again.
    fn cut_short(&mut self, subject: &Subject, outcome: &Outcome) {
        let Subject::Instance(id) = *subject else { return };
        if !self.cut.remove(&id) || !matches!(outcome, Outcome::Slept(Ok(_)) | Outcome::LookedIn(Ok(_))) {
            return;
        }
        let running = self.state.observed.instances.get(&id).is_some_and(|r| r.phase == Phase::Running);
        if running && !self.busy.contains_key(subject) {
            self.make_sure_it_runs(id);
        }
    }

    fn make_sure_it_runs(&mut self, id: InstanceId) {
        let workloads = self.workloads.clone();
        self.tasks.spawn(async move {
            if let Err(error) = workloads.wake(id).await {
                debug!(%id, error = %chain(&error), "cannot make sure that it runs");
            }
        });
    }

    fn started(&mut self, subject: Subject, started: Starting, result: Result<Ipv4Addr, WorkloadError>) {
        let Starting { id, key, deployment, limits } = started;
        self.starting.remove(&id);
        let now = self.state.clock.now();
        let addr = match result {
            Ok(addr) => addr,
            Err(error) => {
                warn!(%key, %id, error = %chain(&error), "did not start");
                let how = Cause::NotStarted { why: self.why_not_started(&key, deployment, &error) };
                let end = End { deployment, at: now, how, ready_for: None, started_at: None, detail: None };
                self.networks.remove(&key.project);
                self.early_exits.remove(&id);
                self.keep_end(&key, end, id);
                self.state.log_tails.remove(&key);
                return;
            }
        };
        self.held.remove(&subject);
        self.networks.insert(key.project.clone());
        let speaks_http = self.state.speaks_http(&key, deployment);
        let record = InstanceRecord {
            id,
            key,
            deployment,
            limits,
            addr,
            phase: Phase::Running,
            started_at: now,
            woken_at: None,
            slept_at: None,
            asleep_since: None,
            worked: None,
            draining_since: None,
            exited_at: None,
            probe: Probe { speaks_http, ..Probe::default() },
            traffic: dormouse_model::Traffic::default(),
            inside: dormouse_model::Inside::default(),
            activity: None,
            earlier: None,
            beats: None,
            silence: None,
            stirred: None,
        };
        self.state.observed.instances.insert(id, record);
        if self.early_exits.remove(&id) {
            self.list();
        }
    }

    /// With what to do about it, when it is the command that cannot be run.
    fn why_not_started(&self, key: &ServiceKey, deployment: DeploymentId, error: &WorkloadError) -> String {
        match error {
            WorkloadError::Exec { command, why } => {
                let wanted = self.state.wanted(key, deployment);
                let origin = wanted.and_then(|d| d.spec.origins.start.as_ref());
                format!("{error}\n  hint: {}", dormouse_model::exec::advice(command, why, origin))
            }
            WorkloadError::NoSuchInstance(_)
            | WorkloadError::Ended(_)
            | WorkloadError::DoesNotFit { .. }
            | WorkloadError::NoSuchImage(_)
            | WorkloadError::Host { .. } => chain(error),
        }
    }

    fn woken(&mut self, subject: Subject, id: InstanceId, result: Result<(), WorkloadError>) {
        match result {
            Ok(()) => {
                self.held.remove(&subject);
                let now = self.state.clock.now();
                if let Some(record) = self.state.observed.instances.get_mut(&id)
                    && matches!(record.phase, Phase::Asleep(_))
                {
                    let stirred = record.stirred.is_some_and(|s| record.woken_at.is_none_or(|at| s.at > at));
                    let by = if stirred { Waker::Bytes } else { Waker::Rule };
                    self.woke.insert(id, (record.key.clone(), by));
                    record.phase = Phase::Running;
                    record.woken_at = Some(now);
                }
            }
            Err(error) => self.failed(subject, "wake", &error, Duration::from_millis(100)),
        }
    }

    fn looked(&mut self, subject: Subject, id: InstanceId, result: Result<Activity, WorkloadError>) {
        match result {
            Ok(activity) => {
                self.held.remove(&subject);
                if let Some(record) = self.state.observed.instances.get_mut(&id) {
                    dormouse_planner::note_activity(record, activity);
                }
            }
            Err(error) => self.failed(subject, "look at", &error, Duration::from_secs(5)),
        }
    }

    fn looked_in(&mut self, subject: Subject, id: InstanceId, result: Result<Moment, WorkloadError>) {
        if let (Ok(Moment { share, .. }), Some(record)) =
            (&result, self.state.observed.instances.get_mut(&id))
        {
            let at = self.state.clock.now();
            record.worked = (*share >= WORKS).then_some(Worked { at, share: *share });
        }
        self.slept(subject, id, result.map(|moment| moment.depth));
    }

    fn slept(&mut self, subject: Subject, id: InstanceId, result: Result<Depth, WorkloadError>) {
        let Some(record) = self.state.observed.instances.get_mut(&id) else { return };
        match result {
            Ok(depth) => {
                self.held.remove(&subject);
                if matches!(record.phase, Phase::Asleep(_)) {
                    record.phase = Phase::Asleep(depth);
                }
            }
            Err(error) => {
                // How far it got is not known; awake it is harmless.
                if matches!(record.phase, Phase::Asleep(_)) {
                    record.phase = Phase::Running;
                    record.woken_at = Some(self.state.clock.now());
                    let why = first_line(&chain(&error));
                    let key = record.key.clone();
                    self.state.say(&key, Some(id), Event::Sleepless { why });
                }
                self.make_sure_it_runs(id);
                self.failed(subject, "put to sleep", &error, Duration::from_secs(5));
            }
        }
    }

    fn stopped(&mut self, subject: Subject, id: InstanceId, result: Result<Ended, WorkloadError>) {
        let now = self.state.clock.now();
        let Ended { status, at } = match result {
            Ok(ended) => {
                self.held.remove(&subject);
                ended
            }
            Err(WorkloadError::NoSuchInstance(_)) => Ended { status: ExitStatus::Lost, at: now },
            Err(error) => return self.failed(subject, "stop", &error, Duration::from_secs(1)),
        };
        if let Some(record) = self.state.observed.instances.get_mut(&id) {
            record.phase = Phase::Exited(status);
            record.exited_at = Some(at);
        }
    }

    fn limited(
        &mut self,
        subject: Subject,
        id: InstanceId,
        limits: Limits,
        result: Result<(), WorkloadError>,
    ) {
        match result {
            Ok(()) => {
                self.held.remove(&subject);
                self.state.unapplied.remove(&id);
                if let Some(record) = self.state.observed.instances.get_mut(&id) {
                    record.limits = limits;
                }
            }
            Err(error) => {
                let note =
                    format!("it does not run within its new limits yet: {}", first_line(&chain(&error)));
                self.state.unapplied.insert(id, note);
                self.failed(subject, "limit", &error, Duration::from_secs(5));
            }
        }
    }

    fn removed(&mut self, subject: Subject, id: InstanceId, result: Result<(), WorkloadError>) {
        match result {
            Ok(()) => {
                self.held.remove(&subject);
                self.state.observed.instances.remove(&id);
                self.state.unapplied.remove(&id);
                self.edges.forget(id);
                self.state.store.later(move |tx| tx.instance_gone(id));
            }
            Err(error) => self.failed(subject, "clear away", &error, Duration::from_secs(1)),
        }
    }

    fn failed(&mut self, subject: Subject, what: &str, error: &WorkloadError, pause: Duration) {
        warn!(?subject, error = %chain(error), "cannot {what}");
        // It may have ended without our hearing of it.
        if matches!(error, WorkloadError::Ended(_) | WorkloadError::NoSuchInstance(_)) {
            self.list();
        }
        self.hold(subject, pause);
    }

    /// Ask the backend what there is.
    pub(super) fn list(&mut self) {
        let (workloads, outbox) = (self.workloads.clone(), self.outbox.clone());
        self.tasks.spawn(async move { drop(outbox.send(Msg::Listed(workloads.list().await))) });
    }

    /// An instance came to an end that nobody wanted.
    pub(super) fn note_end(&mut self, id: InstanceId, at: Time, how: Cause) {
        let Some(record) = self.state.observed.instances.get(&id) else { return };
        let (key, deployment) = (record.key.clone(), record.deployment);
        let Some(spec) = self.state.deployment(&key, deployment).map(|d| &d.spec) else { return };
        let end = dormouse_planner::end_of(record, spec, at, how);
        self.keep_end(&key, end, id);
        self.read_tail(&key, id);
    }

    fn keep_end(&mut self, key: &ServiceKey, end: End, id: InstanceId) {
        let ends = self.state.observed.ends.or_default(key);
        dormouse_planner::note_end(ends, end.clone());
        let (row, ends) = (key.clone(), ends.clone());
        self.state.store.later(move |tx| tx.ends(&row, &ends));
        let State { desired, observed, .. } = &self.state;
        let Some(deployment) = self.state.deployment(key, end.deployment) else { return };
        if deployment.spec.kind == ServiceKind::Job && end.how == Cause::Exited(ExitStatus::Code(0)) {
            self.state.events.say(key, Some(id), end.at, Event::JobDone);
            return;
        }
        let why = dormouse_planner::cause(&end, &deployment.spec);
        let again = match end.how {
            Cause::LostWorker => None,
            Cause::Exited(_) | Cause::Stopped(_) | Cause::NotStarted { .. } => {
                dormouse_planner::starts_again(desired, observed, key, end.deployment, end.at)
            }
        };
        self.state.events.say(key, Some(id), end.at, Event::Ended { how: end.how, why, again });
    }
}
