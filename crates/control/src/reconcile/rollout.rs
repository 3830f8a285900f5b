//! Deploys on their way to being live, and projects on their way out.

use std::time::Duration;

use dormouse_backend::{WorkloadError, Workloads};
use dormouse_model::{DeploymentId, ProjectName, ProjectSpec, ServiceKey, ServiceKind, ServiceName, Time};
use dormouse_planner::Subject;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::{
    Msg, Reconciler,
    fate::{Fate, fate},
    tail::told,
};
use crate::{
    ControlSettings, DeployId,
    deploys::DeployStep,
    error::{chain, first_line},
    events::Event,
    names,
    state::{Coming, Project},
    store::DeployState,
};

/// How long the edges get to send requests to what is new.
const CONFIRM: Duration = Duration::from_secs(2);

impl<W: Workloads> Reconciler<W> {
    /// The target does not work and something older does.
    pub(super) fn give_up(&mut self, key: &ServiceKey, deployment: DeploymentId, why: &str) {
        let Some(svc) = self.state.desired.services.get_mut(key) else { return };
        let Some(live) = svc.live.clone() else { return };
        let line = first_line(why);
        let (deploy, process, kind) = (svc.target.deploy, svc.target.process(), svc.target.spec.kind);
        warn!(%key, %deploy, why = line, "given up");
        let serves = self.state.serves(key);
        let (note, event) = match kind {
            ServiceKind::Web | ServiceKind::Worker => (
                match (live.deploy, serves) {
                    (same, Some(_)) if same == deploy => {
                        format!("a restart of {deploy} was given up: {line}; the process before it serves on")
                    }
                    (same, None) if same == deploy => format!("a restart of {deploy} was given up: {line}"),
                    (older, Some(_)) => format!("{deploy} was given up: {line}; {older} serves on"),
                    (older, None) => format!("{deploy} was given up: {line}; {older} does not work either"),
                },
                Event::Refused { deploy, deployment, why: line, serves },
            ),
            ServiceKind::Job => (
                format!("{deploy} failed: {line}; {} was done", live.deploy),
                Event::JobFailed { deploy, deployment, why: line, older: Some(live.deploy) },
            ),
        };
        let mine = self.state.observed.of(key);
        let id = mine.filter(|i| i.deployment == process).map(|i| i.id).next_back();
        self.state.back_to_live(key);
        self.open_ports(&key.project);
        self.state.set_note(key, Some(note));
        let coming = self.state.projects.get_mut(&key.project).and_then(|p| p.coming.as_mut());
        if let Some(rollout) = coming.and_then(|c| c.rollout.as_mut())
            && rollout.pending.get(&key.service) == Some(&deployment)
        {
            rollout.given_up.insert(key.service.clone(), why.to_owned());
        } else {
            self.state.say(key, id, event);
        }
        // Its last words belong to what is told of it. Of one that has ended they have been read.
        if let Some(id) = id {
            self.read_tail(key, id);
        }
    }

    /// What is live does not hold, and what it replaced did.
    pub(super) fn roll_back(
        &mut self,
        key: &ServiceKey,
        deployment: DeploymentId,
        to: DeploymentId,
        why: &str,
        now: Time,
    ) {
        let Some(svc) = self.state.desired.services.get_mut(key) else { return };
        let Some(deploy) = svc.live.as_ref().map(|d| d.deploy) else { return };
        svc.roll_back(to, now);
        let Some(to) = svc.live.as_ref().map(|d| d.deploy) else { return };
        let (line, newest) = (first_line(why), svc.is_live());
        warn!(%key, %deploy, %to, why = line, "rolled back");
        let event = Event::RolledBack { deploy, deployment, why: line, to };
        if newest {
            self.state.back_to_live(key);
            self.state.set_note(key, Some(event.to_string()));
        } else {
            self.state.save_rollout(key);
        }
        self.open_ports(&key.project);
        let coming = self.state.projects.get_mut(&key.project).and_then(|p| p.coming.as_mut());
        match coming.filter(|c| c.id == deploy).and_then(|c| c.rollout.as_mut()) {
            // Other services of its deploy are on their way yet: who follows it learns that it was told too soon.
            Some(rollout) => {
                rollout.pending.insert(key.service.clone(), deployment);
                rollout.given_up.insert(key.service.clone(), why.to_owned());
            }
            None => self.state.say(key, None, event),
        }
    }

    /// A service may be reached at another port than a moment ago.
    fn open_ports(&mut self, name: &ProjectName) {
        let Some(network) = self.state.projects.get(name).and_then(|p| p.network(name)) else { return };
        let workloads = self.workloads.clone();
        self.tasks.spawn(async move {
            if let Err(error) = workloads.ensure_network(&network).await {
                warn!(project = %network.project, error = %chain(&error), "cannot set up the network");
            }
        });
    }

    /// Tell followers what became of their deployments, and end deploys that are done.
    pub(super) fn follow_rollouts(&mut self, now: Time) {
        let rolling = |p: &crate::state::Project| p.coming.as_ref().is_some_and(|c| c.rollout.is_some());
        let names: Vec<_> =
            self.state.projects.iter().filter(|(_, p)| rolling(p)).map(|(n, _)| n.clone()).collect();
        if names.is_empty() {
            return;
        }
        for name in names {
            let standings = self.rounds.of(&name).map(|round| round.standings.clone()).unwrap_or_default();
            let Some(mut coming) = self.state.projects.get_mut(&name).and_then(|p| p.coming.take()) else {
                continue;
            };
            self.tell_why_not_ready(&name, &mut coming, now);
            let done = self.follow(&name, &mut coming, &standings);
            if done {
                self.finish(&name, coming);
            } else if let Some(project) = self.state.projects.get_mut(&name) {
                project.coming = Some(coming);
            }
        }
    }

    /// Whoever follows a deploy learns what keeps it while there is still time to do something about it.
    fn tell_why_not_ready(&self, name: &ProjectName, coming: &mut Coming, now: Time) {
        let Coming { log, rollout: Some(rollout), .. } = coming else { return };
        for (service, id) in &rollout.pending {
            let key = ServiceKey::new(name, service);
            let Some(deployment) = self.state.wanted(&key, *id) else { continue };
            let mine = self.state.observed.of(&key);
            let starting =
                mine.filter(|i| i.deployment == deployment.process() && i.draining_since.is_none());
            let said =
                starting.filter_map(|i| dormouse_planner::waiting(i, &deployment.spec, now)).next_back();
            if let Some(reason) = said.filter(|r| rollout.told.insert((service.clone(), r.clone()))) {
                log.say(Some(service), DeployStep::Waiting { reason });
            }
        }
    }

    fn follow(
        &mut self,
        name: &ProjectName,
        coming: &mut Coming,
        standings: &std::collections::BTreeMap<ServiceKey, dormouse_planner::Standing>,
    ) -> bool {
        let Coming { id, log, rollout: Some(rollout), spec, .. } = coming else { return false };
        for (service, deployment) in &mut rollout.pending {
            let svc = self.state.desired.services.get(&ServiceKey::new(name, service));
            // A restart, or a variable that is set, meanwhile: the same version, which is to be live all the same.
            *deployment = svc.filter(|svc| svc.target.deploy == *id).map_or(*deployment, |svc| svc.target.id);
        }
        let mut settled: Vec<ServiceName> = Vec::new();
        for (service, deployment) in &rollout.pending {
            let key = ServiceKey::new(name, service);
            let fate = match rollout.given_up.get(service) {
                Some(why) => Fate::GivenUp(why.clone()),
                None => {
                    let svc = self.state.desired.services.get(&key);
                    let ends = self.state.observed.ends_of(&key);
                    fate(svc, *deployment, standings.get(&key), ends)
                }
            };
            let job = is_job(spec, service);
            let step = match fate {
                Fate::Undecided => continue,
                Fate::Live => DeployStep::Ready { deployment: *id, job, remark: self.remark(&key) },
                Fate::Replaced => DeployStep::Superseded { by: None },
                Fate::GivenUp(reason) => {
                    // Its last words are still being read.
                    if self.tails.contains_key(&key) {
                        continue;
                    }
                    rollout.failed.push(service.clone());
                    let said = self.state.log_tails.get(&key).cloned().unwrap_or_default();
                    let reason = self.advised(reason, &said);
                    let log_tail = told(&said, |line| (self.advice)(std::slice::from_ref(line)).is_some());
                    let live = self.state.desired.services.get(&key).and_then(|svc| svc.live.as_ref());
                    let (older, why) = (live.map(|d| d.deploy), first_line(&reason));
                    let serves = self.state.serves(&key).filter(|_| !job);
                    let old_serves = serves.is_some();
                    let (deploy, deployment) = (*id, *deployment);
                    let event = match job {
                        true => Event::JobFailed { deploy, deployment, why, older },
                        false => Event::Refused { deploy, deployment, why, serves },
                    };
                    self.state.say(&key, None, event);
                    DeployStep::RolloutFailed { deployment: deploy, reason, log_tail, old_serves, job }
                }
            };
            log.say(Some(service), step);
            settled.push(service.clone());
        }
        for service in settled {
            rollout.pending.remove(&service);
        }
        if !rollout.pending.is_empty() {
            return false;
        }
        // Whoever is told that it is done sends a request at once, and is to find what is new.
        let (generation, now) = (self.tables.borrow().generation, Instant::now());
        let (shown, until) = *rollout.shown.get_or_insert((generation, now + CONFIRM));
        let confirmed = self.edges.confirmed();
        confirmed == 0 || confirmed >= shown || now >= until
    }

    /// When deploys whose services are all settled are over, whether or not the edges have confirmed it.
    pub(super) fn settled_until(&self) -> impl Iterator<Item = Instant> {
        let coming = self.state.projects.values().filter_map(|p| p.coming.as_ref());
        coming.filter_map(|coming| coming.rollout.as_ref()?.shown.map(|(_, until)| until))
    }

    /// With what its last lines tell, unless what to do is known already.
    fn advised(&self, reason: String, said: &[String]) -> String {
        match (self.advice)(said) {
            Some(advice) if !reason.contains("\n  hint: ") => format!("{reason}\n  hint: {advice}"),
            Some(_) | None => reason,
        }
    }

    /// What people should know of what has just become live.
    fn remark(&self, key: &ServiceKey) -> Option<String> {
        let live = self.state.desired.services.get(key)?.live.as_ref()?;
        let i = self.state.observed.instances.get(&self.state.instance_of(key, live.process())?)?;
        let face = self.state.projects.get(&key.project).and_then(|p| p.face());
        let host = names::authority(face, &live.spec, &self.state.settings);
        dormouse_planner::remark(i, &live.spec, &host)
    }

    fn finish(&mut self, name: &ProjectName, coming: Coming) {
        let mut failed = coming.rollout.map(|r| r.failed).unwrap_or_default();
        failed.sort();
        let left_out = self.state.projects.get(name).map(|p| p.left_out(&coming.spec)).unwrap_or_default();
        let (state, step) = if failed.is_empty() {
            self.remove_services(&coming.spec, left_out);
            let urls = names::urls(&coming.spec, &self.state.settings);
            (DeployState::Done, DeployStep::Done { urls })
        } else {
            let (jobs, others): (Vec<_>, Vec<_>) = failed.iter().partition(|s| is_job(&coming.spec, s));
            let told = [(jobs, "failed"), (others, "did not become ready")].map(|(names, what)| {
                let names: Vec<_> = names.iter().map(|s| s.as_str()).collect();
                (!names.is_empty()).then(|| format!("{} {what}", names.join(", ")))
            });
            let reason = told.into_iter().flatten().collect::<Vec<_>>().join("; ");
            for service in left_out {
                let note = format!("{} leaves it out, and failed: it goes on", coming.id);
                self.state.set_note(&ServiceKey::new(name, &service), Some(note));
            }
            (DeployState::Failed, DeployStep::Failed { reason })
        };
        info!(project = %name, deploy = %coming.id, ?state, "deploy ended");
        let id = coming.id;
        self.state.store.later(move |tx| tx.deploy_state(id, state));
        coming.log.say(None, step);
    }

    /// All of a deploy is live: it decides about the project's hosts, and what it leaves out goes.
    fn remove_services(&mut self, spec: &ProjectSpec, left_out: Vec<ServiceName>) {
        let Some(project) = self.state.projects.get_mut(&spec.name) else { return };
        project.done = Some(spec.clone());
        if left_out.is_empty() {
            return;
        }
        let rolled = project.spec.as_mut().map(|rolled| {
            rolled.services.retain(|name, _| !left_out.contains(name));
            rolled.clone()
        });
        for service in left_out {
            let key = ServiceKey::new(&spec.name, &service);
            self.state.forget_service(&key);
            self.state.store.later(move |tx| tx.service_removed(&key));
        }
        if let Some(rolled) = rolled {
            self.state.store.later(move |tx| tx.project_spec(&rolled));
        }
        self.state.refresh_needs(&spec.name);
        self.open_ports(&spec.name);
    }

    /// Remove the networks of projects of which nothing runs any more.
    pub(super) fn finish_removals(&mut self) {
        let observed = &self.state.observed;
        let starting = |name: &ProjectName| {
            self.busy.keys().any(|s| match s {
                Subject::Deployment(key, _) => key.project == *name,
                Subject::Instance(_) | Subject::Limits(_) => false,
            })
        };
        let is_over = |(name, project): &(&ProjectName, &Project)| {
            project.removing.as_ref().is_some_and(|r| !r.network)
                && observed.instances.of_project(name).next().is_none()
                && !starting(name)
        };
        let over: Vec<_> = self.state.projects.iter().filter(is_over).map(|(name, _)| name.clone()).collect();
        for project in over {
            let of = self.state.projects.get_mut(&project).and_then(|p| p.removing.as_mut());
            let Some(removing) = of else { continue };
            removing.network = true;
            let (workloads, outbox) = (self.workloads.clone(), self.outbox.clone());
            self.tasks.spawn(async move {
                let result = workloads.remove_network(&project).await;
                drop(outbox.send(Msg::NetworkGone { project, result }));
            });
        }
    }

    pub(super) fn network_gone(&mut self, name: &ProjectName, result: Result<(), WorkloadError>) {
        if let Err(error) = result {
            // It is in nobody's way, and the next start tries again to remove what is not wanted.
            warn!(project = %name, error = %first_line(&chain(&error)), "cannot remove the network");
        }
        self.networks.remove(name);
        let Some(project) = self.state.projects.remove(name) else { return };
        let (spoke, history) =
            std::mem::take(&mut self.state.history).into_iter().partition(|(key, _)| key.project == *name);
        self.state.history = history;
        self.state.last_wake.retain(|key, _| key.project != *name);
        self.state.last_use.retain(|key, _| key.project != *name);
        self.state.observed.ends.retain(|key, _| key.project != *name);
        self.state.observed.watchdogs.retain(|key, _| key.project != *name);
        self.state.observed.pingers.retain(|key, _| key.project != *name);
        self.state.observed.answers.retain(|key, _| key.project != *name);
        self.state.log_tails.retain(|key, _| key.project != *name);
        let Some(removing) = project.removing else { return };
        let (drop_logs, events) = (removing.drop_logs, self.state.events.clone());
        let (store, settings, name) = (self.state.store.clone(), self.state.settings.clone(), name.clone());
        let workloads = self.workloads.clone();
        self.tasks.spawn(async move {
            let row = name.clone();
            let deploys = store.write(move |tx| tx.removed(&row)).await.unwrap_or_else(|error| {
                error!(project = %name, %error, "cannot forget the project");
                Vec::new()
            });
            if drop_logs {
                // What is written later would bring the folder back.
                events.flush().await;
                for (key, ids) in &spoke {
                    if let Err(error) = workloads.remove_logs(key, ids).await {
                        warn!(%key, error = %chain(&error), "cannot remove its logs");
                    }
                }
                remove_logs(&settings, &name, &deploys).await;
            }
            info!(project = %name, "removed");
            for waiting in removing.waiting {
                // Whoever asked may have left.
                let _ = waiting.send(());
            }
        });
    }
}

fn is_job(spec: &ProjectSpec, service: &ServiceName) -> bool {
    spec.services.get(service).is_some_and(|s| s.kind == ServiceKind::Job)
}

/// What a project's services said, and how they were built.
async fn remove_logs(settings: &ControlSettings, project: &ProjectName, deploys: &[DeployId]) {
    let gone = |result: std::io::Result<()>| match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            warn!(%project, %error, "cannot remove its logs");
        }
        Ok(()) | Err(_) => {}
    };
    gone(tokio::fs::remove_dir_all(settings.project_logs(project.as_str())).await);
    for deploy in deploys {
        gone(tokio::fs::remove_file(settings.events(*deploy)).await);
    }
}
