//! Dividing what leaves this host between its projects: classes of HTB at the interface by which it leaves.
//!
//! What a sandbox sends is given its network's class by the firewall, which also takes away any that it chose itself; what the edge
//! answers for a project by the socket (`SO_PRIORITY`), which only who administers the host's network may set so. All else is
//! the host's own. Nothing at the interface is touched unless the operator asks for it, nor what somebody else has put there.

mod rate;
mod shape;
mod trial;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use dormouse_model::{Classes, ProjectName};
use nlink::{
    Bytes, Connection, Rate, Route, TcHandle,
    netlink::{
        messages::TcMessage,
        tc::{BfifoConfig, HtbClassConfig, HtbQdiscConfig},
        tc_options::parse_htb_class_options,
    },
};
use tracing::{info, warn};

use super::{NetError, share::Share, subnet::Subnet};
pub use rate::{BitRate, BitRateError};
use shape::{QUANTUM, Shape};
pub(crate) use trial::{look_at_line, try_line};

/// How what leaves this host is divided: the operator's word on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bandwidth {
    /// What leaves it at most.
    pub out: BitRate,
    /// The interface by which it leaves; `None` is that of the default route.
    pub interface: Option<String>,
    /// The most for each project that is not named; `None` is all of it.
    pub most: Option<BitRate>,
    /// The most for those that are.
    pub projects: BTreeMap<ProjectName, BitRate>,
}

impl Bandwidth {
    /// All of this, divided equally, wherever the default route leads.
    #[must_use]
    pub fn new(out: BitRate) -> Self {
        Self { out, interface: None, most: None, projects: BTreeMap::new() }
    }
}

/// What came of looking at the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// As it should be, or nobody's business.
    Right,
    /// It leaves by another interface than before, which is divided now.
    Moved,
    /// Somebody had changed it.
    Damaged,
}

/// What there is.
struct Survey {
    uplink: Option<Uplink>,
    /// Other interfaces that we have divided, by their numbers.
    left: Vec<u32>,
}

/// The interface by which what leaves the host does.
#[derive(Clone, Copy)]
struct Uplink {
    index: u32,
    is_divided: bool,
}

/// The host's line.
#[derive(Debug)]
pub(super) struct Line {
    classes: Classes,
    bandwidth: Option<Bandwidth>,
    /// The interface that is divided, by its number.
    divided: Mutex<Option<u32>>,
}

const HTB: &str = "htb";

impl Line {
    pub(super) fn new(tag: &str, bandwidth: Option<Bandwidth>) -> Self {
        Self { classes: Classes::of(tag), bandwidth, divided: Mutex::default() }
    }

    pub(super) fn is_on(&self) -> bool {
        self.bandwidth.is_some()
    }

    /// The share of the network with this gateway, a project's or that of builds; `None` when nothing is divided.
    pub(super) fn share(&self, gateway: std::net::Ipv4Addr, project: Option<&ProjectName>) -> Option<Share> {
        let bandwidth = self.bandwidth.as_ref()?;
        let most = project.and_then(|name| bandwidth.projects.get(name).copied().or(bandwidth.most));
        Some(Share { class: self.classes.network(gateway), most })
    }

    /// Whether what leaves by this interface is divided, or is to be.
    pub(super) fn is_at(&self, index: u32, name: Option<&str>) -> bool {
        let named = self.bandwidth.as_ref().and_then(|b| b.interface.as_deref());
        self.divided() == Some(index) || (named.is_some() && named == name)
    }

    fn divided(&self) -> Option<u32> {
        *self.divided.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Make the interface be divided between these networks and the host, whatever there is of ours; and no other.
    ///
    /// # Errors
    /// When somebody else's queueing discipline is there, or the kernel refuses. No interface is no error: one will come.
    pub(super) async fn settle(&self, conn: &Connection<Route>, nets: &[Subnet]) -> Result<Found, NetError> {
        let Survey { uplink, left } = self.survey(conn).await?;
        for index in left {
            self.free(conn, index).await?;
        }
        let at = uplink.map(|uplink| uplink.index);
        let before = std::mem::replace(&mut *self.divided.lock().unwrap_or_else(PoisonError::into_inner), at);
        let (Some(bandwidth), Some(Uplink { index, is_divided })) = (&self.bandwidth, uplink) else {
            if before.is_some() {
                warn!(
                    "no interface leads out any more: until one does, what leaves is not divided between projects"
                );
            }
            return Ok(Found::Right);
        };
        let changed = self.divide(conn, index, is_divided, bandwidth, nets).await?;
        Ok(match before == at {
            true if changed => Found::Damaged,
            true => Found::Right,
            false => {
                let interface = name(conn, index).await;
                info!(interface, out = %bandwidth.out, "what leaves is divided between projects");
                Found::Moved
            }
        })
    }

    /// Look, and change nothing.
    async fn survey(&self, conn: &Connection<Route>) -> Result<Survey, NetError> {
        let there = conn.get_qdiscs().await.map_err(NetError::making("a list of queueing disciplines"))?;
        let roots = || there.iter().filter(|q| q.parent() == TcHandle::ROOT);
        let index = match &self.bandwidth {
            Some(bandwidth) => uplink(conn, bandwidth).await?,
            None => None,
        };
        let left = roots().filter(|q| self.is_ours(q) && Some(q.ifindex()) != index);
        let left = left.map(TcMessage::ifindex).collect();
        let Some(index) = index else { return Ok(Survey { uplink: None, left }) };
        let root = roots().find(|q| q.ifindex() == index);
        let is_divided = root.is_some_and(|q| self.is_ours(q));
        // The kernel gives its own no number.
        if let Some(foreign) = root.filter(|q| !is_divided && q.handle() != TcHandle::UNSPEC) {
            let (kind, handle) = (foreign.kind().unwrap_or("unknown"), foreign.handle().to_string());
            return Err(NetError::Foreign {
                interface: name(conn, index).await,
                kind: kind.to_owned(),
                handle,
            });
        }
        Ok(Survey { uplink: Some(Uplink { index, is_divided }), left })
    }

    /// The classes of an interface; whether anything was not as it should be.
    async fn divide(
        &self,
        conn: &Connection<Route>,
        index: u32,
        mut is_there: bool,
        bandwidth: &Bandwidth,
        nets: &[Subnet],
    ) -> Result<bool, NetError> {
        let whole = Shape::whole(self.classes, bandwidth);
        let mut there = self.list(conn, index, is_there).await?;
        if is_there && !there.get(&whole.class.bits()).is_some_and(|it| is_like(it, &whole)) {
            // Another line than it was: queues are of other lengths too.
            self.free(conn, index).await?;
            (is_there, there) = (false, BTreeMap::new());
        }
        let mut changed = !is_there;
        if !is_there {
            let htb = HtbQdiscConfig::new().default_class(u32::from(self.classes.host().minor()));
            let root = conn.add_qdisc_by_index_full(index, TcHandle::ROOT, Some(self.root()), htb);
            root.await.map_err(self.undivided(conn, index).await)?;
        }
        let shares = nets.iter().filter_map(|net| Shape::network(self.classes, bandwidth, net));
        let wanted: Vec<_> =
            [whole, Shape::host(self.classes, bandwidth)].into_iter().chain(shares).collect();
        let ids: BTreeSet<_> = wanted.iter().map(|shape| shape.class.bits()).collect();
        for (class, _) in there.iter().filter(|(class, _)| !ids.contains(class)) {
            remove(conn, index, *class).await?;
            changed = true;
        }
        for shape in &wanted {
            if let Some(class) = there.get(&shape.class.bits())
                && shape.parent.is_some_and(|parent| class.parent_raw() != parent.bits())
            {
                // The kernel moves none.
                remove(conn, index, shape.class.bits()).await?;
            }
            if !there.get(&shape.class.bits()).is_some_and(|it| is_like(it, shape)) {
                put(conn, index, self.root(), shape).await?;
                changed = true;
            }
        }
        Ok(changed)
    }

    /// A network comes: its class is there before anything is counted with it.
    pub(super) async fn add(&self, conn: &Connection<Route>, net: &Subnet) -> Result<(), NetError> {
        let shape = self.bandwidth.as_ref().and_then(|b| Shape::network(self.classes, b, net));
        match (self.divided(), shape) {
            (Some(index), Some(shape)) => put(conn, index, self.root(), &shape).await,
            (None, _) | (_, None) => Ok(()),
        }
    }

    /// A network is gone; a class that is not there is fine.
    pub(super) async fn take(&self, conn: &Connection<Route>, net: &Subnet) -> Result<(), NetError> {
        match (self.divided(), &net.share) {
            (Some(index), Some(share)) => remove(conn, index, share.class.bits()).await,
            (None, _) | (_, None) => Ok(()),
        }
    }

    /// Leave every interface as it was found.
    pub(super) async fn remove(&self, conn: &Connection<Route>) -> Result<(), NetError> {
        *self.divided.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let there = conn.get_qdiscs().await.map_err(NetError::making("a list of queueing disciplines"))?;
        for ours in there.iter().filter(|q| q.parent() == TcHandle::ROOT && self.is_ours(q)) {
            self.free(conn, ours.ifindex()).await?;
        }
        Ok(())
    }

    /// The kernel puts its own back.
    async fn free(&self, conn: &Connection<Route>, index: u32) -> Result<(), NetError> {
        let gone = conn.del_qdisc_by_index_full(index, TcHandle::ROOT, Some(self.root())).await;
        unless_gone(gone).map_err(NetError::making("the queueing discipline of an interface go"))
    }

    /// Everything that divides the interface, by the kernel's numbers.
    async fn list(
        &self,
        conn: &Connection<Route>,
        index: u32,
        is_there: bool,
    ) -> Result<BTreeMap<u32, TcMessage>, NetError> {
        if !is_there {
            return Ok(BTreeMap::new());
        }
        let all = conn.get_classes_by_index(index).await.map_err(NetError::making("a list of classes"))?;
        let ours = |class: &TcMessage| class.handle().major() == self.classes.major();
        Ok(all.into_iter().filter(ours).map(|class| (class.handle_raw(), class)).collect())
    }

    fn is_ours(&self, qdisc: &TcMessage) -> bool {
        qdisc.kind() == Some(HTB) && qdisc.handle() == self.root()
    }

    fn root(&self) -> TcHandle {
        TcHandle::major_only(self.classes.major())
    }

    async fn undivided(
        &self,
        conn: &Connection<Route>,
        index: u32,
    ) -> impl FnOnce(nlink::Error) -> NetError + use<> {
        let interface = name(conn, index).await;
        move |source| NetError::Undivided { interface, source }
    }
}

/// The interface by which what is for anywhere leaves.
async fn uplink(conn: &Connection<Route>, bandwidth: &Bandwidth) -> Result<Option<u32>, NetError> {
    if let Some(name) = &bandwidth.interface {
        let link = conn.get_link_by_name(name.as_str()).await;
        let link = link.map_err(NetError::making(format!("sense of the interface {name}")))?;
        return Ok(link.map(|link| link.ifindex()));
    }
    let routes = conn.get_routes().await.map_err(NetError::making("a list of routes"))?;
    let default = routes.iter().filter(|r| r.is_ipv4() && r.is_default() && r.table_id() == MAIN);
    let first = default.filter(|r| r.oif().is_some()).min_by_key(|r| r.priority().unwrap_or_default());
    Ok(first.and_then(nlink::netlink::messages::RouteMessage::oif))
}

/// The table of routes that everybody uses.
const MAIN: u32 = 254;

async fn name(conn: &Connection<Route>, index: u32) -> String {
    let link = conn.get_link_by_index(index).await.ok().flatten();
    link.and_then(|link| link.name().map(str::to_owned)).unwrap_or_else(|| format!("interface {index}"))
}

/// Make a class be like this.
async fn put(conn: &Connection<Route>, index: u32, root: TcHandle, shape: &Shape) -> Result<(), NetError> {
    let making = || NetError::making(format!("the class {} of what leaves", shape.class));
    let class = TcHandle::from_raw(shape.class.bits());
    let parent = shape.parent.map_or(root, |parent| TcHandle::from_raw(parent.bits()));
    let numbers = HtbClassConfig::new(Rate::bytes_per_sec(shape.rate))
        .ceil(Rate::bytes_per_sec(shape.ceil))
        .burst(Bytes::new(shape.burst.into()))
        .cburst(Bytes::new(shape.ceil_burst.into()))
        .quantum(QUANTUM)
        .prio(shape.turn);
    conn.replace_class_by_index(index, parent, class, numbers).await.map_err(making())?;
    let Some(queue) = shape.queue else { return Ok(()) };
    let fifo = BfifoConfig::new().limit(Bytes::new(queue.into()));
    let handle = TcHandle::major_only(shape.class.minor());
    match conn.add_qdisc_by_index_full(index, class, Some(handle), fifo).await {
        Err(e) if !e.is_already_exists() => Err(making()(e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn remove(conn: &Connection<Route>, index: u32, class: u32) -> Result<(), NetError> {
    let class = TcHandle::from_raw(class);
    let gone = conn.del_class_by_index(index, TcHandle::UNSPEC, class).await;
    unless_gone(gone).map_err(NetError::making(format!("the class {class} of what leaves go")))
}

/// Also when all of it is gone: then somebody else has removed the interface, or what was there.
fn unless_gone(done: Result<(), nlink::Error>) -> Result<(), nlink::Error> {
    match done {
        Err(e) if !(e.is_not_found() || e.is_no_device() || e.is_invalid_argument()) => Err(e),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn is_like(class: &TcMessage, shape: &Shape) -> bool {
    let Some(numbers) = class.raw_options().and_then(parse_htb_class_options) else { return false };
    let same = numbers.rate == shape.rate && numbers.ceil == shape.ceil;
    let Some(parent) = shape.parent else { return same };
    // The queue of a class has a number, unless it is the one that the kernel gives.
    let has_queue = class.info() != 0;
    same && has_queue
        && class.parent_raw() == parent.bits()
        && numbers.quantum == QUANTUM
        && numbers.priority == shape.turn
}

#[cfg(test)]
mod tests;
