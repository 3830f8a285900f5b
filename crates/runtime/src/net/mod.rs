//! The networks of one server: a bridge for each project and one for builds, and the firewall around them.
//!
//! Everything carries the server's tag, so that two servers on one host never touch each other's, and is written down
//! in `networks.json` before it is made, so that a server that comes back finds (or, after a reboot, remakes) it.
//!
//! One network is made, changed and removed by itself, at the same price however many there are; only a server that
//! begins, or that repairs what others have damaged, looks at all of them. The firewall knows a network before its bridge is
//! there, and until it is gone.

mod arrivals;
mod bridge;
mod builds;
mod egress;
#[cfg(test)]
mod elsewhere;
mod error;
mod firewall;
mod line;
mod mend;
mod names;
mod pool;
mod record;
mod resolvers;
mod route;
mod share;
mod subnet;
mod sysctl;
mod trial;
mod veth;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use dormouse_backend::{Damage, NetworkSpec, Notifier};
use dormouse_model::{AddressBlock, ProjectName};
use nlink::{Connection, Route};
use tracing::warn;

use crate::host::{BuildLink, NetworkError, Networks, running};
pub use egress::{Destination, DestinationError, EgressPolicies, EgressPolicy};
pub use error::NetError;
use firewall::Firewall;
use line::Line;
pub use line::{Bandwidth, BitRate, BitRateError};
pub(crate) use line::{look_at_line, try_line};
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
    firewall: Firewall,
    egress: EgressPolicies,
    line: Line,
    /// Changes are made one at a time; attaching is none.
    changing: tokio::sync::Mutex<()>,
    projects: Mutex<BTreeMap<ProjectName, NetworkSpec>>,
    build_addresses: builds::Addresses,
    /// Whether it is over: nothing is to be made again.
    is_torn_down: AtomicBool,
    events: Notifier,
}

impl Network {
    /// Take up the networks of the server whose state folder is `state`: those it had, made again where they are
    /// missing, and the one for builds. A project's that cannot be made is told of in the log, and stops nobody. What may
    /// be reached from them is what `egress` says now; connections that are open go on. What leaves the host is divided between
    /// them where there is a `bandwidth`. `pool` is the /16 that the server's
    /// database knows: should `networks.json` be lost, damaged or of another time, nobody's address changes for that.
    ///
    /// # Errors
    /// When no /16 is free, or the kernel refuses nftables or the network for builds; when the bandwidth cannot be divided.
    pub async fn open(
        state: &Path,
        tag: &str,
        egress: EgressPolicies,
        bandwidth: Option<Bandwidth>,
        pool: Option<Ipv4Addr>,
    ) -> Result<Self, NetError> {
        let file = state.join("networks.json");
        let (conn, names) = (links()?, Names::new(tag));
        let found = Record::load(&file)?;
        let running = running(state);
        let recorded = found.as_ref().map(|record| record.pool);
        let pool = match (pool::Known { running: &running, database: pool, record: recorded }).pool() {
            Some(pool) => pool,
            None => pool::choose(&conn, &names, tag).await?,
        };
        let record = match found {
            Some(record) if record.pool == pool => record,
            other => {
                if let Some(Record { pool: recorded, .. }) = other {
                    warn!(%recorded, %pool, "networks.json is of another time, and nothing of it is used");
                }
                let fresh = Record { pool, projects: BTreeMap::new() };
                fresh.save(&file)?;
                fresh
            }
        };
        let network = Self {
            file,
            firewall: Firewall::new(&names, record.pool, bandwidth.is_some()),
            line: Line::new(tag, bandwidth),
            names,
            egress,
            pool: record.pool,
            changing: tokio::sync::Mutex::default(),
            build_addresses: builds::Addresses::new(record.pool),
            projects: Mutex::new(record.projects),
            is_torn_down: AtomicBool::new(false),
            events: Notifier::default(),
        };
        sysctl::forward()?;
        network.line.settle(&conn, &network.nets()).await?;
        for (bridge, error) in network.settle().await? {
            if bridge == network.names.builds() {
                return Err(error);
            }
            warn!(bridge, error = &error as &dyn std::error::Error, "a project has no network");
        }
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
        self.is_torn_down.store(true, Ordering::SeqCst);
        let conn = links()?;
        let bridges = bridge::remove_all(&conn, &self.names).await;
        self.firewall.remove().await?;
        bridges?;
        self.line.remove(&conn).await?;
        route::remove(&conn, self.pool).await?;
        self.known().clear();
        self.save()
    }

    fn is_over(&self) -> bool {
        self.is_torn_down.load(Ordering::SeqCst)
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
        let share = self.line.share(spec.gateway, Some(&spec.project));
        Subnet::project(&self.names, spec, self.egress.of(&spec.project), share)
    }

    fn builds(&self) -> Subnet {
        let share = self.line.share(builds::gateway(self.pool), None);
        builds::subnet(&self.names, self.pool, &self.egress.builds, share)
    }

    /// Make everything be as recorded, whatever there is; the bridges that cannot be made, and why.
    async fn settle(&self) -> Result<Vec<(String, NetError)>, NetError> {
        let (nets, conn) = (self.nets(), links()?);
        self.firewall.settle(&nets).await?;
        route::ensure(&conn, self.pool).await?;
        Ok(bridge::settle(&conn, &self.names, self.pool, &nets).await?.failed)
    }

    /// Every network that should be there, also the one of builds.
    fn nets(&self) -> Vec<Subnet> {
        let projects = self.known();
        let projects = projects.values().map(|spec| self.subnet(spec));
        std::iter::once(self.builds()).chain(projects).collect()
    }

    /// Make the firewall know of a change to one network.
    async fn guard(&self, old: Option<&Subnet>, new: Option<&Subnet>) -> Result<(), NetError> {
        let heard = Instant::now();
        let Err(error) = self.firewall.change(old, new).await else { return Ok(()) };
        warn!(
            error = &error as &dyn std::error::Error,
            "the firewall is not as it was left; making all of it again"
        );
        let mut nets = self.nets();
        nets.retain(|net| [old, new].into_iter().flatten().all(|changed| changed.bridge != net.bridge));
        nets.extend(new.cloned());
        self.firewall.settle(&nets).await?;
        self.tell(Damage::Firewall, self.everybody(), heard);
        Ok(())
    }

    /// Record what becomes of a project's network; what was recorded before.
    fn record(
        &self,
        project: &ProjectName,
        spec: Option<&NetworkSpec>,
    ) -> Result<Option<NetworkSpec>, NetError> {
        let old = self.spec(project);
        if old.as_ref() == spec {
            return Ok(old);
        }
        self.put(project, spec.cloned());
        self.save().inspect_err(|_| self.put(project, old.clone()))?;
        Ok(old)
    }

    fn put(&self, project: &ProjectName, spec: Option<NetworkSpec>) {
        let mut known = self.known();
        match spec {
            Some(spec) => drop(known.insert(project.clone(), spec)),
            None => drop(known.remove(project)),
        }
    }

    /// From what was to what shall be. The firewall knows a network before and until it is there.
    async fn turn(&self, old: Option<&Subnet>, new: Option<&Subnet>) -> Result<(), NetError> {
        let conn = links()?;
        if let Some(new) = new {
            if old.is_none_or(|old| old.share != new.share) {
                divided(self.line.add(&conn, new).await);
            }
            self.guard(old, Some(new)).await?;
            bridge::ensure(&conn, old, new).await
        } else if let Some(old) = old {
            bridge::remove(&conn, &old.bridge).await?;
            self.guard(Some(old), None).await?;
            divided(self.line.take(&conn, old).await);
            Ok(())
        } else {
            Ok(())
        }
    }
}

/// Nobody is kept from running because his share is not there: whoever watches makes it.
fn divided(done: Result<(), NetError>) {
    if let Err(error) = done {
        warn!(error = &error as &dyn std::error::Error, "what leaves is not divided as it should be");
    }
}

/// A socket on which links, addresses and routes of the host are asked for and changed.
fn links() -> Result<Connection<Route>, NetError> {
    Connection::<Route>::new().map_err(NetError::making("a netlink socket"))
}

impl Networks for Network {
    async fn ensure_all(
        &self,
        specs: &[NetworkSpec],
        used: &BTreeSet<ProjectName>,
    ) -> Result<BTreeMap<ProjectName, NetworkError>, NetworkError> {
        let _changing = self.changing.lock().await;
        let old = self.known().clone();
        let mut wanted: BTreeMap<_, _> = specs.iter().map(|s| (s.project.clone(), s.clone())).collect();
        for (project, spec) in old.iter().filter(|(project, _)| used.contains(*project)) {
            wanted.entry(project.clone()).or_insert_with(|| spec.clone());
        }
        // A record of another time may give a bridge to another project, or another bridge to a project.
        let bridges: BTreeSet<_> = wanted.values().map(|spec| self.names.project(spec)).collect();
        if wanted != old {
            *self.known() = wanted;
            self.save().inspect_err(|_| self.known().clone_from(&old))?;
        }
        let conn = links()?;
        let bridge_of = |spec: &NetworkSpec| self.names.project(spec);
        for bridge in old.values().map(bridge_of).filter(|bridge| !bridges.contains(bridge)) {
            if let Err(error) = bridge::remove(&conn, &bridge).await {
                warn!(bridge, error = &error as &dyn std::error::Error, "its network stays");
            }
        }
        let failed: BTreeMap<_, NetError> = self.settle().await?.into_iter().collect();
        let of = |spec: &NetworkSpec| (self.names.project(spec), spec.project.clone());
        let projects: BTreeMap<_, _> = specs.iter().map(of).collect();
        let told = failed
            .into_iter()
            .filter_map(|(bridge, error)| Some((projects.get(&bridge)?.clone(), NetworkError::from(error))));
        Ok(told.collect())
    }

    fn all(&self) -> Vec<NetworkSpec> {
        self.known().values().cloned().collect()
    }

    async fn ensure(&self, spec: &NetworkSpec) -> Result<(), NetworkError> {
        let _changing = self.changing.lock().await;
        let old = self.record(&spec.project, Some(spec))?;
        let (was, shall) = (old.as_ref().map(|old| self.subnet(old)), self.subnet(spec));
        let Err(error) = self.turn(was.as_ref(), Some(&shall)).await else { return Ok(()) };
        // What cannot be had leaves nothing behind, and what was there before goes on.
        let back = async {
            self.record(&spec.project, old.as_ref())?;
            self.turn(Some(&shall), was.as_ref()).await
        };
        if let Err(error) = back.await {
            warn!(project = %spec.project, error = &error as &dyn std::error::Error, "half of a network stays");
        }
        Err(error.into())
    }

    async fn remove(&self, project: &ProjectName) -> Result<(), NetworkError> {
        let _changing = self.changing.lock().await;
        let Some(spec) = self.spec(project) else { return Ok(()) };
        self.turn(Some(&self.subnet(&spec)), None).await?;
        self.record(project, None)?;
        Ok(())
    }

    fn blocks(&self, project: &ProjectName) -> Vec<AddressBlock> {
        self.spec(project).iter().flat_map(NetworkSpec::blocks).collect()
    }

    async fn attach(
        &self,
        project: &ProjectName,
        netns: &OwnedFd,
        addr: Ipv4Addr,
    ) -> Result<(), NetworkError> {
        let spec = self.spec(project).ok_or_else(|| NetError::NoNetwork { project: project.clone() })?;
        self.guarded().await?;
        let port = veth::Port::on(&self.subnet(&spec), addr);
        Ok(veth::attach(&self.names, &port, netns).await?)
    }

    fn arrivals(&self, project: &ProjectName, addr: Ipv4Addr) -> Result<Option<OwnedFd>, NetworkError> {
        let spec = self.spec(project).ok_or_else(|| NetError::NoNetwork { project: project.clone() })?;
        Ok(Some(arrivals::listen(&self.names.cable(addr), addr, spec.gateway)?))
    }

    fn notifier(&self) -> Notifier {
        self.events.clone()
    }

    fn gateway(&self, project: &ProjectName) -> Option<Ipv4Addr> {
        self.spec(project).map(|spec| spec.gateway)
    }

    async fn attach_build(&self, netns: &OwnedFd) -> Result<BuildLink, NetworkError> {
        self.guarded().await?;
        let link = self.build_addresses.take(&self.egress.builds)?;
        let port = veth::Port::on(&self.builds(), link.addr);
        veth::attach(&self.names, &port, netns).await?;
        Ok(link)
    }
}
