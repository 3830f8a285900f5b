//! The control API: its wire types and a typed client.
//!
//! HTTP/1.1 with JSON over a Unix socket. Depends on none of our other crates, so that a client needs only this one.
//!
//! | call | answer |
//! |---|---|
//! | `GET /v1/server` | [`ServerInfo`] |
//! | `POST /v1/deploys?`[`DeployQuery`], body a tar of the project's folder, perhaps after what is [`Given`] | [`DeployAccepted`] |
//! | `DELETE /v1/deploys/{id}` | [`Affected`] |
//! | `GET /v1/deploys/{id}/events?from=N` | NDJSON of [`DeployEvent`], ends with the deploy |
//! | `GET /v1/ps` | array of [`ServiceStatus`] |
//! | `GET /v1/projects/{project}/logs?service=&since_ms=&tail=&follow=&platform=` | NDJSON of [`LogLine`] |
//! | `POST /v1/projects/{project}/sleep?service=`, likewise `wake`, `restart` | [`Affected`] |
//! | `GET /v1/projects/{project}/env?service=` | array of [`EnvEntry`] |
//! | `POST /v1/projects/{project}/env`, body [`EnvChange`] | [`EnvChanged`] |
//! | `DELETE /v1/projects/{project}?keep_logs=&purge=` | [`Affected`] |
//! | `DELETE /v1/projects?keep_logs=&purge=` | array of [`Affected`] |
//!
//! Errors are [`ErrorBody`] with a fitting status.
#![forbid(unsafe_code)]

mod client;
mod deploy;
mod env;
mod error;
mod given;
mod log;
mod status;

pub use client::{Client, DeployEvents, LogLines, NdJson};
pub use deploy::{DeployAccepted, DeployEvent, DeployQuery, DeployStep, LatestDeploy, Waits};
pub use env::{EnvChange, EnvChanged, EnvEntry, MASK};
pub use error::{Error, ErrorBody, ErrorCode};
pub use given::{GIVEN_AND_TAR, Given};
pub use log::{LogLine, LogQuery, LogSource, Stream};
pub use status::{Affected, Depth, InstanceStatus, ServerInfo, ServiceState, ServiceStatus};
