//! Registries that ask for credentials, reached from builds that have none.
//!
//! In a build's network the name of such a registry leads to its own loopback, where this process listens. What is asked there
//! for packages goes on to the registry with this host's credentials, and nothing else does. So the package managers'
//! settings, lock files and links stay what they are everywhere else, and no rewritten address is found in what a build leaves.
//! For TLS builds trust an authority of ours beside the host's; its key is in this process's memory alone, and it vouches for
//! these hosts only.

mod answer;
mod certificates;
mod client;
mod crates;
mod headers;
mod index;
mod origin;
mod paths;
mod serve;
mod verdict;

use std::{net::TcpListener, sync::Arc};

use dormouse_runtime::StandIn;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::hostnet::{Ecosystem, Host, Registry};
use certificates::Authority;
use client::{Client, Clients};
use crates::Crates;
use origin::Origin;
pub(crate) use serve::Tell;

/// What is stood in for, and how.
#[derive(Debug)]
pub(crate) struct Relay {
    doors: Vec<Arc<Door>>,
    bundle: String,
}

/// One origin, with what answers for it.
struct Door {
    origin: Origin,
    client: Client,
    crates: Crates,
    /// Where it is asked by TLS.
    tls: Option<TlsAcceptor>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Why there is no relay.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    /// Certificates could not be made.
    #[error("cannot make certificates for builds: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS could not be set up.
    #[error("cannot set up TLS for builds: {0}")]
    Tls(#[from] rustls::Error),
    /// Requests could not be set up.
    #[error("cannot set up requests to registries: {0}")]
    Client(#[from] reqwest::Error),
}

impl Relay {
    /// One for those of `registries` that have credentials; none when none has. `bundle` is the text of the certificates that
    /// this host trusts. Beside it the hosts that cannot be stood in for.
    pub(crate) fn new(
        registries: &[Registry],
        host: &Host,
        bundle: String,
    ) -> Result<(Option<Self>, Vec<String>), RelayError> {
        let (origins, unserved) = origin::origins(registries);
        if origins.is_empty() {
            return Ok((None, unserved));
        }
        let clients = Clients::new(host, &bundle)?;
        let authority = Authority::new(origins.iter().map(|o| o.host.as_str()))?;
        let mut doors = Vec::new();
        for origin in origins {
            let tls = origin.is_tls().then(|| authority.acceptor(&origin.host)).transpose()?;
            // apt has proxies of its own; whoever shares its origin shares them.
            let is_apt = origin.registries.iter().any(|r| r.of == Ecosystem::Apt);
            let client = if is_apt { clients.apt.clone() } else { clients.others.clone() };
            doors.push(Arc::new(Door { origin, client, crates: Crates::default(), tls }));
        }
        let bundle = bundle + authority.pem();
        Ok((Some(Self { doors, bundle }), unserved))
    }

    /// Certificates that builds are to trust.
    pub(crate) fn bundle(&self) -> &str {
        &self.bundle
    }

    /// The hosts, by name or address, each once.
    pub(crate) fn hosts(&self) -> Vec<String> {
        let mut hosts: Vec<_> = self.doors.iter().map(|d| d.origin.host.clone()).collect();
        hosts.dedup();
        hosts
    }

    /// What a sandbox has to have.
    pub(crate) fn stand_ins(&self) -> Vec<StandIn> {
        self.doors.iter().map(|d| d.origin.stand_in()).collect()
    }

    /// Answer at these, which are those of [`Self::stand_ins`], for as long as what is returned is held. `tell` hears what people
    /// should know.
    pub(crate) fn serve(&self, listeners: Vec<TcpListener>, tell: &Arc<Tell>) -> JoinSet<()> {
        let mut all = JoinSet::new();
        for (door, listener) in self.doors.iter().zip(listeners) {
            all.spawn(serve::accept(door.clone(), listener, tell.clone()));
        }
        all
    }
}

#[cfg(test)]
mod tests;
