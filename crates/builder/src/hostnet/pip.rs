//! pip's settings, as pip itself layers them.

use std::collections::BTreeMap;

use super::{Credential, Ecosystem, Found, Host, Registry};

/// Where pip finds packages, for [`super::uv`] to follow when it has no settings of its own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) default: Option<String>,
    pub(super) extra: Vec<String>,
    pub(super) find_links: Vec<String>,
    pub(super) no_index: bool,
    pub(super) trusted: Vec<String>,
    pub(super) timeout: Option<String>,
}

/// The files of the host, weakest first, then the environment.
pub(super) fn settings(host: &Host) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let named = host.var("PIP_CONFIG_FILE").filter(|f| *f != "/dev/null");
    let mut files = vec![host.path("/etc/xdg/pip/pip.conf"), host.path("/etc/pip.conf")];
    if host.var("PIP_CONFIG_FILE") != Some("/dev/null") {
        files.push(host.home(".pip/pip.conf"));
        files.push(host.config("pip/pip.conf"));
    }
    files.extend(named.map(|f| host.path(f)));
    for text in files.iter().filter_map(|f| host.text(f)) {
        let mut sections = ini(&text);
        for section in ["global", "install"] {
            out.append(&mut sections.remove(section).unwrap_or_default());
        }
    }
    for (name, value) in host.vars("PIP_").filter(|(_, v)| !v.is_empty()) {
        let key = name["PIP_".len()..].to_ascii_lowercase().replace('_', "-");
        out.insert(key, value.to_owned());
    }
    out
}

/// Hand them to pip as environment, and return what uv needs to know.
pub(super) fn read(host: &Host, found: &mut Found) -> Index {
    let settings = settings(host);
    let words = |key: &str| -> Vec<String> {
        settings.get(key).map(|v| v.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
    };
    let mut find_links = Vec::new();
    for link in words("find-links") {
        if let Some(link) = reachable(host, found, &link) {
            find_links.push(link);
        }
    }
    let index = Index {
        default: settings.get("index-url").or_else(|| settings.get("pypi-url")).cloned(),
        extra: words("extra-index-url"),
        find_links,
        no_index: settings.get("no-index").is_some_and(|v| matches!(v.as_str(), "1" | "true" | "yes" | "on")),
        trusted: words("trusted-host"),
        timeout: settings.get("default-timeout").or_else(|| settings.get("timeout")).cloned(),
    };
    for url in index.default.iter().chain(&index.extra).chain(&index.find_links) {
        registry(found, url, None);
    }
    let joined = |words: &[String]| (!words.is_empty()).then(|| words.join(" "));
    for (name, value) in [
        ("PIP_INDEX_URL", index.default.clone()),
        ("PIP_EXTRA_INDEX_URL", joined(&index.extra)),
        ("PIP_FIND_LINKS", joined(&index.find_links)),
        ("PIP_NO_INDEX", index.no_index.then(|| "1".to_owned())),
        ("PIP_TRUSTED_HOST", joined(&index.trusted)),
        ("PIP_DEFAULT_TIMEOUT", index.timeout.clone()),
        ("PIP_PROXY", settings.get("proxy").cloned()),
        ("PIP_RETRIES", settings.get("retries").cloned()),
    ] {
        if let Some(value) = value {
            let of = if name == "PIP_PROXY" { Ecosystem::Proxy } else { Ecosystem::Pip };
            found.env(of, name, &value);
        }
    }
    // pip alone would know of it; uv is what installs.
    if let Some(proxy) = settings.get("proxy") {
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"] {
            if !found.net.build_env.contains_key(name) {
                found.env(Ecosystem::Proxy, name, proxy);
            }
        }
    }
    index
}

/// Remember where an index is. Its files are below it, or beside what is called `simple` (PEP 503 leaves it to the index).
pub(super) fn registry(found: &mut Found, url: &str, credential: Option<Credential>) {
    let Some(mut whole) = Registry::whole(Ecosystem::Pip, url, credential) else { return };
    if let (None, Some(host)) = (&whole.credential, whole.root.host_str()) {
        whole.credential = found.logins.at_host(host);
    }
    let path = whole.root.path().trim_end_matches('/');
    let above = path.strip_suffix("/simple").or_else(|| path.strip_suffix("/+simple"));
    if let Some(above) = above {
        let beside = whole.packages_at(&format!("{above}/"));
        found.registry(beside);
    }
    found.registry(whole);
}

/// A place for packages as sandboxes can reach it: folders of this host are shown to them.
fn reachable(host: &Host, found: &mut Found, link: &str) -> Option<String> {
    let path = link.strip_prefix("file://").unwrap_or(link);
    if path.contains("://") {
        return Some(link.to_owned());
    }
    let place = host.path(path);
    if !path.starts_with('/') || !place.is_dir() {
        found.warn(format!("find-links names {link}, which is not a folder of this host"));
        return None;
    }
    let n = found.net.build_mounts.iter().filter(|m| m.target.starts_with("/mnt/find-links")).count();
    let target = format!("/mnt/find-links/{n}");
    found.mount(place, &target);
    Some(target)
}

/// `configparser`'s format as far as pip uses it: sections, `key = value` or `key: value`, indented continuations.
fn ini(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut out: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let (mut section, mut key) = (String::new(), String::new());
    for line in text.lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = bare.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name.trim().to_owned();
            key.clear();
        } else if line.starts_with(char::is_whitespace) && !key.is_empty() {
            let value = out.entry(section.clone()).or_default().entry(key.clone()).or_default();
            value.push(' ');
            value.push_str(bare);
        } else if let Some((name, value)) = bare.split_once(['=', ':']) {
            key = name.trim().to_ascii_lowercase().replace('_', "-");
            out.entry(section.clone()).or_default().insert(key.clone(), value.trim().to_owned());
        }
    }
    out
}
