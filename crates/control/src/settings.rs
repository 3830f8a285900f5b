//! What control has to be told.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use dormouse_model::{Clock, Limits, ServiceKey};

use crate::DeployId;

/// Settings of the mind, complete.
#[derive(Debug, Clone)]
pub struct ControlSettings {
    /// The state folder; must exist.
    pub state: PathBuf,
    /// Base of the /16 that projects get their addresses from, such as `10.77.0.0`. Its last 256 are for builds.
    pub pool: Ipv4Addr,
    /// Public host names end in this: `<project>.<domain>`.
    pub domain: String,
    /// `http` or `https`, for URLs shown to people.
    pub scheme: String,
    /// Port of the public listener, for URLs shown to people.
    pub public_port: u16,
    /// Builds that run at the same time; at least one. A project has all of them but one, where there are several.
    pub builds_at_once: usize,
    /// What a service may ask for.
    pub most: Limits,
    /// How much of what is over is kept.
    pub keep: Keep,
    /// What time it is.
    pub clock: Clock,
}

/// How much of what is over is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// The newest so many deploys of each project, and as many restarts of each service; at least one.
    pub deploys: u32,
    /// None that is older than this, but for the newest.
    pub age: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        Self { deploys: 100, age: Duration::from_secs(365 * 24 * 3600) }
    }
}

/// Where the database of a state folder is.
pub(crate) fn database(state: &Path) -> PathBuf {
    state.join("dormouse.db")
}

impl ControlSettings {
    pub(crate) fn database(&self) -> PathBuf {
        database(&self.state)
    }

    /// What secrets are sealed with.
    pub(crate) fn key(&self) -> PathBuf {
        self.state.join("secret.key")
    }

    /// Where uploads go.
    pub(crate) fn sources(&self) -> PathBuf {
        self.state.join("sources")
    }

    /// Where a deploy's unpacked source is kept until its images are built.
    pub(crate) fn source(&self, deploy: DeployId) -> PathBuf {
        self.sources().join(deploy.0.to_string())
    }

    pub(crate) fn events(&self, deploy: DeployId) -> PathBuf {
        self.build_logs().join(format!("{}.log", deploy.0))
    }

    /// Where what deploys say is kept.
    pub(crate) fn build_logs(&self) -> PathBuf {
        self.state.join("logs/builds")
    }

    pub(crate) fn project_logs(&self, project: &str) -> PathBuf {
        self.state.join("logs").join(project)
    }

    /// Where the logs of a service's instances are, and its events.
    pub(crate) fn service_logs(&self, key: &ServiceKey) -> PathBuf {
        self.project_logs(key.project.as_str()).join(key.service.as_str())
    }

    /// The URL of a public host.
    pub(crate) fn url(&self, host: &str) -> String {
        format!("{}://{}/", self.scheme, self.authority(host))
    }

    /// A public host with the port it is reached at, unless that goes without saying.
    pub(crate) fn authority(&self, host: &str) -> String {
        match (self.scheme.as_str(), self.public_port) {
            ("http", 80) | ("https", 443) => host.to_owned(),
            (_, port) => format!("{host}:{port}"),
        }
    }
}
