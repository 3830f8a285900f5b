//! What instances need of a network, and the host without one.

use std::{future::Future, net::Ipv4Addr, os::fd::OwnedFd};

use dormouse_backend::NetworkSpec;
use dormouse_model::ProjectName;

/// Why a network could not be had.
pub type NetworkError = Box<dyn std::error::Error + Send + Sync>;

/// Private networks of projects.
pub trait Networks: Send + Sync + 'static {
    /// Make a project's network be as described.
    fn ensure(&self, spec: &NetworkSpec) -> impl Future<Output = Result<(), NetworkError>> + Send;

    /// Remove a project's network; unknown ones are fine.
    fn remove(&self, project: &ProjectName) -> impl Future<Output = Result<(), NetworkError>> + Send;

    /// Connect a network namespace to a project's network, as `addr`.
    fn attach(
        &self,
        project: &ProjectName,
        netns: &OwnedFd,
        addr: Ipv4Addr,
    ) -> impl Future<Output = Result<(), NetworkError>> + Send;

    /// The gateway of a project's network, which is also its name server; `None` without one.
    fn gateway(&self, project: &ProjectName) -> Option<Ipv4Addr>;
}

/// No network: every instance has only a loopback.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loopback;

impl Networks for Loopback {
    async fn ensure(&self, _spec: &NetworkSpec) -> Result<(), NetworkError> {
        Ok(())
    }

    async fn remove(&self, _project: &ProjectName) -> Result<(), NetworkError> {
        Ok(())
    }

    async fn attach(
        &self,
        _project: &ProjectName,
        _netns: &OwnedFd,
        _addr: Ipv4Addr,
    ) -> Result<(), NetworkError> {
        Ok(())
    }

    fn gateway(&self, _project: &ProjectName) -> Option<Ipv4Addr> {
        None
    }
}
