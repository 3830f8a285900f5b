//! `POST /v1/deploys` and its events.

use std::io;

use axum::{
    Json,
    body::Body,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use dormouse_api::{Affected, DeployAccepted, DeployEvent, DeployQuery, DeployStep, GIVEN_AND_TAR, Given};
use dormouse_backend::{Builds, Workloads};
use dormouse_control::{Asked, DeployId, EventReader, Origin};
use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::{
    App,
    error::Refused,
    given, logs,
    ndjson::{self, Batches},
    principal::Principal,
    project::NamedQuery,
    unpack,
};

#[derive(Deserialize)]
pub(crate) struct From {
    #[serde(default)]
    from: u64,
}

pub(crate) async fn begin<W: Workloads, B: Builds>(
    State(app): App<W, B>,
    principal: Principal,
    query: Result<Query<DeployQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<DeployAccepted>), Refused> {
    let Query(DeployQuery { folder, project, machine, path, replace }) = query?;
    let origin = path.map(|path| Origin { machine: machine.unwrap_or_default(), path });
    let asked = Asked { folder, project, origin, replace };
    principal.may_deploy()?;
    let upload = app.control.upload().await?;
    let dir = upload.dir().to_owned();
    let limits = unpack::Limits { bytes: app.settings.max_source, entries: app.settings.max_entries };
    // Read to its end whatever happens: a client that is cut off while it sends does not see the answer.
    let (mut tar, rest) = tee(body);
    let with_given = headers.get(header::CONTENT_TYPE).is_some_and(|t| t == GIVEN_AND_TAR);
    let unpacked = tokio::task::spawn_blocking(move || {
        let given = if with_given { given::read(&mut tar)? } else { Given::default() };
        unpack::unpack(tar, &dir, limits).map(|()| given)
    });
    let unpacked = unpacked.await;
    rest.await;
    let given = match unpacked {
        Ok(Ok(given)) => given,
        Ok(Err(error)) => return Err(Refused::new(error.status(), &error.to_string())),
        Err(_) => return Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "unpacking was interrupted")),
    };
    let accepted = app.control.deploy(upload, asked, given::meant(given)).await?;
    let answer = DeployAccepted {
        id: accepted.id.0,
        project: accepted.project.to_string(),
        services: accepted.services.iter().map(ToString::to_string).collect(),
        urls: accepted.urls,
        warnings: accepted.warnings,
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// The body for a blocking reader that may give up early, and a future that then reads what is left.
fn tee(body: Body) -> (Chunks, impl Future<Output = ()>) {
    let (send, chunks) = mpsc::channel(16);
    let pump = tokio::spawn(async move {
        let mut body = body.into_data_stream().map_err(io::Error::other);
        let mut open = true;
        while let Some(chunk) = body.next().await {
            let broken = chunk.is_err();
            open = open && send.send(chunk).await.is_ok();
            if broken {
                return;
            }
        }
    });
    // However the client ends, its answer depends on the unpacking alone.
    (Chunks { chunks, current: Bytes::new() }, async move { drop(pump.await) })
}

/// A body as something a blocking thread can read.
struct Chunks {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl io::Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = chunk?,
                None => return Ok(0),
            }
        }
        let n = buffer.len().min(self.current.len());
        buffer[..n].copy_from_slice(&self.current.split_to(n));
        Ok(n)
    }
}

pub(crate) async fn cancel<W: Workloads, B: Builds>(
    State(app): App<W, B>,
    principal: Principal,
    id: Result<Path<u64>, PathRejection>,
    named: NamedQuery,
) -> Result<Json<Affected>, Refused> {
    let (id, Query(named)) = (DeployId(id?.0), named?);
    principal.may_deploy()?;
    principal.may_follow(id)?;
    let (project, services) = app.control.cancel(id, named.id()?).await?;
    let services = services.iter().map(ToString::to_string).collect();
    Ok(Json(Affected { project: project.to_string(), services }))
}

pub(crate) async fn events<W: Workloads, B: Builds>(
    State(app): App<W, B>,
    principal: Principal,
    id: Result<Path<u64>, PathRejection>,
    from: Result<Query<From>, QueryRejection>,
) -> Result<Response, Refused> {
    let (Path(id), Query(From { from })) = (id?, from?);
    let id = DeployId(id);
    principal.may_follow(id)?;
    Ok(ndjson::answer(Events(app.control.events(id, from)?)))
}

struct Events(EventReader);

impl Batches for Events {
    type Item = DeployEvent;

    async fn next(&mut self) -> io::Result<Option<Vec<DeployEvent>>> {
        Ok(self.0.next().await?.map(|events| events.into_iter().map(wire).collect()))
    }
}

fn wire(event: dormouse_control::DeployEvent) -> DeployEvent {
    DeployEvent {
        seq: event.seq,
        at: event.at.0,
        service: event.service.map(|s| s.to_string()),
        step: step(event.step),
    }
}

fn step(step: dormouse_control::DeployStep) -> DeployStep {
    use dormouse_control::DeployStep as Step;
    match step {
        Step::Queued { waits } => {
            let waits = waits.map(|w| dormouse_api::Waits { place: w.place, why: w.why });
            DeployStep::Queued { waits }
        }
        Step::Building => DeployStep::Building,
        Step::Phase { name, cached } => DeployStep::Phase { name, cached },
        Step::PhaseDone { name, ms } => DeployStep::PhaseDone { name, ms },
        Step::Progress { done, total } => DeployStep::Progress { done, total },
        Step::Output { stream, text } => DeployStep::Output { stream: logs::stream(stream), text },
        Step::LeftOut { lines, bytes } => DeployStep::LeftOut { lines, bytes },
        Step::Image { image } => DeployStep::Image { image: image.to_string() },
        Step::BuildFailed { reason, old_serves } => DeployStep::BuildFailed { reason, old_serves },
        Step::Unchanged => DeployStep::Unchanged,
        Step::Applied { deployment, changed } => {
            DeployStep::Applied { deployment: deployment.to_string(), changed }
        }
        Step::Starting { deployment, why } => {
            DeployStep::Starting { deployment: deployment.to_string(), why }
        }
        Step::Waiting { reason } => DeployStep::Waiting { reason },
        Step::Ready { deployment, job, remark } => {
            DeployStep::Ready { deployment: deployment.to_string(), job, remark }
        }
        Step::RolloutFailed { deployment, reason, log_tail, old_serves, job } => {
            let deployment = deployment.to_string();
            DeployStep::RolloutFailed { deployment, reason, log_tail, old_serves, job }
        }
        Step::Superseded { by } => DeployStep::Superseded { by: by.map(|id| id.to_string()) },
        Step::TakenDown => DeployStep::TakenDown,
        Step::Cancelled => DeployStep::Cancelled,
        Step::Done { urls } => DeployStep::Done { urls },
        Step::Failed { reason } => DeployStep::Failed { reason },
    }
}
