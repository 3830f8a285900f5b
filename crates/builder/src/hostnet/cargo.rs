//! Cargo's settings.

use std::io;

use super::{Ecosystem, Found, Host, secrets::is_secret_name};

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
        found.net.secrets.learn_text(&table.to_string());
        // A provider is a program of this host.
        let is_secret = |key: &str| is_secret_name(key) || key.contains("credential");
        if has(&table, &is_secret) && !found.credentials.may_show(Ecosystem::Cargo) {
            drop_keys(&mut table, &is_secret);
        }
        if !table.is_empty() {
            found.file(Ecosystem::Cargo, "cargo.toml", &table.to_string(), "/root/.cargo/config.toml")?;
        }
    }
    let credentials = ["credentials.toml", "credentials"].iter().find_map(|f| host.text(&home.join(f)));
    if let Some(text) = credentials.filter(|text| found.secret_file(Ecosystem::Cargo, text)) {
        found.file(Ecosystem::Cargo, "cargo-credentials.toml", &text, "/root/.cargo/credentials.toml")?;
    }
    for prefix in ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRY_", "CARGO_REGISTRIES_", "CARGO_SOURCE_"] {
        for (name, value) in host.vars(prefix).filter(|(n, v)| !v.is_empty() && *n != "CARGO_HTTP_CAINFO") {
            found.env(Ecosystem::Cargo, name, value);
        }
    }
    Ok(())
}

/// Whether a table, or one in it, has such a key.
fn has(table: &toml::Table, is_it: &impl Fn(&str) -> bool) -> bool {
    table.iter().any(|(key, value)| is_it(key) || value.as_table().is_some_and(|t| has(t, is_it)))
}

fn drop_keys(table: &mut toml::Table, is_it: &impl Fn(&str) -> bool) {
    table.retain(|key, _| !is_it(key));
    table.iter_mut().filter_map(|(_, value)| value.as_table_mut()).for_each(|t| drop_keys(t, is_it));
}
