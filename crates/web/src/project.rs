//! Verbs on a project: `sleep`, `wake`, `restart`, `down`; and `down` on all of them.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
};
use dormouse_api::{Affected, LatestDeploy};
use dormouse_backend::{Builds, Workloads};
use dormouse_control::{NoRequestId, OpError, RequestId};
use dormouse_model::ServiceKey;
use futures_util::future::join_all;
use serde::Deserialize;

use crate::{App, error::Refused, principal::Principal};

#[derive(Deserialize)]
pub(crate) struct Which {
    pub(crate) service: Option<String>,
}

/// What a client calls its request, where the same must not be carried out twice.
#[derive(Deserialize)]
pub(crate) struct Named {
    request: Option<String>,
}

impl Named {
    pub(crate) fn id(&self) -> Result<Option<RequestId>, Refused> {
        let id = self.request.as_deref().map(str::parse).transpose();
        id.map_err(|e: NoRequestId| Refused::new(StatusCode::BAD_REQUEST, &e.to_string()))
    }
}

#[derive(Deserialize)]
pub(crate) struct Down {
    #[serde(default)]
    keep_logs: bool,
    #[serde(default)]
    purge: bool,
    /// Only what the database does not know.
    #[serde(default)]
    quarantined: bool,
}

type ProjectPath = Result<Path<String>, PathRejection>;
pub(crate) type NamedQuery = Result<Query<Named>, QueryRejection>;
type WhichQuery = Result<Query<Which>, QueryRejection>;

/// The project, and the service or all of its services, that a verb is about; refused unless they may be used.
fn chosen(
    principal: Principal,
    project: ProjectPath,
    which: WhichQuery,
) -> Result<(String, Option<String>), Refused> {
    let (Path(project), Query(which)) = (project?, which?);
    principal.may_use(&project)?;
    Ok((project, which.service))
}

pub(crate) async fn latest_deploy<W: Workloads, B: Builds>(
    State(app): App<W, B>,
    principal: Principal,
    project: ProjectPath,
) -> Result<Json<LatestDeploy>, Refused> {
    let Path(project) = project?;
    principal.may_use(&project)?;
    Ok(Json(LatestDeploy { id: app.control.latest_deploy(&project).await?.0 }))
}

pub(crate) async fn sleep<W: Workloads, B: Builds>(
    State(app): App<W, B>,
    principal: Principal,
    project: ProjectPath,
    which: WhichQuery,
) -> Result<Json<Affected>, Refused> {
    let (project, service) = chosen(principal, project, which)?;
    affected(&project, &app.control.sleep_all(&project, service.as_deref()).await?)
}

pub(crate) async fn wake<W: Workloads, B: Builds>(
    State(app): App<W, B>,
    principal: Principal,
    project: ProjectPath,
    which: WhichQuery,
) -> Result<Json<Affected>, Refused> {
    let (project, service) = chosen(principal, project, which)?;
    affected(&project, &app.control.wake_all(&project, service.as_deref()).await?)
}

pub(crate) async fn restart<W: Workloads, B: Builds>(
    State(app): App<W, B>,
    principal: Principal,
    project: ProjectPath,
    which: WhichQuery,
    named: NamedQuery,
) -> Result<Json<Affected>, Refused> {
    let (project, service) = chosen(principal, project, which)?;
    let Query(named) = named?;
    affected(&project, &app.control.restart(&project, service.as_deref(), named.id()?).await?)
}

pub(crate) async fn down<W: Workloads, B: Builds>(
    State(app): App<W, B>,
    principal: Principal,
    project: ProjectPath,
    down: Result<Query<Down>, QueryRejection>,
) -> Result<Json<Affected>, Refused> {
    let (Path(project), Query(down)) = (project?, down?);
    principal.may_use(&project)?;
    if down.quarantined {
        return affected(&project, &app.control.end_quarantined(&project).await?);
    }
    affected(&project, &app.control.down(&project, !down.keep_logs, down.purge).await?)
}

pub(crate) async fn down_all<W: Workloads, B: Builds>(
    State(app): App<W, B>,
    principal: Principal,
    down: Result<Query<Down>, QueryRejection>,
) -> Result<Json<Vec<Affected>>, Refused> {
    let Query(down) = down?;
    let mut projects = app.control.projects().await?;
    projects.retain(|project| principal.may_use(project.as_str()).is_ok());
    // Each by itself: one that cannot go keeps no other.
    let going = projects.iter().map(|project| async {
        match app.control.down(project.as_str(), !down.keep_logs, down.purge).await {
            Ok(keys) => Some(Ok(wire(project.as_str(), &keys))),
            // Somebody else has just taken it down.
            Err(OpError::NoSuchProject { .. }) => None,
            Err(error) => Some(Err(Refused::from(error))),
        }
    });
    let gone: Result<_, _> = join_all(going).await.into_iter().flatten().collect();
    Ok(Json(gone?))
}

fn affected(project: &str, keys: &[ServiceKey]) -> Result<Json<Affected>, Refused> {
    Ok(Json(wire(project, keys)))
}

fn wire(project: &str, keys: &[ServiceKey]) -> Affected {
    let services = keys.iter().map(|key| key.service.to_string()).collect();
    Affected { project: project.to_owned(), services }
}
