//! A network as the kernel is told of it.

use std::net::Ipv4Addr;

use dormouse_backend::{NetworkSpec, Vip};

use super::names::Names;

/// One bridge and what is on it.
#[derive(Debug, Clone)]
pub(super) struct Subnet {
    pub(super) bridge: String,
    /// The platform's address: gateway and name server.
    pub(super) gateway: Ipv4Addr,
    pub(super) prefix: u8,
    pub(super) vips: Vec<Vip>,
    /// Whether those on it are kept from each other.
    pub(super) apart: bool,
}

impl Subnet {
    /// The network of a project.
    pub(super) fn project(names: &Names, spec: &NetworkSpec) -> Self {
        Self {
            bridge: names.project(spec),
            gateway: spec.gateway,
            prefix: spec.prefix,
            vips: spec.vips.clone(),
            apart: false,
        }
    }
}
