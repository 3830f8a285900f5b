//! uv's settings; where it has none, pip's.

use std::io;

use super::{Ecosystem, Found, Host, pip::Index};

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

/// Hand them on.
pub(super) fn read(host: &Host, pip: Index, found: &mut Found) -> io::Result<()> {
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
    for name in NETWORK {
        if let Some(value) = host.var(name) {
            found.env(Ecosystem::Pip, name, value);
        }
    }
    // Also UV_INDEX_STRATEGY, UV_INDEX_URL and credentials of named indexes: UV_INDEX_<NAME>_PASSWORD.
    for (name, value) in host.vars("UV_INDEX_").filter(|(_, v)| !v.is_empty()) {
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
        ("UV_DEFAULT_INDEX", pip.default, has_index),
        ("UV_INDEX", joined(pip.extra, " "), has_index),
        ("UV_FIND_LINKS", joined(pip.find_links, ","), own("find-links")),
        ("UV_NO_INDEX", pip.no_index.then(|| "1".to_owned()), own("no-index")),
        ("UV_INSECURE_HOST", joined(pip.trusted, " "), own("allow-insecure-host")),
        ("UV_HTTP_TIMEOUT", pip.timeout, false),
    ] {
        if let (Some(value), false, false) = (value, set, found.net.build_env.contains_key(name)) {
            found.env(Ecosystem::Pip, name, &value);
        }
    }
    Ok(())
}
