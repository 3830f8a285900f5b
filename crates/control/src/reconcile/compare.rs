//! What a new version refuses, the live one is asked too.

use std::{net::SocketAddrV4, time::Duration};

use dormouse_backend::Workloads;
use dormouse_model::{Answer, Answered, Clock, Deployment, InstanceId, ProjectSpec, Question, ServiceKey};
use dormouse_planner::{Compared, Refused};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use super::{Msg, Reconciler};
use crate::{
    events::Waker,
    names,
    probe::{self, Visitor},
};

/// Longest wait for the live version to wake; then what it answered last has to do.
const WAKES_WITHIN: Duration = Duration::from_secs(10);

/// The live version beside a new one that is about to be asked something.
pub(super) struct Before {
    key: ServiceKey,
    /// The instance that is compared with it.
    new: InstanceId,
    target: Deployment,
    live: dormouse_planner::Before,
    /// Where it listens, unless it has no process.
    addr: Option<SocketAddrV4>,
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
        let instance = live.instance.and_then(|id| state.observed.instances.get(&id));
        let spec = &live.deployment.spec;
        Some(Before {
            key: state.observed.instances.get(&id)?.key.clone(),
            new: id,
            target: target.clone(),
            addr: instance.map(|i| SocketAddrV4::new(i.addr, spec.port)),
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
    /// Ask the live version what the new one, that is at `addr`, has refused, and both for what decides otherwise.
    pub(super) async fn compare(
        mut self,
        (addr, visitor, limit): (SocketAddrV4, &Visitor, Duration),
        (asked, answer): (&Question, Answer),
        outbox: &mpsc::UnboundedSender<Msg>,
    ) -> Compared {
        let mut compared = Compared::default();
        for path in dormouse_planner::compared_by(&self.target, asked, answer) {
            let question = Question::Http(path.clone());
            let (new, fails) = match asked {
                Question::Http(own) | Question::Protocol(own) if *own == path => {
                    (answer, dormouse_planner::refuses(answer))
                }
                Question::Http(_) | Question::Protocol(_) | Question::Connection => {
                    let new = probe::ask(addr, visitor, &question, limit).await.answer;
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
                said = self.ask(&question, &path, outbox).await;
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
    async fn ask(
        &mut self,
        question: &Question,
        path: &str,
        outbox: &mpsc::UnboundedSender<Msg>,
    ) -> Option<Answered> {
        if std::mem::take(&mut self.live.asleep) && !self.wake(outbox).await {
            self.addr = None;
        }
        let limit = self.live.deployment.spec.health.timeout;
        let answer = probe::ask(self.addr?, &self.visitor, question, limit).await.answer;
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
            Ok(Ok(Ok(targets))) => {
                targets.iter().any(|t| Some(t.addr) == self.addr && t.instance != self.new)
            }
            Ok(Ok(Err(_)) | Err(_)) | Err(_) => false,
        }
    }
}
