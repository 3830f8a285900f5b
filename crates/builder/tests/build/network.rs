//! A network for builds out of the host's own tools: one pair of interfaces a sandbox, and NAT on the way out.

use std::{
    error::Error,
    fs,
    net::Ipv4Addr,
    os::fd::{AsRawFd, OwnedFd},
    process::{self, Command},
    sync::atomic::{AtomicU8, Ordering},
};

use dormouse_backend::NetworkSpec;
use dormouse_model::ProjectName;
use dormouse_runtime::{BuildLink, NetworkError, Networks, host_resolvers};

/// Has networks for builds, and none for projects.
pub(crate) struct Veths {
    tag: String,
    next: AtomicU8,
}

impl Veths {
    pub(crate) fn new() -> Result<Self, NetworkError> {
        let net = Self { tag: format!("rb{}", process::id()), next: AtomicU8::new(0) };
        fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
        run("nft", &["add", "table", "ip", &net.tag])?;
        let chain = "{ type nat hook postrouting priority 100; }";
        run("nft", &["add", "chain", "ip", &net.tag, "out", chain])?;
        let from = format!("{}/24", address(0));
        run(
            "nft",
            &[
                "add",
                "rule",
                "ip",
                &net.tag,
                "out",
                "ip",
                "saddr",
                &from,
                "ip",
                "daddr",
                "!=",
                &from,
                "masquerade",
            ],
        )?;
        Ok(net)
    }
}

impl Drop for Veths {
    fn drop(&mut self) {
        run("nft", &["delete", "table", "ip", &self.tag]).ok();
    }
}

/// Its interface goes with the sandbox's namespace.
impl Networks for Veths {
    async fn ensure(&self, _spec: &NetworkSpec) -> Result<(), NetworkError> {
        Ok(())
    }

    async fn remove(&self, _project: &ProjectName) -> Result<(), NetworkError> {
        Ok(())
    }

    async fn attach(&self, _: &ProjectName, _: &OwnedFd, _: Ipv4Addr) -> Result<(), NetworkError> {
        Err("only builds".into())
    }

    fn gateway(&self, _project: &ProjectName) -> Option<Ipv4Addr> {
        None
    }

    async fn attach_build(&self, netns: &OwnedFd) -> Result<BuildLink, NetworkError> {
        let n = self.next.fetch_add(1, Ordering::Relaxed) % 60;
        let (gateway, addr) = (address(4 * n + 1), address(4 * n + 2));
        let (ours, theirs) = (format!("{}h{n}", self.tag), format!("{}s{n}", self.tag));
        let place = format!("/proc/{}/fd/{}", process::id(), netns.as_raw_fd());
        let enter = format!("--net={place}");
        let inside = |args: &[&str]| run("nsenter", &[&[enter.as_str(), "ip"], args].concat());
        run("ip", &["link", "add", &ours, "type", "veth", "peer", "name", &theirs])?;
        run("ip", &["link", "set", &theirs, "netns", &place])?;
        run("ip", &["addr", "add", &format!("{gateway}/30"), "dev", &ours])?;
        run("ip", &["link", "set", &ours, "up"])?;
        inside(&["addr", "add", &format!("{addr}/30"), "dev", &theirs])?;
        inside(&["link", "set", &theirs, "up"])?;
        inside(&["route", "add", "default", "via", &gateway.to_string()])?;
        Ok(BuildLink { addr, gateway, resolvers: host_resolvers(), lease: Box::new(()) })
    }
}

/// Of a network that only this process uses.
fn address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 213, (process::id() % 256) as u8, host)
}

fn run(program: &str, args: &[&str]) -> Result<(), Box<dyn Error + Send + Sync>> {
    let done = Command::new(program).args(args).output()?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&done.stderr)).into())
}
