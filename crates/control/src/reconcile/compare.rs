//! What a new version refuses, the live one is asked too.

use std::time::Duration;

use dormouse_backend::{ProbeRequest, Visitor, Workloads};
use dormouse_model::{Answer, Answered, Clock, Deployment, InstanceId, ProjectSpec, Question, ServiceKey};
use dormouse_planner::{Compared, Refused};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use super::{Msg, Reconciler, probe::ask};
use crate::{events::Waker, names};

/// Longest wait for the live version to wake; then what it answered last has to do.
const WAKES_WITHIN: Duration = Duration::from_secs(10);

/// The live version beside a new one that is about to be asked something.
pub(super) struct Before {
    key: ServiceKey,
    /// The instance that is compared with it.
    new: InstanceId,
    target: Deployment,
    live: dormouse_planner::Before,
    /// The one that is asked, unless it has no process.
    instance: Option<InstanceId>,
    visitor: Visitor,
    clock: Clock,
}

impl<W: Workloads> Reconciler<W> {
    /// What an instance is to replace, if it is on trial.
    pub(super) fn before(
        &self,
        id: InstanceId,
        face: Option<&ProjectSpec>,
        target: &Deployment,
    ) -> Option<Before> {
        let (state, settings) = (&self.state, &self.state.settings);
        let live = dormouse_planner::compared_with(&state.desired, &state.observed, id)?;
        let instance = live.instance.filter(|id| state.observed.instances.contains_key(id));
        let spec = &live.deployment.spec;
        Some(Before {
            key: state.observed.instances.get(&id)?.key.clone(),
            new: id,
            target: target.clone(),
            instance,
            visitor: Visitor {
                host: names::authority(face, spec, settings),
                scheme: settings.scheme.clone(),
            },
            clock: state.clock.clone(),
            live,
        })
    }
}

impl Before {
    /// Ask the live version what the new one has refused, and both for what decides otherwise.
    pub(super) async fn compare<W: Workloads>(
        mut self,
        workloads: &W,
        request: &ProbeRequest,
        answer: Answer,
        outbox: &mpsc::UnboundedSender<Msg>,
    ) -> Compared {
        let (asked, mut compared) = (&request.question, Compared::default());
        for path in dormouse_planner::compared_by(&self.target, asked, answer) {
            let question = Question::Http(path.clone());
            let (new, fails) = match asked {
                Question::Http(own) | Question::Protocol(own) if *own == path => {
                    (answer, dormouse_planner::refuses(answer))
                }
                Question::Http(_) | Question::Protocol(_) | Question::Connection => {
                    let request = ProbeRequest { question: question.clone(), ..request.clone() };
                    let new = ask(workloads, self.new, &request).await.answer;
                    (new, dormouse_planner::fails(new))
                }
            };
            if dormouse_planner::is_well(new) {
                break;
            }
            if !fails {
                continue;
            }
            let mut said = self.live.fresh(&path, self.clock.now()).cloned();
            if said.is_none() {
                said = self.ask(workloads, question, &path, outbox).await;
                compared.learned.extend(said.clone());
            }
            let remembered = said.is_none();
            let said = said.or_else(|| self.live.last(&path).cloned());
            if let Some(before) = said.filter(dormouse_planner::binds).map(|said| said.status) {
                compared.refused = Some(Refused { path, answer: new, before, remembered });
                break;
            }
        }
        compared
    }

    /// What the live version answers now; `None` when it does not, and is not there to be asked.
    async fn ask<W: Workloads>(
        &mut self,
        workloads: &W,
        question: Question,
        path: &str,
        outbox: &mpsc::UnboundedSender<Msg>,
    ) -> Option<Answered> {
        if std::mem::take(&mut self.live.asleep) && !self.wake(outbox).await {
            self.instance = None;
        }
        let (spec, visitor) = (&self.live.deployment.spec, self.visitor.clone());
        let request = ProbeRequest { port: spec.port, visitor, question, limit: spec.health.timeout };
        let answer = ask(workloads, self.instance?, &request).await.answer;
        let (status, loops) = (answer.status()?, matches!(answer, Answer::Loop(_)));
        let (deployment, at) = (self.live.process, self.clock.now());
        Some(Answered { deployment, path: path.to_owned(), status, loops, at })
    }

    /// Whether it is awake; it falls asleep again as after any request.
    async fn wake(&self, outbox: &mpsc::UnboundedSender<Msg>) -> bool {
        let (reply, woken) = oneshot::channel();
        let (key, asked) = (self.key.clone(), Instant::now());
        drop(outbox.send(Msg::Wake { key, by: Waker::Deploy, asked, reply }));
        match timeout(WAKES_WITHIN, woken).await {
            Ok(Ok(Ok(targets))) => targets.iter().any(|t| Some(t.instance) == self.instance),
            Ok(Ok(Err(_)) | Err(_)) | Err(_) => false,
        }
    }
}
