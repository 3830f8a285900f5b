//! What instances need of a network, and the host without one.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    net::Ipv4Addr,
    os::fd::OwnedFd,
    pin::Pin,
    sync::Arc,
};

use dormouse_backend::{NetworkSpec, Notifier};
use dormouse_model::{AddressBlock, ProjectName};

/// Why a network could not be had.
pub type NetworkError = Box<dyn std::error::Error + Send + Sync>;

/// Private networks of projects.
pub trait Networks: Send + Sync + 'static {
    /// Make these networks be as described, and remove all others but those in `used`. Those that could not be made, and
    /// why.
    fn ensure_all(
        &self,
        specs: &[NetworkSpec],
        used: &BTreeSet<ProjectName>,
    ) -> impl Future<Output = Result<BTreeMap<ProjectName, NetworkError>, NetworkError>> + Send;

    /// Every project's network there is.
    fn all(&self) -> Vec<NetworkSpec>;

    /// Make a project's network be as described, or leave it as it was.
    fn ensure(&self, spec: &NetworkSpec) -> impl Future<Output = Result<(), NetworkError>> + Send;

    /// Remove a project's network; unknown ones are fine.
    fn remove(&self, project: &ProjectName) -> impl Future<Output = Result<(), NetworkError>> + Send;

    /// The addresses of a project's network; none without one.
    fn blocks(&self, project: &ProjectName) -> Vec<AddressBlock>;

    /// Connect a network namespace to a project's network, as `addr`.
    fn attach(
        &self,
        project: &ProjectName,
        netns: &OwnedFd,
        addr: Ipv4Addr,
    ) -> impl Future<Output = Result<(), NetworkError>> + Send;

    /// A socket that becomes readable when bytes arrive for an address of a project, from elsewhere than its gateway;
    /// `None` without a network.
    fn arrivals(&self, project: &ProjectName, addr: Ipv4Addr) -> Result<Option<OwnedFd>, NetworkError>;

    /// Where it is told what of the networks others have damaged and is made again.
    fn notifier(&self) -> Notifier;

    /// The gateway of a project's network, which is also its name server; `None` without one.
    fn gateway(&self, project: &ProjectName) -> Option<Ipv4Addr>;

    /// Connect a network namespace to the network for builds, as an address of its own.
    fn attach_build(&self, netns: &OwnedFd) -> impl Future<Output = Result<BuildLink, NetworkError>> + Send;
}

/// A sandbox's place on the network for builds. Dropped, its address may be given to another.
pub struct BuildLink {
    /// Its address.
    pub addr: Ipv4Addr,
    /// Where its traffic goes.
    pub gateway: Ipv4Addr,
    /// Who answers its name lookups: the host's own resolvers, or the gateway for those that builds cannot reach.
    pub resolvers: Vec<Ipv4Addr>,
    /// Whatever holds the address; dropped with the link.
    pub lease: Box<dyn Any + Send>,
}

impl fmt::Debug for BuildLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildLink")
            .field("addr", &self.addr)
            .field("gateway", &self.gateway)
            .field("resolvers", &self.resolvers)
            .finish_non_exhaustive()
    }
}

impl<N: Networks> Networks for Arc<N> {
    fn ensure_all(
        &self,
        specs: &[NetworkSpec],
        used: &BTreeSet<ProjectName>,
    ) -> impl Future<Output = Result<BTreeMap<ProjectName, NetworkError>, NetworkError>> + Send {
        N::ensure_all(self, specs, used)
    }

    fn all(&self) -> Vec<NetworkSpec> {
        N::all(self)
    }

    fn ensure(&self, spec: &NetworkSpec) -> impl Future<Output = Result<(), NetworkError>> + Send {
        N::ensure(self, spec)
    }

    fn remove(&self, project: &ProjectName) -> impl Future<Output = Result<(), NetworkError>> + Send {
        N::remove(self, project)
    }

    fn blocks(&self, project: &ProjectName) -> Vec<AddressBlock> {
        N::blocks(self, project)
    }

    fn attach(
        &self,
        project: &ProjectName,
        netns: &OwnedFd,
        addr: Ipv4Addr,
    ) -> impl Future<Output = Result<(), NetworkError>> + Send {
        N::attach(self, project, netns, addr)
    }

    fn arrivals(&self, project: &ProjectName, addr: Ipv4Addr) -> Result<Option<OwnedFd>, NetworkError> {
        N::arrivals(self, project, addr)
    }

    fn notifier(&self) -> Notifier {
        N::notifier(self)
    }

    fn gateway(&self, project: &ProjectName) -> Option<Ipv4Addr> {
        N::gateway(self, project)
    }

    fn attach_build(&self, netns: &OwnedFd) -> impl Future<Output = Result<BuildLink, NetworkError>> + Send {
        N::attach_build(self, netns)
    }
}

/// The part of [`Networks`] that builds need, for whoever should not have to know which one it is.
pub(crate) trait BuildNetwork: Send + Sync {
    fn attach<'a>(
        &'a self,
        netns: &'a OwnedFd,
    ) -> Pin<Box<dyn Future<Output = Result<BuildLink, NetworkError>> + Send + 'a>>;
}

impl<N: Networks> BuildNetwork for N {
    fn attach<'a>(
        &'a self,
        netns: &'a OwnedFd,
    ) -> Pin<Box<dyn Future<Output = Result<BuildLink, NetworkError>> + Send + 'a>> {
        Box::pin(self.attach_build(netns))
    }
}

/// No network: every instance has only a loopback.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loopback;

impl Networks for Loopback {
    async fn ensure_all(
        &self,
        _specs: &[NetworkSpec],
        _used: &BTreeSet<ProjectName>,
    ) -> Result<BTreeMap<ProjectName, NetworkError>, NetworkError> {
        Ok(BTreeMap::new())
    }

    fn all(&self) -> Vec<NetworkSpec> {
        Vec::new()
    }

    async fn ensure(&self, _spec: &NetworkSpec) -> Result<(), NetworkError> {
        Ok(())
    }

    async fn remove(&self, _project: &ProjectName) -> Result<(), NetworkError> {
        Ok(())
    }

    fn blocks(&self, _project: &ProjectName) -> Vec<AddressBlock> {
        // Nobody is reached there, and everybody has one.
        vec![AddressBlock::around(Ipv4Addr::new(10, 0, 0, 0), 16)]
    }

    async fn attach(
        &self,
        _project: &ProjectName,
        _netns: &OwnedFd,
        _addr: Ipv4Addr,
    ) -> Result<(), NetworkError> {
        Ok(())
    }

    fn arrivals(&self, _project: &ProjectName, _addr: Ipv4Addr) -> Result<Option<OwnedFd>, NetworkError> {
        Ok(None)
    }

    fn notifier(&self) -> Notifier {
        Notifier::default()
    }

    fn gateway(&self, _project: &ProjectName) -> Option<Ipv4Addr> {
        None
    }

    async fn attach_build(&self, _netns: &OwnedFd) -> Result<BuildLink, NetworkError> {
        Err("this host has no network for builds".into())
    }
}
