//! Asking instances whether they work, and looking into those that do not, when the planner says so.

use std::collections::BTreeSet;

use dormouse_backend::{ProbeAnswer, ProbeRequest, Visitor, WorkloadError, Workloads};
use dormouse_model::{Answer, Cause, Deployment, Inspection, InstanceId, Phase, Question, Time, server};
use dormouse_planner::Compared;
use tracing::{debug, info};

use super::{Msg, Reconciler};
use crate::{error::chain, names};

impl<W: Workloads> Reconciler<W> {
    /// Ask those whose time has come.
    pub(super) fn probe(&mut self) {
        for (id, asked) in self.rounds.questions() {
            // About to be frozen in the middle of it, or asked already.
            if self.probes.contains_key(&id) || self.seals.contains_key(&id) {
                continue;
            }
            let Some(record) = self.state.observed.instances.get(&id) else { continue };
            let Some(deployment) = self.state.deployment(&record.key, record.deployment) else { continue };
            let spec = &deployment.spec;
            let face = self.state.projects.get(&record.key.project).and_then(|p| p.face());
            let host = names::authority(face, spec, &self.state.settings);
            let (port, limit, has_route) = (spec.port, spec.health.timeout, spec.health.has_route());
            let (woken_at, outbox, workloads) =
                (record.woken_at, self.outbox.clone(), self.workloads.clone());
            let visitor = Visitor { host, scheme: self.state.settings.scheme.clone() };
            let before = self.before(id, face, deployment);
            let task = self.tasks.spawn(async move {
                let request = ProbeRequest { port, visitor, question: asked, limit };
                let ProbeAnswer { mut answer, to_https } = ask(&*workloads, id, &request).await;
                let open = matches!(request.question, Question::Protocol(_)) && !has_route;
                if open
                    && matches!(answer, Answer::Silent | Answer::Cut)
                    && !serves_http(&*workloads, id).await
                {
                    answer = Answer::NotHttp;
                }
                let compared = match before {
                    Some(before) => before.compare(&*workloads, &request, answer, &outbox).await,
                    None => Compared::default(),
                };
                let ProbeRequest { visitor: Visitor { host, .. }, question: asked, .. } = request;
                drop(outbox.send(Msg::Probed { id, woken_at, asked, host, answer, to_https, compared }));
            });
            self.probes.insert(id, task);
        }
    }

    /// An answer from before a sleep says nothing about now.
    pub(super) fn probed(
        &mut self,
        id: InstanceId,
        woken_at: Option<Time>,
        (asked, host): (&Question, &str),
        (answer, to_https, compared): (Answer, bool, Compared),
    ) {
        self.probes.remove(&id);
        let now = self.state.clock.now();
        let Some(record) = self.state.observed.instances.get_mut(&id) else { return };
        if record.phase != Phase::Running || record.woken_at != woken_at {
            return;
        }
        if answer.status().is_some() {
            record.probe.to_https = to_https;
        }
        let Some(svc) = self.state.desired.services.get(&record.key) else { return };
        let ready = dormouse_planner::note_answer(record, svc, asked, answer, now);
        if ready {
            info!(key = %record.key, %id, ?answer, took = ?now.since(record.started_at), "ready");
        }
        let answers = self.state.observed.answers.or_default(&record.key);
        let held =
            dormouse_planner::note_status(record, svc, answers, (asked, host), (answer, compared), now)
                .then(|| (record.key.clone(), answers.clone()));
        if ready || held.is_some() {
            self.state.store.later(move |tx| {
                if ready {
                    tx.instance_ready(id, now)?;
                }
                match held {
                    Some((key, answers)) => tx.answers(&key, &answers),
                    None => Ok(()),
                }
            });
        }
        if let Some(speaks) = record.probe.speaks_http
            && self.state.speaks_http.insert(record.deployment, speaks) != Some(speaks)
        {
            let services = self.state.desired.services.values();
            let wanted: BTreeSet<_> = services
                .flat_map(|svc| std::iter::once(&svc.target).chain(&svc.live))
                .map(Deployment::process)
                .collect();
            self.state.speaks_http.retain(|id, _| wanted.contains(id));
        }
    }

    /// Look into those that do not become ready.
    pub(super) fn inspect(&mut self) {
        for id in self.rounds.looks() {
            if !self.looks.insert(id) {
                continue;
            }
            let (workloads, outbox) = (self.workloads.clone(), self.outbox.clone());
            self.tasks.spawn(async move {
                let result = workloads.inspect(id).await;
                drop(outbox.send(Msg::Inspected { id, result }));
            });
        }
    }

    pub(super) fn inspected(&mut self, id: InstanceId, result: Result<Inspection, WorkloadError>) {
        self.looks.remove(&id);
        // What cannot be looked into is taken to show nothing; its probes go on.
        let seen = result.unwrap_or_else(|error| {
            debug!(%id, error = %chain(&error), "cannot look into it");
            Inspection::default()
        });
        let now = self.state.clock.now();
        let Some(record) = self.state.observed.instances.get_mut(&id) else { return };
        let Some(svc) = self.state.desired.services.get(&record.key) else { return };
        if dormouse_planner::note_inspection(record, svc, &seen, now) {
            self.note_end(id, now, Cause::LostWorker);
        }
    }
}

/// What is not there refuses.
pub(crate) async fn ask<W: Workloads>(workloads: &W, id: InstanceId, request: &ProbeRequest) -> ProbeAnswer {
    workloads.probe(id, request).await.unwrap_or_else(|error| {
        debug!(%id, error = %chain(&error), "cannot be asked");
        Answer::Refused.into()
    })
}

/// Whether one of its processes is a server that speaks HTTP, whatever started it.
async fn serves_http<W: Workloads>(workloads: &W, id: InstanceId) -> bool {
    let seen = workloads.inspect(id).await.unwrap_or_default();
    seen.processes.iter().any(|p| matches!(server::program(&p.argv), Some(server::Program::Http(_))))
}
