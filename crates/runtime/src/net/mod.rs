//! The networks of one server: a bridge for each project and one for builds, and the firewall around them.
//!
//! Everything carries the server's tag, so that two servers on one host never touch each other's, and is written down
//! in `networks.json` before it is made, so that a server that comes back finds (or, after a reboot, remakes) it.

mod bridge;
mod builds;
mod error;
mod firewall;
mod names;
mod pool;
mod record;
mod resolvers;
mod subnet;
mod sysctl;
mod trial;
mod veth;

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use dormouse_backend::NetworkSpec;
use dormouse_model::ProjectName;
use nlink::{Connection, Route};

use crate::host::{BuildLink, NetworkError, Networks};
pub use error::NetError;
use names::Names;
use record::Record;
use subnet::Subnet;
pub(crate) use trial::{Part, trial};

/// The private networks of one server.
#[derive(Debug)]
pub struct Network {
    file: PathBuf,
    names: Names,
    pool: Ipv4Addr,
    /// Changes are made one at a time; attaching is none.
    changing: tokio::sync::Mutex<()>,
    projects: Mutex<BTreeMap<ProjectName, NetworkSpec>>,
    build_addresses: builds::Addresses,
}

impl Network {
    /// Take up the networks of the server whose state folder is `state`: those it had, made again where they are
    /// missing, and the one for builds.
    ///
    /// # Errors
    /// When no /16 is free, or the kernel refuses bridges, addresses or nftables.
    pub async fn open(state: &Path, tag: &str) -> Result<Self, NetError> {
        let file = state.join("networks.json");
        let conn = links()?;
        let record = match Record::load(&file)? {
            Some(record) => record,
            None => {
                let fresh = Record { pool: pool::choose(&conn, tag).await?, projects: BTreeMap::new() };
                fresh.save(&file)?;
                fresh
            }
        };
        let network = Self {
            file,
            names: Names::new(tag),
            pool: record.pool,
            changing: tokio::sync::Mutex::default(),
            build_addresses: builds::Addresses::new(record.pool),
            projects: Mutex::new(record.projects),
        };
        sysctl::forward()?;
        network.make().await?;
        Ok(network)
    }

    /// Base of the /16 that every network lies in.
    pub fn pool(&self) -> Ipv4Addr {
        self.pool
    }

    /// Remove everything that was made.
    ///
    /// # Errors
    /// When the kernel refuses; what could be removed is.
    pub async fn tear_down(&self) -> Result<(), NetError> {
        let _changing = self.changing.lock().await;
        let conn = links()?;
        let bridges = bridge::remove_all(&conn, &self.names).await;
        firewall::remove(&self.names).await?;
        bridges?;
        self.known().clear();
        self.save()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<ProjectName, NetworkSpec>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spec(&self, project: &ProjectName) -> Option<NetworkSpec> {
        self.known().get(project).cloned()
    }

    fn save(&self) -> Result<(), NetError> {
        Record { pool: self.pool, projects: self.known().clone() }.save(&self.file)
    }

    fn subnet(&self, spec: &NetworkSpec) -> Subnet {
        Subnet::project(&self.names, spec)
    }

    /// Make everything be as recorded. Rules come before the bridges they guard.
    async fn make(&self) -> Result<(), NetError> {
        let subnets = self.guard().await?;
        let conn = links()?;
        for subnet in &subnets {
            bridge::ensure(&conn, subnet).await?;
        }
        Ok(())
    }

    /// Make the firewall know every network; returns them.
    async fn guard(&self) -> Result<Vec<Subnet>, NetError> {
        let mut subnets: Vec<_> = self.known().values().map(|spec| self.subnet(spec)).collect();
        subnets.push(builds::subnet(&self.names, self.pool));
        firewall::replace(&self.names, self.pool, &subnets).await?;
        Ok(subnets)
    }
}

/// A socket on which links, addresses and routes of the host are asked for and changed.
fn links() -> Result<Connection<Route>, NetError> {
    Connection::<Route>::new().map_err(NetError::making("a netlink socket"))
}

impl Networks for Network {
    async fn ensure(&self, spec: &NetworkSpec) -> Result<(), NetworkError> {
        let _changing = self.changing.lock().await;
        self.known().insert(spec.project.clone(), spec.clone());
        self.save()?;
        self.guard().await?;
        let conn = links()?;
        Ok(bridge::ensure(&conn, &self.subnet(spec)).await?)
    }

    async fn remove(&self, project: &ProjectName) -> Result<(), NetworkError> {
        let _changing = self.changing.lock().await;
        let Some(spec) = self.spec(project) else { return Ok(()) };
        let conn = links()?;
        bridge::remove(&conn, &self.names.project(&spec)).await?;
        self.known().remove(project);
        self.save()?;
        self.guard().await?;
        Ok(())
    }

    async fn attach(
        &self,
        project: &ProjectName,
        netns: &OwnedFd,
        addr: Ipv4Addr,
    ) -> Result<(), NetworkError> {
        let spec = self.spec(project).ok_or_else(|| NetError::NoNetwork { project: project.clone() })?;
        let bridge = self.names.project(&spec);
        let port = veth::Port { bridge, addr, gateway: spec.gateway, alone: false };
        Ok(veth::attach(&self.names, &port, netns).await?)
    }

    fn gateway(&self, project: &ProjectName) -> Option<Ipv4Addr> {
        self.spec(project).map(|spec| spec.gateway)
    }

    async fn attach_build(&self, netns: &OwnedFd) -> Result<BuildLink, NetworkError> {
        let link = self.build_addresses.take()?;
        let port =
            veth::Port { bridge: self.names.builds(), addr: link.addr, gateway: link.gateway, alone: true };
        veth::attach(&self.names, &port, netns).await?;
        Ok(link)
    }
}
