//! Variables kept for services.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
};
use dormouse_api::{EnvChange, EnvChanged, EnvEntry, MASK};
use dormouse_backend::{Builds, Workloads};
use dormouse_model::ServiceKey;

use crate::{
    App,
    error::Refused,
    principal::Principal,
    project::{NamedQuery, Which},
};

pub(crate) async fn list<W: Workloads, B: Builds>(
    State(app): App<W, B>,
    principal: Principal,
    project: Result<Path<String>, PathRejection>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Vec<EnvEntry>>, Refused> {
    let (Path(project), Query(which)) = (project?, which?);
    principal.may_use(&project)?;
    let kept = app.control.env(&project, which.service.as_deref()).await?;
    let entry = |e: dormouse_control::EnvEntry| EnvEntry {
        service: e.service.map(|s| s.to_string()),
        name: e.name,
        value: MASK.to_owned(),
        set_at: e.set_at.0,
    };
    Ok(Json(kept.into_iter().map(entry).collect()))
}

pub(crate) async fn change<W: Workloads, B: Builds>(
    State(app): App<W, B>,
    principal: Principal,
    project: Result<Path<String>, PathRejection>,
    named: NamedQuery,
    change: Result<Json<EnvChange>, JsonRejection>,
) -> Result<Json<EnvChanged>, Refused> {
    let (Path(project), Json(change)) = (project?, change?);
    principal.may_use(&project)?;
    let EnvChange { service, set, unset, import, restart } = change;
    let Query(named) = named?;
    let request = named.id()?;
    let wanted = dormouse_control::EnvChange { set, unset, import, restart, request };
    let done = app.control.change_env(&project, service.as_deref(), wanted).await?;
    let names = |keys: Vec<ServiceKey>| keys.into_iter().map(|key| key.service.to_string()).collect();
    Ok(Json(EnvChanged {
        project,
        set: done.set,
        passed_over: done.passed_over,
        restarted: names(done.restarted),
        later: names(done.later),
        known: done.known,
    }))
}
