//! apt's settings for downloads. Where packages come from is the base's business.

use std::{collections::BTreeSet, io, process::Command};

use super::{Ecosystem, Found, Host, Registry, logins::Logins};
use crate::base;

/// Hand them on. `mirrors` are places of packages beside those of this host's own sources.
pub(super) fn read(host: &Host, mirrors: &[String], found: &mut Found) -> io::Result<()> {
    let mut auth = host.text(&host.path("/etc/apt/auth.conf")).unwrap_or_default();
    let parts = std::fs::read_dir(host.path("/etc/apt/auth.conf.d")).into_iter().flatten();
    let mut parts: Vec<_> = parts.filter_map(|e| Some(e.ok()?.path())).collect();
    parts.sort();
    for text in
        parts.iter().filter(|p| p.extension().is_some_and(|e| e == "conf")).filter_map(|p| host.text(p))
    {
        auth.push('\n');
        auth += &text;
    }
    if !auth.trim().is_empty() {
        found.secret(Ecosystem::Apt, &auth);
    }
    let logins = Logins::parse(&auth);
    for uri in base::sources_of(host).iter().chain(mirrors) {
        let Some(mut whole) = Registry::whole(Ecosystem::Apt, uri, None) else { continue };
        if whole.credential.is_none() {
            whole.credential = logins.at_url(&whole.root);
        }
        found.net.secrets.learn_variable("", uri);
        found.registry(whole);
    }
    // apt's own reader knows its grammar, its files and their order; hosts without it have no such settings.
    let dump = if host.is_this() { Command::new("apt-config").arg("dump").output().ok() } else { None };
    let mut settings =
        acquire(&dump.map(|d| String::from_utf8_lossy(&d.stdout).into_owned()).unwrap_or_default());
    if !settings.is_empty() {
        settings += &direct(found);
        found.file(Ecosystem::Proxy, "apt.conf", &settings, "/etc/apt/apt.conf.d/95-host")?;
    }
    Ok(())
}

/// No proxy for the hosts that the relay stands in for: apt's own settings come before the variables that say so.
fn direct(found: &Found) -> String {
    let known = found.net.registries.iter().filter(|r| r.of == Ecosystem::Apt && r.credential.is_some());
    let hosts: BTreeSet<&str> = known.filter_map(|r| r.root.host_str()).collect();
    let line = |host: &&str| {
        ["http", "https"].map(|s| format!("Acquire::{s}::Proxy::{host} \"DIRECT\";\n")).concat()
    };
    hosts.iter().map(line).collect()
}

/// The lines of a dump that sandboxes should follow: proxies, time-outs, retries, how old an index may be.
fn acquire(dump: &str) -> String {
    let wanted = |line: &&str| {
        let Some(key) = line.strip_prefix("Acquire::").and_then(|l| l.split_whitespace().next()) else {
            return false;
        };
        let key = key.to_ascii_lowercase();
        let protocol = ["http::", "https::", "ftp::"].iter().any(|p| key.starts_with(p));
        let single = [
            "check-valid-until",
            "check-date",
            "max-valid-time",
            "max-futuretime",
            "retries",
            "forceipv4",
            "forceipv6",
        ];
        // Files and programs of this host do not exist in a sandbox; certificates are in its bundle.
        let of_host = ["cainfo", "capath", "sslcert", "sslkey", "crlfile", "auto-detect", "proxyautodetect"];
        (protocol || single.contains(&key.as_str())) && !of_host.iter().any(|o| key.contains(o))
    };
    dump.lines().filter(wanted).filter(|l| !l.ends_with("\"\";")).map(|l| format!("{l}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_something_elsewhere() {
        let dump = "APT::Architecture \"amd64\";\nAcquire \"\";\nAcquire::http \"\";\n\
            Acquire::http::Proxy \"http://p:3128\";\nAcquire::http::Proxy-Auto-Detect \"/usr/bin/x\";\n\
            Acquire::https::CaInfo \"/etc/x\";\nAcquire::Check-Valid-Until \"false\";\n\
            Acquire::AllowInsecureRepositories \"1\";\nAcquire::Languages:: \"none\";\n";
        let want = "Acquire::http::Proxy \"http://p:3128\";\nAcquire::Check-Valid-Until \"false\";\n";
        assert_eq!(acquire(dump), want);
    }
}
