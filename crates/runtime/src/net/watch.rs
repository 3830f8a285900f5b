//! Watching the firewall, the bridges and the route of the pool: the kernel tells of every change to any of them, whoever makes
//! it. Our own are told too; what they left is as it should be, and nothing comes of it.

use std::{
    io,
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};

use futures_util::{FutureExt, Stream, StreamExt};
use nlink::{
    Connection, Route,
    netlink::{
        Nftables, RtnetlinkGroup, events::NetworkEvent, messages::RouteMessage, types::route::RouteType,
    },
};
use tokio::{select, time::sleep};
use tracing::{error, warn};

use super::{NetError, Network, links, route};

/// What nobody tells of, such as a cable that somebody unplugs, is found after so long.
const LOOK: Duration = Duration::from_secs(30);
/// What cannot be repaired is tried again after so long.
const AGAIN: Duration = Duration::from_secs(1);
/// Between two looks: a storm of changes is not answered one by one.
const PAUSE: Duration = Duration::from_millis(20);

impl Network {
    /// Repair from now on what others remove or change, on a thread of its own, until the network is dropped or torn down.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn watch(self: &Arc<Self>) -> io::Result<()> {
        let network = Arc::downgrade(self);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let watch = move || runtime.block_on(watch(&network));
        thread::Builder::new().name("networks".to_owned()).spawn(watch).map(drop)
    }

    /// Whether a change to links, addresses or routes is one that leaves ours other than they should be.
    fn is_touched(&self, by: &NetworkEvent) -> bool {
        let ours = |name: Option<&str>| name.is_some_and(|name| name.starts_with(&self.names.bridges()));
        if let NetworkEvent::DelLink(link) = by {
            ours(link.name())
        } else if let NetworkEvent::NewLink(link) = by {
            ours(link.name()) && !link.is_up()
        } else if let NetworkEvent::DelAddress(addr) = by {
            ours(addr.label())
        } else if let NetworkEvent::DelRoute(gone) = by {
            gone.route_type() == RouteType::Unreachable
                && gone.dst_len() == route::POOL
                && gone.destination() == Some(&self.pool.into())
        } else {
            // What else comes takes nothing away.
            false
        }
    }

    /// Whether it is one to how what leaves is divided.
    fn is_line_touched(&self, by: &NetworkEvent) -> bool {
        let leads_out = |route: &RouteMessage| route.is_ipv4() && route.is_default();
        if !self.line.is_on() {
            false
        } else if let NetworkEvent::NewQdisc(it)
        | NetworkEvent::DelQdisc(it)
        | NetworkEvent::NewClass(it)
        | NetworkEvent::DelClass(it) = by
        {
            self.line.is_at(it.ifindex(), None)
        } else if let NetworkEvent::NewLink(link) | NetworkEvent::DelLink(link) = by {
            self.line.is_at(link.ifindex(), link.name())
        } else if let NetworkEvent::NewRoute(route) | NetworkEvent::DelRoute(route) = by {
            leads_out(route)
        } else {
            false
        }
    }
}

async fn watch(network: &Weak<Network>) {
    loop {
        match follow(network).await {
            Ok(()) => return,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                warn!(error, "cannot hear who changes the networks; trying again");
            }
        }
        sleep(AGAIN).await;
    }
}

/// Look whenever something of ours is touched. Ends when there is nothing to watch any more.
async fn follow(network: &Weak<Network>) -> Result<(), NetError> {
    let (tables, interfaces) = listen()?;
    let (mut tables, mut interfaces) = (tables.into_events().await, interfaces.into_events().await);
    let (mut heard, mut told) = (Instant::now(), None);
    loop {
        let Some(alive) = network.upgrade().filter(|n| !n.is_over()) else { return Ok(()) };
        let mended = alive.mend(heard).await;
        drop(alive);
        let next = match mended {
            Ok(()) => {
                told = None;
                LOOK
            }
            Err(error) => {
                let why = describe(&error);
                // Not once a second.
                if told.as_ref() != Some(&why) {
                    error!(why, "the apps' networks are not as they should be, and cannot be repaired");
                    told = Some(why);
                }
                AGAIN
            }
        };
        sleep(PAUSE).await;
        select! {
            touched = touched(&mut tables, network, |n, event| n.firewall.is_touched(event)) => touched?,
            touched = touched(&mut interfaces, network, |n, e| n.is_touched(e) || n.is_line_touched(e)) => touched?,
            () = sleep(next) => {}
        }
        heard = Instant::now();
        // What has been told of by now is seen by one look.
        while let Some(Some(_)) = tables.next().now_or_never() {}
        while let Some(Some(_)) = interfaces.next().now_or_never() {}
    }
}

fn listen() -> Result<(Connection<Nftables>, Connection<Route>), NetError> {
    let failed = || NetError::making("a netlink socket that hears of changes");
    let tables = Connection::<Nftables>::new().map_err(failed())?;
    tables.subscribe_all().map_err(failed())?;
    let interfaces = links()?;
    let groups =
        [RtnetlinkGroup::Link, RtnetlinkGroup::Ipv4Addr, RtnetlinkGroup::Ipv4Route, RtnetlinkGroup::Tc];
    interfaces.subscribe(&groups).map_err(failed())?;
    Ok((tables, interfaces))
}

/// Returns once something of ours may have been touched: also when messages were lost, or nobody is there to be told.
async fn touched<E>(
    events: &mut (impl Stream<Item = nlink::Result<E>> + Unpin),
    network: &Weak<Network>,
    touches: impl Fn(&Network, &E) -> bool,
) -> Result<(), NetError> {
    loop {
        match events.next().await {
            Some(Ok(event)) if network.upgrade().is_some_and(|n| !touches(&n, &event)) => {}
            Some(Ok(_)) => return Ok(()),
            Some(Err(e)) if e.is_no_buffer_space() => return Ok(()),
            Some(Err(e)) => return Err(NetError::making("sense of what changes")(e)),
            None => return Err(NetError::Deaf),
        }
    }
}

fn describe(error: &NetError) -> String {
    let cause = std::error::Error::source(error).map(|s| format!(": {s}")).unwrap_or_default();
    format!("{error}{cause}")
}
