//! uv's settings; where it has none, pip's.

use std::io;

use super::{
    Credential, Ecosystem, Found, Host,
    pip::{self, Index},
};

/// Variables that say where packages and interpreters come from, not where things lie on this host.
const NETWORK: &[&str] = &[
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
    "UV_HTTP_TIMEOUT",
    "UV_HTTP_CONNECT_TIMEOUT",
    "UV_HTTP_RETRIES",
    "UV_REQUEST_TIMEOUT",
    "UV_INSECURE_HOST",
    "UV_EXCLUDE_NEWER",
    "UV_CONCURRENT_DOWNLOADS",
    "UV_PYTHON_INSTALL_MIRROR",
    "UV_PYTHON_DOWNLOADS_JSON_URL",
];

/// Of these, those that are places, and two of earlier names.
const PLACES: &[&str] = &[
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_PYTHON_INSTALL_MIRROR",
    "UV_PYTHON_DOWNLOADS_JSON_URL",
];

/// The places that a `uv.toml` names, with their names.
fn indexes(table: &toml::Table) -> Vec<(Option<String>, String)> {
    let text = |v: &toml::Value| v.as_str().map(str::to_owned);
    let mut all = Vec::new();
    for index in table.get("index").and_then(|i| i.as_array()).into_iter().flatten() {
        if let Some(url) = index.get("url").and_then(text) {
            all.push((index.get("name").and_then(text), url));
        }
    }
    let pip = table.get("pip").and_then(|p| p.as_table());
    for table in [Some(table), pip].into_iter().flatten() {
        for key in ["index-url", "extra-index-url", "find-links", "python-install-mirror"] {
            match table.get(key) {
                Some(toml::Value::Array(urls)) => {
                    all.extend(urls.iter().filter_map(text).map(|url| (None, url)))
                }
                Some(value) => all.extend(text(value).map(|url| (None, url))),
                None => {}
            }
        }
    }
    all
}

/// Who one is at the index of a name.
fn of_index(host: &Host, name: &str) -> Option<Credential> {
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let var = |what: &str| host.var(&format!("UV_INDEX_{name}_{what}"));
    let (user, password) = (var("USERNAME"), var("PASSWORD"));
    (user.is_some() || password.is_some()).then(|| {
        Credential::Basic(user.unwrap_or_default().to_owned(), password.unwrap_or_default().to_owned())
    })
}

/// Hand them on.
pub(super) fn read(host: &Host, pips: Index, found: &mut Found) -> io::Result<()> {
    let system = host.text(&host.path("/etc/uv/uv.toml"));
    let user = match host.var("UV_CONFIG_FILE") {
        Some(file) => host.text(&host.path(file)),
        None => host.text(&host.config("uv/uv.toml")),
    };
    for (text, name, target) in
        [(&system, "uv-system.toml", "/etc/uv/uv.toml"), (&user, "uv-user.toml", "/root/.config/uv/uv.toml")]
    {
        if let Some(text) = text {
            found.file(Ecosystem::Pip, name, text, target)?;
        }
    }
    for text in [&system, &user].into_iter().flatten() {
        for (name, url) in text.parse().map(|table| indexes(&table)).unwrap_or_default() {
            let credential = name.and_then(|name| of_index(host, &name));
            pip::registry(found, &url, credential);
        }
    }
    for name in PLACES {
        // Several, each perhaps with its name before it.
        for word in host.var(name).unwrap_or_default().split([' ', ',', '\n']) {
            let (name, url) = match word.split_once('=') {
                Some((name, url)) if !name.contains(':') => (Some(name), url),
                Some(_) | None => (None, word),
            };
            pip::registry(found, url, name.and_then(|name| of_index(host, name)));
        }
    }
    for name in NETWORK {
        if let Some(value) = host.var(name) {
            found.env(Ecosystem::Pip, name, value);
        }
    }
    // Also UV_INDEX_STRATEGY, UV_INDEX_URL and credentials of named indexes: UV_INDEX_<NAME>_PASSWORD.
    for (name, value) in host.vars("UV_INDEX_").filter(|(_, v)| !v.is_empty()) {
        // With a name and no password uv would look for one.
        if name.ends_with("_USERNAME") && found.credentials.wanted.contains(&Ecosystem::Pip) {
            continue;
        }
        found.env(Ecosystem::Pip, name, value);
    }
    for (old, new) in [("UV_INDEX_URL", "UV_DEFAULT_INDEX"), ("UV_EXTRA_INDEX_URL", "UV_INDEX")] {
        if let (Some(value), None) = (host.var(old), host.var(new)) {
            found.net.build_env.remove(old);
            found.env(Ecosystem::Pip, new, value);
        }
    }
    let own = |key: &str| {
        let set = |t: &toml::Table| t.contains_key(key);
        let tables = [&system, &user].map(|t| t.as_ref().and_then(|t| t.parse::<toml::Table>().ok()));
        tables.iter().flatten().any(|t| set(t) || t.get("pip").and_then(|p| p.as_table()).is_some_and(set))
    };
    let has_index = own("index") || own("index-url") || own("extra-index-url");
    let joined = |words: Vec<String>, by: &str| (!words.is_empty()).then(|| words.join(by));
    for (name, value, set) in [
        ("UV_DEFAULT_INDEX", pips.default, has_index),
        ("UV_INDEX", joined(pips.extra, " "), has_index),
        ("UV_FIND_LINKS", joined(pips.find_links, ","), own("find-links")),
        ("UV_NO_INDEX", pips.no_index.then(|| "1".to_owned()), own("no-index")),
        ("UV_INSECURE_HOST", joined(pips.trusted, " "), own("allow-insecure-host")),
        ("UV_HTTP_TIMEOUT", pips.timeout, false),
    ] {
        if let (Some(value), false, false) = (value, set, found.net.build_env.contains_key(name)) {
            found.env(Ecosystem::Pip, name, &value);
        }
    }
    Ok(())
}
