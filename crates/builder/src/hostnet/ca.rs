//! The certificates this host trusts, a private authority's included.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use dormouse_runtime::Mount;

use super::{BUNDLE, Found, Host};

/// Where distributions keep their bundle.
const SYSTEM: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Variables that name a bundle used instead of the system's, and one that adds to it.
const NAMED: &[&str] = &[
    "SSL_CERT_FILE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "CARGO_HTTP_CAINFO",
    "NODE_EXTRA_CA_CERTS",
];

/// Variables by which programs find a bundle. Python's `requests` and `certifi` users do not look at the system's.
const APP: &[&str] = &[
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "AWS_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
];
const BUILD: &[&str] = &["PIP_CERT", "CARGO_HTTP_CAINFO", "GIT_SSL_CAINFO", "NPM_CONFIG_CAFILE"];

/// Join what the host trusts into one bundle, shown to builds and apps where every program looks for it.
pub(super) fn read(host: &Host, asked: Option<&Path>, found: &mut Found) -> io::Result<()> {
    let mut texts = Vec::new();
    if let Some(asked) = asked {
        texts.push(fs::read_to_string(asked).map_err(|e| {
            io::Error::new(e.kind(), format!("reading the certificate bundle {}: {e}", asked.display()))
        })?);
    } else {
        texts.extend(SYSTEM.iter().find_map(|p| host.text(&host.path(p))));
        let mut paths: BTreeSet<PathBuf> = SYSTEM.iter().map(|p| host.path(p)).collect();
        let named = NAMED.iter().filter_map(|name| host.var(name)).map(str::to_owned);
        for path in named.chain(super::pip::settings(host).remove("cert")) {
            let place = host.path(&path);
            if !paths.insert(place.clone()) {
                continue;
            }
            match host.text(&place) {
                Some(text) => texts.push(text),
                None => found.warn(format!("the certificate bundle {path} is configured but cannot be read")),
            }
        }
    }
    let bundle = join(&texts);
    if bundle.is_empty() {
        found.warn("no certificate bundle was found on this host; downloads over TLS may fail in builds");
        return Ok(());
    }
    let source = found.write("ca-certificates.crt", bundle.as_bytes())?;
    let mount = Mount { source, target: BUNDLE.into(), read_only: true };
    found.net.build_mounts.push(mount.clone());
    found.net.app_mounts.push(mount);
    for name in APP {
        found.net.app_env.insert((*name).to_owned(), BUNDLE.to_owned());
    }
    for name in APP.iter().chain(BUILD) {
        found.net.build_env.insert((*name).to_owned(), BUNDLE.to_owned());
    }
    Ok(())
}

/// Every certificate once, in the order of the texts.
fn join(texts: &[String]) -> String {
    const END: &str = "-----END CERTIFICATE-----";
    let mut seen = BTreeSet::new();
    let mut out = String::new();
    for text in texts {
        for block in text.split_inclusive(END) {
            let Some(at) = block.find("-----BEGIN CERTIFICATE-----").filter(|_| block.ends_with(END)) else {
                continue;
            };
            if seen.insert(&block[at..]) {
                out += &block[at..];
                out.push('\n');
            }
        }
    }
    out
}
