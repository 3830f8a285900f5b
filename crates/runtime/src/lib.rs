//! Linux hands: sandboxes, their network, cgroups, sleep and swap.
//!
//! The only crate of the workspace that may contain `unsafe`, each block with the reason why it is sound.

mod activity;
pub mod cgroup;
mod disk;
pub mod doctor;
mod ends;
pub mod host;
pub mod machine;
pub mod memory;
mod modules;
pub mod net;
mod process;
pub mod sandbox;
pub mod swap;
mod tree;
mod unconfirmed;
mod whole;

pub use cgroup::Share;
pub use disk::BYTES_PER_FILE;
pub use host::{BuildLink, Host, HostSettings, Loopback, NetworkError, Networks};
pub use net::{
    Bandwidth, BitRate, BitRateError, Destination, DestinationError, EgressPolicies, EgressPolicy, NetError,
    Network,
};
pub use process::{Process, boot_id};
pub use sandbox::{
    Cut, Mount, Profile, Resolver, Room, RunEnd, RunSpec, SandboxError, Sandboxes, StandIn,
    become_sandbox_if_asked, tag,
};
pub use unconfirmed::unconfirmed;
pub use whole::write_whole;
