//! `GET /v1/ps`.

use axum::{Json, extract::State};
use dormouse_api::{Depth, InstanceStatus, ServiceState, ServiceStatus};
use dormouse_backend::{Builds, Workloads};
use dormouse_control::ServiceStanding;

use crate::{App, error::Refused, principal::Principal};

pub(crate) async fn ps<W: Workloads, B: Builds>(
    State(app): App<W, B>,
    principal: Principal,
) -> Result<Json<Vec<ServiceStatus>>, Refused> {
    let all = app.control.ps().await?.into_iter();
    Ok(Json(all.filter(|s| principal.may_use(s.key.project.as_str()).is_ok()).map(wire).collect()))
}

fn wire(status: dormouse_control::ServiceStatus) -> ServiceStatus {
    let (state, depth) = stands(status.standing);
    ServiceStatus {
        project: status.key.project.to_string(),
        service: status.key.service.to_string(),
        state,
        depth,
        url: status.urls.first().cloned(),
        urls: status.urls,
        pid: status.pid,
        resident_bytes: status.usage.map(|u| u.resident_bytes),
        swapped_bytes: status.usage.map(|u| u.swapped_bytes),
        last_wake_ms: status.last_wake_ms,
        deployment: status.deploy.map(|d| d.to_string()),
        instance: status.instance.map(|i| i.to_string()),
        ready: status.ready,
        replicas: status.replicas,
        instances: status.instances.into_iter().map(instance).collect(),
        last_activity: status.last_activity.map(|t| t.0),
        awake: status.awake,
        restarts: status.restarts,
        reason: status.reason,
    }
}

fn instance(i: dormouse_control::InstanceStatus) -> InstanceStatus {
    let (state, depth) = stands(i.standing);
    InstanceStatus {
        instance: i.id.to_string(),
        state,
        depth,
        deployment: i.deploy.map(|d| d.to_string()),
        pid: i.pid,
        resident_bytes: i.usage.map(|u| u.resident_bytes),
        swapped_bytes: i.usage.map(|u| u.swapped_bytes),
    }
}

fn stands(standing: ServiceStanding) -> (ServiceState, Option<Depth>) {
    let (state, depth) = match standing {
        ServiceStanding::Building => (ServiceState::Building, None),
        ServiceStanding::Failed => (ServiceState::Failed, None),
        ServiceStanding::Starting => (ServiceState::Starting, None),
        ServiceStanding::Ready => (ServiceState::Ready, None),
        ServiceStanding::Running => (ServiceState::Running, None),
        ServiceStanding::Done => (ServiceState::Done, None),
        ServiceStanding::Asleep(depth) => (ServiceState::Asleep, Some(depth)),
        ServiceStanding::Draining => (ServiceState::Draining, None),
        ServiceStanding::Stopped => (ServiceState::Stopped, Some(dormouse_model::Depth::Stopped)),
        ServiceStanding::Crashed => (ServiceState::Crashed, None),
        ServiceStanding::Quarantined => (ServiceState::Quarantined, None),
    };
    let depth = depth.map(|depth| match depth {
        dormouse_model::Depth::Frozen => Depth::Frozen,
        dormouse_model::Depth::Paged => Depth::Paged,
        dormouse_model::Depth::Stopped => Depth::Stopped,
    });
    (state, depth)
}
