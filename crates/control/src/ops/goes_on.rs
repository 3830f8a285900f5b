//! Whether what a deploy asks of a service can hold for the process that runs already.

use std::{collections::BTreeMap, time::Duration};

use dormouse_backend::{Builds, ProbeRequest, Visitor, Workloads};
use dormouse_model::{
    Change, Deployment, DeploymentId, DesiredService, ImageId, InstanceId, ProjectSpec, ServiceKey,
    ServiceKind, ServiceName, ServiceSpec, change,
};
use dormouse_planner::{Standing, State as Planned};

use crate::{Control, OpError, events::Waker, names, reconcile::ask};

/// Pause before a health question that was not answered well is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What a deploy means for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outlook {
    /// What is live is what is asked for.
    Unchanged,
    /// The process goes on; what is different, by the manifest's words.
    GoesOn(Vec<&'static str>),
    /// A new process.
    Anew,
}

/// What a deploy of `image` with `spec` means for a service as it stands.
pub(super) fn outlook(
    svc: Option<&DesiredService>,
    standing: Option<&Standing>,
    image: &ImageId,
    spec: &ServiceSpec,
) -> Outlook {
    let Some(live) = svc.and_then(|svc| svc.live.as_ref()) else { return Outlook::Anew };
    if spec.kind == ServiceKind::Job {
        return Outlook::Anew;
    }
    match standing.map(|s| &s.state) {
        // A deploy is also how people say: try again.
        Some(Planned::Crashed { .. }) | None => return Outlook::Anew,
        Some(
            Planned::Starting
            | Planned::Ready
            | Planned::Running
            | Planned::Done
            | Planned::Asleep(_)
            | Planned::Stopped,
        ) => {}
    }
    if live.image != *image {
        return Outlook::Anew;
    }
    match change(&live.spec, spec) {
        Change::Nothing => Outlook::Unchanged,
        Change::Live(what) => Outlook::GoesOn(what),
        Change::Process => Outlook::Anew,
    }
}

/// What runs of a service that stands so.
fn instances(standing: &Standing) -> Vec<InstanceId> {
    let serving: Vec<_> = standing.serving.iter().map(|(id, _)| *id).collect();
    if serving.is_empty() { standing.instance.into_iter().collect() } else { serving }
}

/// What was found out of a process that is to go on: for which deployment, and why it cannot, if so.
pub(super) type Looked = BTreeMap<ServiceName, (DeploymentId, Option<String>)>;

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Look at every process that is to go on with another configuration.
    pub(super) async fn look(
        &self,
        spec: &ProjectSpec,
        images: &BTreeMap<ServiceName, ImageId>,
    ) -> Result<Looked, OpError> {
        let (wanted, images) = (spec.clone(), images.clone());
        let going_on = self
            .call(move |state| {
                let standings =
                    dormouse_planner::standings(&state.desired, &state.observed, state.clock.now());
                let mut out = Vec::new();
                for (name, service) in &wanted.services {
                    let key = ServiceKey::new(&wanted.name, name);
                    let (svc, standing) = (state.desired.services.get(&key), standings.get(&key));
                    let Some(image) = images.get(name) else { continue };
                    if let Outlook::GoesOn(_) = outlook(svc, standing, image, service)
                        && let Some(live) = svc.and_then(|svc| svc.live.clone())
                    {
                        out.push((key, live, standing.map(instances).unwrap_or_default(), service.clone()));
                    }
                }
                out
            })
            .await?;
        let mut looked = Looked::new();
        for (key, live, instances, service) in going_on {
            let host = names::authority(Some(spec), &service, &self.settings);
            let visitor = Visitor { host, scheme: self.settings.scheme.clone() };
            let why = self.why_not(&key, &live, &instances, &service, &visitor).await;
            looked.insert(key.service, (live.id, why));
        }
        Ok(looked)
    }

    /// Why the process of `live` cannot go on as `spec` says, if it cannot.
    async fn why_not(
        &self,
        key: &ServiceKey,
        live: &Deployment,
        instances: &[InstanceId],
        spec: &ServiceSpec,
        visitor: &Visitor,
    ) -> Option<String> {
        let (now, limits) = (live.limits(), &spec.limits);
        let less = limits.memory < now.memory || limits.pids < now.pids;
        for id in instances.iter().filter(|_| less) {
            let Ok(usage) = self.workloads.usage(*id).await else { continue };
            if limits.memory < now.memory && limits.memory < usage.needed_bytes {
                let (needed, limit) = (usage.needed_bytes >> 20, limits.memory >> 20);
                return Some(format!(
                    "it needs {needed} MiB of memory, more than its new limit of {limit} MiB"
                ));
            }
            // It could not even replace one that ends.
            if limits.pids < now.pids && u64::from(limits.pids) <= usage.tasks {
                let (tasks, limit) = (usage.tasks, limits.pids);
                return Some(format!(
                    "it has {tasks} processes and threads, which leaves none of its new limit of {limit}"
                ));
            }
        }
        // One that answers wrongly would be taken for ill, and stopped.
        let question = spec.question(None);
        if question == live.spec.question(None) {
            return None;
        }
        if instances.is_empty() {
            return Some("its new health check has to be passed once".to_owned());
        }
        for _ in 0..spec.health.failures.max(1) {
            let Ok(targets) = self.wake_for(Waker::Deploy, key).await else {
                return Some("it does not wake".to_owned());
            };
            let request = ProbeRequest {
                port: spec.port,
                visitor: visitor.clone(),
                question: question.clone(),
                limit: spec.health.timeout,
            };
            let mut well = !targets.is_empty();
            for target in &targets {
                let answer = ask(&*self.workloads, target.instance, &request).await.answer;
                well &= dormouse_planner::answers_well(spec, &question, answer);
            }
            if well {
                return None;
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
        Some("it does not pass its new health check".to_owned())
    }
}
