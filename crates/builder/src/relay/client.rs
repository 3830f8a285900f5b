//! Requests to registries, by way of this host's proxies and certificates.

use std::time::Duration;

use reqwest::{Proxy, Url, redirect};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::RelayError;
use crate::{
    base::{Proxies, apt_config},
    hostnet::Host,
};

pub(super) type Client = reqwest::Client;

/// Connecting, and each wait for more bytes, may take this long.
const CONNECT: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(60);

/// For apt, which has settings of its own for proxies, and for all others.
pub(super) struct Clients {
    pub(super) apt: Client,
    pub(super) others: Client,
}

impl Clients {
    /// `bundle` is the text of the certificates that this host trusts.
    pub(super) fn new(host: &Host, bundle: &str) -> Result<Self, RelayError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(
            CertificateDer::pem_slice_iter(bundle.as_bytes()).filter_map(Result::ok),
        );
        let tls = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = |proxies: Proxies| {
            let proxy =
                Proxy::custom(move |url| proxies.of(url.scheme(), url.host_str()?)?.parse::<Url>().ok());
            Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .proxy(proxy)
                .connect_timeout(CONNECT)
                .read_timeout(SILENCE)
                // Who has asked goes there himself, without credentials; by this way again where it is another registry.
                .redirect(redirect::Policy::none())
                .build()
        };
        Ok(Self {
            apt: client(Proxies::read(host, &apt_config(host)))?,
            others: client(Proxies::read(host, ""))?,
        })
    }
}
