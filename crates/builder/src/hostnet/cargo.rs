//! Cargo's settings.

use std::io;

use super::{Found, Host};

/// Tables of `config.toml` that concern the network.
const TABLES: &[&str] = &["source", "registries", "registry", "http", "net"];

/// Hand them on.
pub(super) fn read(host: &Host, found: &mut Found) -> io::Result<()> {
    let home = host.var("CARGO_HOME").map_or_else(|| host.home(".cargo"), |h| host.path(h));
    let text = ["config.toml", "config"].iter().find_map(|f| host.text(&home.join(f)));
    if let Some(mut table) = text.and_then(|t| t.parse::<toml::Table>().ok()) {
        table.retain(|key, _| TABLES.contains(&key));
        if let Some(http) = table.get_mut("http").and_then(|h| h.as_table_mut()) {
            // Already part of the bundle that sandboxes have.
            http.remove("cainfo");
        }
        if !table.is_empty() {
            found.file("cargo.toml", &table.to_string(), "/root/.cargo/config.toml")?;
        }
    }
    let credentials = ["credentials.toml", "credentials"].iter().find_map(|f| host.text(&home.join(f)));
    if let Some(text) = credentials {
        found.file("cargo-credentials.toml", &text, "/root/.cargo/credentials.toml")?;
    }
    for prefix in ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRY_", "CARGO_REGISTRIES_", "CARGO_SOURCE_"] {
        for (name, value) in host.vars(prefix).filter(|(n, v)| !v.is_empty() && *n != "CARGO_HTTP_CAINFO") {
            found.env(name, value);
        }
    }
    Ok(())
}
