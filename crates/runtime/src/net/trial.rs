//! Does this kernel give us what networks are made of? Found out by making one, where nobody sees it.

use std::{fs::File, io, net::Ipv4Addr, os::fd::OwnedFd};

use nix::sched::{CloneFlags, unshare};

use super::{NetError, bridge, builds, egress::EgressPolicy, firewall::Firewall, links, names::Names, veth};

/// What could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A network namespace to try it in.
    Namespace,
    /// The rules.
    Firewall,
    /// A bridge.
    Bridge,
    /// A pair of interfaces, one of them plugged into the bridge.
    Cable,
}

/// Make the network for builds, in namespaces that end with the thread: the host's sees nothing of it.
pub(crate) fn trial() -> Result<(), (Part, String)> {
    let tried = std::thread::spawn(|| {
        let inside = fresh().map_err(at(Part::Namespace))?;
        fresh().map_err(at(Part::Namespace))?;
        // Begun in the new namespace, which is the one that its sockets then belong to.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(at(Part::Namespace))?.block_on(make(&inside))
    });
    tried.join().unwrap_or_else(|_| Err((Part::Namespace, "the trial broke off".to_owned())))
}

/// Move this thread to a network namespace of its own.
fn fresh() -> io::Result<OwnedFd> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    Ok(File::open("/proc/thread-self/ns/net")?.into())
}

async fn make(inside: &OwnedFd) -> Result<(), (Part, String)> {
    let (names, pool) = (Names::new("doctor"), Ipv4Addr::new(10, 77, 0, 0));
    let subnet = builds::subnet(&names, pool, &EgressPolicy::default(), None);
    let firewall = Firewall::new(&names, pool, false);
    firewall.settle(std::slice::from_ref(&subnet)).await.map_err(net(Part::Firewall))?;
    let conn = links().map_err(net(Part::Bridge))?;
    bridge::ensure(&conn, None, &subnet).await.map_err(net(Part::Bridge))?;
    let port = veth::Port::on(&subnet, Ipv4Addr::new(10, 77, 255, 2));
    veth::attach(&names, &port, inside).await.map_err(net(Part::Cable))?;
    bridge::remove_all(&conn, &names).await.map_err(net(Part::Bridge))?;
    firewall.remove().await.map_err(net(Part::Firewall))
}

fn at(part: Part) -> impl FnOnce(io::Error) -> (Part, String) {
    move |e| (part, e.to_string())
}

fn net(part: Part) -> impl FnOnce(NetError) -> (Part, String) {
    move |e| {
        let why = std::error::Error::source(&e).map(|s| format!(": {s}")).unwrap_or_default();
        (part, format!("{e}{why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_sees_nothing_of_it() {
        let tried = trial();
        if nix::unistd::geteuid().is_root() {
            assert_eq!(tried, Ok(()));
        } else {
            assert!(matches!(tried, Err((Part::Namespace, _))), "{tried:?}");
        }
        let here = std::fs::read_dir("/sys/class/net").unwrap().flatten();
        let left: Vec<_> =
            here.map(|e| e.file_name()).filter(|n| n.display().to_string().contains("doctor")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
