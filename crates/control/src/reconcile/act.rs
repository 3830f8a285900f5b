//! Beginning what the planner says.

use std::time::Duration;

use dormouse_backend::{InstanceSpec, Workloads};
use dormouse_model::{
    Cause, Deployment, Depth, InstanceId, Phase, STREAMLIT_SCRIPT_CHECK, ServiceKey, ServiceKind, StopReason,
    Time,
};
use dormouse_planner::{Action, Subject};
use tracing::{info, warn};

use super::{
    Kind, Reconciler,
    message::{Outcome, Starting},
};
use crate::{
    Ballast,
    events::{Event, Rest},
    state::State,
};

/// Time a process that does not work gets to end by itself: it has nothing in flight worth waiting for.
const SHORT_GRACE: Duration = Duration::from_secs(5);

impl<W: Workloads> Reconciler<W> {
    /// Begin one action, unless its subject is busy. True when the state changed at once, so that the rest of the plan
    /// may be out of date.
    pub(super) fn begin(&mut self, action: Action, now: Time) -> bool {
        let subject = action.subject();
        if self.is_held(&subject, now) || (Self::rests_on_traffic(&action) && !self.trusts()) {
            return false;
        }
        let cuts_in = match (self.busy.get(&subject), &action) {
            (None, _) => false,
            (Some(work), Action::Wake { .. }) if work.kind == Kind::Sleep => true,
            (Some(_), _) => return false,
        };
        if let Subject::Instance(id) = &subject
            && self.cut.contains(id)
            && !matches!(action, Action::Wake { .. })
        {
            return false;
        }
        match action {
            Action::Wake { key, id } => {
                if cuts_in {
                    self.cut.insert(id);
                }
                info!(%key, %id, "wake");
                let workloads = self.workloads.clone();
                self.work(subject, Kind::Wake, async move { Outcome::Woken(workloads.wake(id).await) });
                false
            }
            Action::Start { key, deployment } => {
                self.start(subject, &key, deployment);
                false
            }
            Action::Promote { key, .. } => {
                self.promote(&key, now);
                self.state.save_rollout(&key);
                self.state.set_note(&key, None);
                true
            }
            Action::Fail { key, deployment, why } => {
                self.give_up(&key, deployment, &why);
                true
            }
            Action::RollBack { key, deployment, to, why } => {
                self.roll_back(&key, deployment, to, &why, now);
                true
            }
            Action::Settle { key, .. } => {
                if let Some(svc) = self.state.desired.services.get_mut(&key) {
                    svc.replaced = None;
                }
                self.state.save_rollout(&key);
                true
            }
            Action::Drain { key, id } => {
                info!(%key, %id, "drain");
                self.drain(id, now);
                true
            }
            Action::SetLimits { key, id, limits } => {
                info!(%key, %id, ?limits, "limit");
                let workloads = self.workloads.clone();
                self.work(subject, Kind::Limit, async move {
                    Outcome::Limited { limits, result: workloads.set_limits(id, limits).await }
                });
                false
            }
            Action::Look { id, .. } => {
                let workloads = self.workloads.clone();
                self.work(subject, Kind::Look, async move { Outcome::Looked(workloads.activity(id).await) });
                false
            }
            Action::Sleep { key, id, depth } => {
                if self.sealed(id) {
                    self.sleep(subject, &key, id, depth, now);
                }
                false
            }
            Action::DarkWake { key, id, depth } => {
                info!(%key, %id, ?depth, "dark wake");
                if let Some(record) = self.state.observed.instances.get_mut(&id) {
                    record.slept_at = Some(now);
                }
                let workloads = self.workloads.clone();
                let woken = async move { Outcome::LookedIn(workloads.dark_wake(id, depth).await) };
                self.work(subject, Kind::Sleep, woken);
                false
            }
            Action::Stop { key, id, why } => {
                if why == StopReason::Idle && !self.sealed(id) {
                    return false;
                }
                info!(%key, %id, why = dormouse_planner::stop(why), "stop");
                self.stop(subject, &key, id, why, now)
            }
            Action::Remove { key, id } => {
                info!(%key, %id, "remove");
                let workloads = self.workloads.clone();
                self.work(subject, Kind::Remove, async move { Outcome::Removed(workloads.remove(id).await) });
                false
            }
        }
    }

    fn promote(&mut self, key: &ServiceKey, now: Time) {
        let Some(svc) = self.state.desired.services.get_mut(key) else { return };
        let (deploy, deployment, process) = (svc.target.deploy, svc.target.id, svc.target.process());
        info!(%key, %deploy, "live");
        let before = svc.promote(now);
        match svc.target.spec.kind {
            ServiceKind::Web | ServiceKind::Worker => {}
            // That it has ended was told.
            ServiceKind::Job => return,
        }
        let event = match before {
            Some(before) if before.deploy == deploy => Event::Renewed { deploy, deployment },
            Some(_) | None => Event::Live { deploy, deployment },
        };
        self.state.say(key, self.state.instance_of(key, process), event);
    }

    /// Why it may sleep, or end for want of use.
    fn rest(&self, id: InstanceId, now: Time) -> Rest {
        let State { desired, observed, .. } = &self.state;
        let record = observed.instances.get(&id);
        let spec = record.and_then(|r| Some(&self.state.deployment(&r.key, r.deployment)?.spec));
        match spec.and_then(|spec| spec.sleep.after) {
            Some(after)
                if !record.is_some_and(|r| dormouse_planner::told_to_sleep(desired, observed, r, now)) =>
            {
                Rest::Unused(after)
            }
            Some(_) | None => Rest::Told,
        }
    }

    fn drain(&mut self, id: InstanceId, now: Time) {
        if let Some(record) = self.state.observed.instances.get_mut(&id)
            && record.draining_since.is_none()
        {
            record.draining_since = Some(now);
            self.state.store.later(move |tx| tx.instance_draining(id, now));
        }
    }

    fn sleep(&mut self, subject: Subject, key: &ServiceKey, id: InstanceId, depth: Depth, now: Time) {
        info!(%key, %id, ?depth, "sleep");
        self.seals.remove(&id);
        self.state.facts.falling_asleep.remove(&id);
        if let Some(probe) = self.probes.remove(&id) {
            probe.abort();
        }
        let rest = self.rest(id, now);
        self.state.save_use(key);
        if let Some(record) = self.state.observed.instances.get_mut(&id) {
            record.slept_at = Some(now);
            (record.activity, record.earlier) = (None, None);
            // From here on it may be frozen at any moment, so only a wake brings it back.
            if record.phase == Phase::Running {
                record.phase = Phase::Asleep(Depth::Frozen);
                (record.asleep_since, record.worked) = (Some(now), None);
                self.state.events.say(key, Some(id), now, Event::Asleep(rest));
            }
        }
        let workloads = self.workloads.clone();
        self.work(subject, Kind::Sleep, async move { Outcome::Slept(workloads.sleep(id, depth).await) });
    }

    fn stop(
        &mut self,
        subject: Subject,
        key: &ServiceKey,
        id: InstanceId,
        why: StopReason,
        now: Time,
    ) -> bool {
        self.seals.remove(&id);
        self.state.facts.falling_asleep.remove(&id);
        if let Some(probe) = self.probes.remove(&id) {
            probe.abort();
        }
        if why == StopReason::Idle {
            self.state.events.say(key, Some(id), now, Event::Stopped(self.rest(id, now)));
        }
        self.drain(id, now);
        if why.counts() {
            self.note_end(id, now, Cause::Stopped(why));
        }
        let deployment = self.state.observed.instances.get(&id).map(|r| r.deployment);
        let svc = self.state.desired.services.get(key);
        let spec = deployment
            .and_then(|d| self.state.deployment(key, d))
            .or(svc.map(|s| &s.target))
            .map(|d| d.spec.stop_grace);
        let grace = if why.counts() { SHORT_GRACE } else { spec.unwrap_or(SHORT_GRACE) };
        let workloads = self.workloads.clone();
        self.work(subject, Kind::Stop, async move { Outcome::Stopped(workloads.stop(id, grace).await) });
        true
    }

    fn start(&mut self, subject: Subject, key: &ServiceKey, deployment: dormouse_model::DeploymentId) {
        let Some(wanted) = self.state.deployment(key, deployment).cloned() else { return };
        let Some(project) = self.state.projects.get(&key.project) else { return };
        let Some(network) = project.network(&key.project) else { return };
        let Some(number) = self.state.instances.take() else {
            // The writer is far behind; without it a number could be handed out twice.
            return self.hold(subject, Duration::from_millis(100));
        };
        let id = InstanceId(number);
        let spec = instance(key, &wanted, id);
        let now = self.state.clock.now();
        let row = key.clone();
        self.state.store.later(move |tx| tx.instance(id, &row, now));
        self.state.history.entry(key.clone()).or_default().push(id);
        self.starting.insert(id);
        self.forget_old_logs(key);
        info!(%key, %id, deploy = %wanted.deploy, "start");
        // A few folders and files of its own.
        Ballast::of(&self.state.settings.state).lend();
        let missing = !self.networks.contains(&key.project);
        let workloads = self.workloads.clone();
        let started = Starting { id, key: key.clone(), deployment, limits: spec.limits };
        self.work(subject, Kind::Start, async move {
            let ready = if missing { workloads.ensure_network(&network).await } else { Ok(()) };
            let result = match ready {
                Ok(()) => workloads.start(&spec).await,
                Err(error) => Err(error),
            };
            if result.is_err()
                && let Err(error) = workloads.remove(id).await
            {
                warn!(%id, %error, "cannot clear away what did not start");
            }
            Outcome::Started { started, result }
        });
    }

    /// Keep a stock of instance numbers that the store knows to be taken.
    pub(super) fn take_out_numbers(&mut self) {
        if let Some(end) = self.state.instances.low() {
            let (store, outbox) = (self.state.store.clone(), self.outbox.clone());
            // Asked for once a turn until it is there; the write is idempotent.
            self.tasks.spawn(async move {
                match store.write(move |tx| tx.instances_taken(end)).await {
                    Ok(()) => {
                        let more = Box::new(move |state: &mut State| state.instances.extend(end));
                        drop(outbox.send(super::Msg::Call(more)));
                    }
                    Err(error) => warn!(%error, "cannot take out instance numbers"),
                }
            });
        }
    }
}

/// What the hands are told.
fn instance(key: &ServiceKey, deployment: &Deployment, id: InstanceId) -> InstanceSpec {
    let spec = &deployment.spec;
    let port = spec.port.to_string();
    let argv = spec.start.as_ref().map(|argv| argv.iter().map(|a| with_port(a, &port)).collect());
    let mut env = spec.env.filled(&spec.stored);
    match spec.kind {
        // Wins over the user's: it is where probes and requests go.
        ServiceKind::Web => drop(env.insert("PORT".to_owned(), port)),
        ServiceKind::Worker | ServiceKind::Job => {}
    }
    if spec.health.last_question().is_some() {
        env.entry(STREAMLIT_SCRIPT_CHECK.to_owned()).or_insert_with(|| "true".to_owned());
    }
    env.insert("DORMOUSE_PROJECT".to_owned(), key.project.to_string());
    env.insert("DORMOUSE_SERVICE".to_owned(), key.service.to_string());
    InstanceSpec {
        id,
        key: key.clone(),
        deployment: deployment.process(),
        image: deployment.image.clone(),
        argv,
        env,
        limits: spec.limits,
    }
}

/// Replace `$PORT` and `${PORT}`, but not the beginning of a longer name.
fn with_port(argument: &str, port: &str) -> String {
    let mut out = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let bare = rest
            .strip_prefix("$PORT")
            .filter(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'));
        match rest.strip_prefix("${PORT}").or(bare) {
            Some(after) => {
                out.push_str(port);
                rest = after;
            }
            None => {
                out.push('$');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    #[test]
    fn ports() {
        for (argument, expected) in [
            ("--port=$PORT", "--port=8000"),
            ("0.0.0.0:${PORT}", "0.0.0.0:8000"),
            ("$PORTAL $PORT_2 $$PORT", "$PORTAL $PORT_2 $8000"),
            ("plain", "plain"),
            ("cost: 5$", "cost: 5$"),
        ] {
            assert_eq!(super::with_port(argument, "8000"), expected);
        }
    }
}
