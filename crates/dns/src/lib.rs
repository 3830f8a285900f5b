//! Answers for the private networks.
//!
//! Every project asks at its own gateway and sees its own names; whatever is no service of it is asked of the host's
//! resolvers. Which names there are comes as a snapshot, so answers go on while control is away.
#![forbid(unsafe_code)]

mod answer;
mod forward;
mod listen;
mod serve;
mod upstreams;

pub use serve::{DnsError, Inherited, PORT, serve, serve_on};
pub use upstreams::host_upstreams;
