//! What the edge and the name server are told: one snapshot, replaced as a whole, or by what is different in the next.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
};

use serde::{Deserialize, Serialize};

use crate::{AddressBlock, InstanceId, ProjectName, ServiceKey, Traffic};

/// Everything the edge process needs to serve while control is away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RouteTable {
    /// Grows with every change. The edge reports the one it applied; an instance is only put to sleep once the edge
    /// has confirmed a table that shows it asleep, so that no byte is sent to it unnoticed.
    pub generation: u64,
    /// Public host (lower case, no port) to service.
    pub hosts: BTreeMap<String, Route>,
    /// The platform's own address of each service on its private network.
    pub listeners: Vec<Listener>,
    /// Where each service stands.
    pub endpoints: BTreeMap<ServiceKey, Endpoint>,
    /// What the name server answers, by the network it is asked from.
    pub zones: Vec<ZoneRecord>,
}

impl RouteTable {
    /// Whether all that it says is the same, but for who sleeps.
    #[must_use]
    pub fn is_same_but_for_sleep(&self, other: &Self) -> bool {
        self.hosts == other.hosts
            && self.listeners == other.listeners
            && self.zones == other.zones
            && self.endpoints.len() == other.endpoints.len()
            && self
                .endpoints
                .iter()
                .zip(&other.endpoints)
                .all(|(a, b)| a.0 == b.0 && a.1.is_same_but_for_sleep(b.1))
    }
}

impl Endpoint {
    fn is_same_but_for_sleep(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ready { targets: a }, Self::Ready { targets: b }) => {
                let awake = |target: &Target| Target { asleep: false, ..*target };
                a.iter().map(awake).eq(b.iter().map(awake))
            }
            (
                Self::Ready { .. }
                | Self::Stopped
                | Self::Starting
                | Self::Building
                | Self::Crashed { .. }
                | Self::Failed { .. },
                _,
            ) => self == other,
        }
    }
}

/// A public host's service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where requests go.
    pub service: ServiceKey,
}

/// A private listener: traffic to a service name goes through here, so that it can wake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// The service's platform address and port.
    pub addr: SocketAddrV4,
    /// Where its connections go.
    pub service: ServiceKey,
}

/// Where a service stands, as far as a request is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Endpoint {
    /// Send requests to the least loaded of these; never empty. Those asleep must be woken first.
    Ready {
        /// Instances that take new requests.
        targets: Vec<Target>,
    },
    /// No process, by choice: wake it and hold the request until it is ready.
    Stopped,
    /// A first instance is on its way: hold the request.
    Starting,
    /// The first build is running: tell the visitor.
    Building,
    /// It keeps ending: tell the visitor so, and no more.
    Crashed {
        /// What happened, one line.
        reason: String,
        /// Nothing: what an app said is no visitor's to read. The edges of v0.1 want the field, and show it.
        #[serde(default)]
        log_tail: Vec<String>,
    },
    /// Its build failed and nothing older runs.
    Failed {
        /// What happened, one line.
        reason: String,
    },
}

/// One instance that takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Which instance.
    pub instance: InstanceId,
    /// Where it listens.
    pub addr: SocketAddrV4,
    /// Asleep, or about to be: any byte for it must ask for a wake first.
    pub asleep: bool,
}

/// A private network and the names known on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneRecord {
    /// The gateway address the name server listens on for this network.
    pub gateway: Ipv4Addr,
    /// Prefix length of the network.
    pub prefix: u8,
    /// Further blocks of addresses on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<AddressBlock>,
    /// Whose it is; nobody's when it is that of builds, or told by a release that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
    /// Name (lower case, one label) to address.
    pub names: BTreeMap<String, Ipv4Addr>,
}

impl ZoneRecord {
    /// Every block of addresses on the network.
    pub fn blocks(&self) -> impl Iterator<Item = AddressBlock> {
        std::iter::once(AddressBlock::around(self.gateway, self.prefix)).chain(self.more.iter().copied())
    }
}

/// What the edge tells control, at once when it applies a table and otherwise at most once a second while bytes flow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrafficReport {
    /// The generation of the table the edge has applied.
    pub generation: u64,
    /// Instances that carried anything since the last report, and every instance after a new table.
    pub instances: BTreeMap<InstanceId, Traffic>,
}

/// Why a held request cannot be sent on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refused", rename_all = "snake_case")]
pub enum WakeRefused {
    /// Nobody knows this service (any more).
    #[error("no such service")]
    Unknown,
    /// It keeps ending.
    #[error("the service keeps crashing: {reason}")]
    Crashed {
        /// What happened, one line.
        reason: String,
        /// Nothing, as in [`Endpoint::Crashed`].
        #[serde(default)]
        log_tail: Vec<String>,
    },
    /// It did not become ready in time.
    #[error("the service did not become ready in time")]
    TimedOut,
}
