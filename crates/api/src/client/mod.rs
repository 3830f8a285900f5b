//! A typed client over the Unix socket.

mod again;
mod ndjson;
mod send;

use std::{io, path::PathBuf};

use bytes::Bytes;
use futures_util::Stream as Streaming;
use http::Method;
pub use ndjson::NdJson;
use serde::Serialize;

use crate::{
    Affected, DeployAccepted, DeployEvent, DeployQuery, EnvChange, EnvChanged, EnvEntry, Error, Given,
    LatestDeploy, LogLine, LogQuery, ServerInfo, ServiceStatus,
};

/// Events of a deploy as they come.
pub type DeployEvents = NdJson<DeployEvent>;
/// Log lines as they come.
pub type LogLines = NdJson<LogLine>;

/// Talks to the control API of one server. Each call is a connection of its own, so it stays valid across restarts of the server.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

#[derive(Serialize)]
struct Since {
    from: u64,
}

#[derive(Serialize)]
struct Which<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
}

#[derive(Serialize)]
struct Named<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    /// The same each time it is asked.
    request: String,
}

#[derive(Serialize)]
struct Quarantined {
    quarantined: bool,
}

#[derive(Serialize)]
struct Down {
    keep_logs: bool,
    purge: bool,
}

#[derive(Serialize)]
struct Nothing {}

impl Client {
    /// A client of the server whose state folder holds this `api.sock`. Does not connect yet.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// What answers there.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when nobody does.
    pub async fn server(&self) -> Result<ServerInfo, Error> {
        self.json(Method::GET, "/v1/server", &Nothing {}).await
    }

    /// Send a tar of the project's folder, and what its manifest asks for besides.
    ///
    /// # Errors
    /// A name that a project from another folder has is [`crate::ErrorCode::NameTaken`].
    /// A refused manifest is [`Error::Server`] with status 422 and the whole rendered message.
    pub async fn deploy(
        &self,
        query: &DeployQuery,
        given: &Given,
        tar: impl Streaming<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<DeployAccepted, Error> {
        send::upload(&self.socket, "/v1/deploys", query, given, tar).await
    }

    /// End a deploy that is under way; what was live before it is live again.
    ///
    /// # Errors
    /// Status 404 for an unknown deploy, 409 for one that is over.
    pub async fn cancel(&self, id: u64) -> Result<Affected, Error> {
        let query = Named { service: None, request: again::name() };
        again::until_answered(&self.socket, Method::DELETE, &format!("/v1/deploys/{id}"), &query, None).await
    }

    /// Events of a deploy from number `from` on, live until its last one.
    ///
    /// # Errors
    /// Status 404 for an unknown deploy.
    pub async fn deploy_events(&self, id: u64, from: u64) -> Result<DeployEvents, Error> {
        self.stream(&format!("/v1/deploys/{id}/events"), &Since { from }).await
    }

    /// The number of a project's newest deploy.
    ///
    /// # Errors
    /// Status 404 for an unknown project.
    pub async fn latest_deploy(&self, project: &str) -> Result<u64, Error> {
        let path = format!("/v1/projects/{}/deploys/latest", send::segment(project));
        let latest: LatestDeploy = self.json(Method::GET, &path, &Nothing {}).await?;
        Ok(latest.id)
    }

    /// Every service of every project.
    ///
    /// # Errors
    /// When there is no server, or its answer breaks off.
    pub async fn ps(&self) -> Result<Vec<ServiceStatus>, Error> {
        self.json(Method::GET, "/v1/ps", &Nothing {}).await
    }

    /// Log lines of a project, oldest first.
    ///
    /// # Errors
    /// Status 404 for an unknown project or service.
    pub async fn logs(&self, project: &str, query: &LogQuery) -> Result<LogLines, Error> {
        self.stream(&format!("/v1/projects/{}/logs", send::segment(project)), query).await
    }

    /// Put a service, or the whole project, to sleep now.
    ///
    /// # Errors
    /// Status 404 for an unknown project or service.
    pub async fn sleep(&self, project: &str, service: Option<&str>) -> Result<Affected, Error> {
        self.verb(project, "sleep", service).await
    }

    /// Wake a service, or the whole project; answered once all are awake.
    ///
    /// # Errors
    /// Status 404 for an unknown project or service, 409 when it keeps crashing, 504 when it does not become ready in time.
    pub async fn wake(&self, project: &str, service: Option<&str>) -> Result<Affected, Error> {
        self.verb(project, "wake", service).await
    }

    /// Replace a service's instances, or those of the whole project, by new ones of the same image, without a gap.
    ///
    /// # Errors
    /// Status 404 for an unknown project or service, 409 when nothing of it was ever built.
    pub async fn restart(&self, project: &str, service: Option<&str>) -> Result<Affected, Error> {
        let path = format!("/v1/projects/{}/restart", send::segment(project));
        let query = Named { service, request: again::name() };
        again::until_answered(&self.socket, Method::POST, &path, &query, None).await
    }

    /// What is kept for a project, or for one of its services, with `dormouse env`.
    ///
    /// # Errors
    /// Status 422 for what cannot be a name.
    pub async fn env(&self, project: &str, service: Option<&str>) -> Result<Vec<EnvEntry>, Error> {
        self.json(Method::GET, &format!("/v1/projects/{}/env", send::segment(project)), &Which { service })
            .await
    }

    /// Keep and forget variables; answered once the services that are replaced for it serve.
    ///
    /// # Errors
    /// Status 422 for a variable that cannot be one, 409 and 504 when a service does not become ready with them.
    pub async fn change_env(&self, project: &str, change: &EnvChange) -> Result<EnvChanged, Error> {
        let path = format!("/v1/projects/{}/env", send::segment(project));
        let json = serde_json::to_vec(change).map_err(Error::broken)?;
        let query = Named { service: None, request: again::name() };
        again::until_answered(&self.socket, Method::POST, &path, &query, Some(json.into())).await
    }

    /// Stop a project and forget it, logs included unless they are to be kept, and with `purge` also what `dormouse env`
    /// keeps for it; answered once its processes and network are gone.
    ///
    /// # Errors
    /// Status 404 for an unknown project.
    pub async fn down(&self, project: &str, keep_logs: bool, purge: bool) -> Result<Affected, Error> {
        let path = format!("/v1/projects/{}", send::segment(project));
        again::until_gone(&self.socket, &path, &Down { keep_logs, purge }, project).await
    }

    /// Stop what runs of a project and the server's database does not know; answered once that is gone.
    ///
    /// # Errors
    /// Status 404 for an unknown project.
    pub async fn end_quarantined(&self, project: &str) -> Result<Affected, Error> {
        let path = format!("/v1/projects/{}", send::segment(project));
        again::until_gone(&self.socket, &path, &Quarantined { quarantined: true }, project).await
    }

    /// Stop every project and forget it; answered once all their processes and networks are gone.
    ///
    /// # Errors
    /// When one of them cannot be taken down; the others are.
    pub async fn down_all(&self, keep_logs: bool, purge: bool) -> Result<Vec<Affected>, Error> {
        let query = Down { keep_logs, purge };
        again::until_answered(&self.socket, Method::DELETE, "/v1/projects", &query, None).await
    }

    async fn verb(&self, project: &str, verb: &str, service: Option<&str>) -> Result<Affected, Error> {
        let path = format!("/v1/projects/{}/{verb}", send::segment(project));
        again::until_answered(&self.socket, Method::POST, &path, &Which { service }, None).await
    }

    async fn json<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, Error> {
        send::json(&self.socket, method, path, query).await
    }

    async fn stream<T>(&self, path: &str, query: &impl Serialize) -> Result<NdJson<T>, Error> {
        send::stream(&self.socket, path, query).await
    }
}
