//! Cargo's settings.

use std::{collections::BTreeMap, io};

use super::{Credential, Ecosystem, Found, Host, Registry, secrets::is_secret_name};

/// Tables of `config.toml` that concern the network.
const TABLES: &[&str] = &["source", "registries", "registry", "http", "net"];

/// Hand them on.
pub(super) fn read(host: &Host, found: &mut Found) -> io::Result<()> {
    let home = host.var("CARGO_HOME").map_or_else(|| host.home(".cargo"), |h| host.path(h));
    let mut auth = Auth::default();
    let text = ["config.toml", "config"].iter().find_map(|f| host.text(&home.join(f)));
    if let Some(mut table) = text.and_then(|t| t.parse::<toml::Table>().ok()) {
        table.retain(|key, _| TABLES.contains(&key));
        if let Some(http) = table.get_mut("http").and_then(|h| h.as_table_mut()) {
            // Already part of the bundle that sandboxes have.
            http.remove("cainfo");
        }
        found.net.secrets.learn_text(&table.to_string());
        auth.learn(&table);
        // A provider is a program of this host.
        let is_secret = |key: &str| is_secret_name(key) || key.contains("credential");
        if has(&table, &is_secret) {
            found.credentials.is_wanted(Ecosystem::Cargo);
            drop_keys(&mut table, &is_secret);
        }
        if !table.is_empty() {
            found.file(Ecosystem::Cargo, "cargo.toml", &table.to_string(), "/root/.cargo/config.toml")?;
        }
    }
    let credentials = ["credentials.toml", "credentials"].iter().find_map(|f| host.text(&home.join(f)));
    if let Some(text) = credentials {
        found.secret(Ecosystem::Cargo, &text);
        auth.learn(&text.parse().unwrap_or_default());
    }
    for prefix in ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRY_", "CARGO_REGISTRIES_", "CARGO_SOURCE_"] {
        for (name, value) in host.vars(prefix).filter(|(n, v)| !v.is_empty() && *n != "CARGO_HTTP_CAINFO") {
            found.env(Ecosystem::Cargo, name, value);
        }
    }
    auth.learn_variables(host);
    auth.hand_on(found);
    Ok(())
}

/// Where registries are, and their tokens, by name as variables spell it.
#[derive(Default)]
struct Auth {
    index: BTreeMap<String, String>,
    token: BTreeMap<String, String>,
}

impl Auth {
    fn learn(&mut self, table: &toml::Table) {
        let tables = |key: &str| table.get(key).and_then(|t| t.as_table()).into_iter().flatten();
        for (name, registry) in tables("registries") {
            let text = |key: &str| registry.get(key).and_then(|v| v.as_str()).map(str::to_owned);
            self.index.extend(text("index").map(|url| (spelt(name), url)));
            self.token.extend(text("token").map(|token| (spelt(name), token)));
        }
        for (name, source) in tables("source") {
            if let Some(url) = source.get("registry").and_then(|v| v.as_str()) {
                self.index.entry(spelt(name)).or_insert_with(|| url.to_owned());
            }
        }
    }

    fn learn_variables(&mut self, host: &Host) {
        for (name, value) in host.vars("CARGO_REGISTRIES_").filter(|(_, v)| !v.is_empty()) {
            let name = &name["CARGO_REGISTRIES_".len()..];
            if let Some(name) = name.strip_suffix("_INDEX") {
                self.index.insert(name.to_owned(), value.to_owned());
            } else if let Some(name) = name.strip_suffix("_TOKEN") {
                self.token.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Packages are wherever the index's `config.json` says, of the same host.
    fn hand_on(self, found: &mut Found) {
        for (name, url) in self.index {
            let token = self.token.get(&name).cloned().map(Credential::Token);
            let Some(whole) = Registry::whole(Ecosystem::Cargo, &url, token) else { continue };
            if whole.credential.is_some() && !url.trim().starts_with("sparse+") {
                if found.credentials.is_wanted(Ecosystem::Cargo) {
                    found.warn(format!(
                        "cargo's registry {url} is a Git repository, for which builds get no credentials\n  hint: name its \
                         sparse index, as sparse+https://"
                    ));
                }
                continue;
            }
            let packages = whole.packages_at("/");
            found.registry(packages);
            found.registry(whole);
        }
    }
}

/// A registry's name in variables.
fn spelt(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// Whether a table, or one in it, has such a key.
fn has(table: &toml::Table, is_it: &impl Fn(&str) -> bool) -> bool {
    table.iter().any(|(key, value)| is_it(key) || value.as_table().is_some_and(|t| has(t, is_it)))
}

fn drop_keys(table: &mut toml::Table, is_it: &impl Fn(&str) -> bool) {
    table.retain(|key, _| !is_it(key));
    table.iter_mut().filter_map(|(_, value)| value.as_table_mut()).for_each(|t| drop_keys(t, is_it));
}
