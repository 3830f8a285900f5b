//! A network as the kernel is told of it.

use std::net::Ipv4Addr;

use dormouse_backend::{NetworkSpec, Vip};
use dormouse_model::AddressBlock;

use super::{egress::EgressPolicy, names::Names, share::Share};

/// One bridge and what is on it.
#[derive(Debug, Clone)]
pub(super) struct Subnet {
    pub(super) bridge: String,
    /// The platform's address: gateway and name server.
    pub(super) gateway: Ipv4Addr,
    /// The gateway's block, then any further ones.
    pub(super) blocks: Vec<AddressBlock>,
    pub(super) vips: Vec<Vip>,
    /// Whether those on it are kept from each other.
    pub(super) apart: bool,
    /// What they may reach beyond it.
    pub(super) egress: EgressPolicy,
    /// What they have of the host's line, where that is divided.
    pub(super) share: Option<Share>,
}

impl Subnet {
    /// The network of a project.
    pub(super) fn project(
        names: &Names,
        spec: &NetworkSpec,
        egress: &EgressPolicy,
        share: Option<Share>,
    ) -> Self {
        Self {
            bridge: names.project(spec),
            gateway: spec.gateway,
            blocks: spec.blocks().collect(),
            vips: spec.vips.clone(),
            apart: false,
            egress: egress.clone(),
            share,
        }
    }

    /// The platform's addresses on the bridge, with their prefixes: the gateway, so that others have a network to be on,
    /// then one in every further block, so that the host knows the way there, then those of services.
    pub(super) fn addresses(&self) -> Vec<(Ipv4Addr, u8)> {
        let further = self.blocks.iter().filter(|b| !b.contains(self.gateway)).map(|b| (b.at(1), b.prefix()));
        let prefix = self.block(self.gateway).map_or(32, AddressBlock::prefix);
        let vips = self.vips.iter().map(|vip| (vip.addr, 32));
        std::iter::once((self.gateway, prefix)).chain(further).chain(vips).collect()
    }

    /// The block that an address lies in.
    pub(super) fn block(&self, addr: Ipv4Addr) -> Option<AddressBlock> {
        self.blocks.iter().copied().find(|b| b.contains(addr))
    }
}
