//! The network: one is made, out of sight.

use super::Check;
use crate::net::{Part, trial};

pub(super) fn network(is_root: bool) -> Check {
    let name = "network";
    if !is_root {
        return Check::warn(name, "not tried: only root may", "run it with sudo");
    }
    match trial() {
        Ok(()) => Check::ok(name, "a firewall, a bridge and a cable can be made"),
        Err((part, why)) => Check::fail(name, why, hint(part)),
    }
}

fn hint(part: Part) -> &'static str {
    match part {
        Part::Namespace => "use a kernel with CONFIG_NET_NS; inside a container, give it all privileges",
        Part::Firewall => {
            "`modprobe nf_tables` must work, as must its parts nft_ct, nft_reject_inet and nft_masq; where it does not, \
             install the kernel's modules"
        }
        Part::Bridge => "`modprobe bridge` must work; where it does not, install the kernel's modules",
        Part::Cable => "`modprobe veth` must work; where it does not, install the kernel's modules",
    }
}
