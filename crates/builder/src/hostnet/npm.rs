//! npm's settings.

use std::io;

use super::{Ecosystem, Found, Host, npm_auth::NpmAuth, secrets::is_secret_name};

/// Keys of `.npmrc` that concern the network; the rest is about this host.
fn concerns_network(key: &str) -> bool {
    // `//registry.example/:_authToken` and `@scope:registry`.
    key.starts_with("//")
        || key.ends_with(":registry")
        || ["registry", "proxy", "https-proxy", "noproxy", "strict-ssl", "ca", "_auth", "_authtoken"]
            .contains(&key)
        || key.starts_with("fetch-")
        || key == "ca[]"
}

/// Those that say who one is: for a registry, as `//registry.example/:_authToken`, or for all of them.
fn is_credential(key: &str) -> bool {
    key.starts_with("//") || is_secret_name(key)
}

/// Hand them on.
pub(super) fn read(host: &Host, found: &mut Found) -> io::Result<()> {
    let user = host.var("NPM_CONFIG_USERCONFIG").map_or_else(|| host.home(".npmrc"), |f| host.path(f));
    let (mut text, mut auth) = (String::new(), NpmAuth::default());
    for file in
        [host.path("/etc/npmrc"), host.path("/usr/etc/npmrc"), host.path("/usr/local/etc/npmrc"), user]
    {
        for line in host.text(&file).unwrap_or_default().lines() {
            let Some((written, value)) = line.split_once('=') else { continue };
            let key = written.trim().to_ascii_lowercase();
            if !concerns_network(&key) {
                continue;
            }
            let value = expand(host, value.trim().trim_matches(['"', '\'']));
            auth.learn(written.trim(), &value);
            if is_credential(&key) {
                found.secret(Ecosystem::Npm, &expand(host, line));
            } else {
                text += line;
                text.push('\n');
            }
        }
    }
    if !text.is_empty() {
        found.file(Ecosystem::Npm, "npmrc", &expand(host, &text), "/root/.npmrc")?;
    }
    for prefix in ["NPM_CONFIG_", "npm_config_"] {
        for (name, value) in host.vars(prefix).filter(|(_, v)| !v.is_empty()) {
            let key = &name[prefix.len()..];
            auth.learn(key, value);
            if is_credential(key) {
                found.net.secrets.learn(value);
                found.credentials.is_wanted(Ecosystem::Npm);
            } else if concerns_network(&key.to_ascii_lowercase().replace('_', "-")) {
                found.env(Ecosystem::Npm, name, value);
            }
        }
    }
    let registries = auth.registries();
    if registries.iter().any(|r| r.credential.is_some()) && found.credentials.wanted.contains(&Ecosystem::Npm)
    {
        // It asks with POST, which the relay refuses.
        found.net.build_env.insert("npm_config_audit".to_owned(), "false".to_owned());
    }
    for registry in registries {
        found.registry(registry);
    }
    Ok(())
}

/// npm replaces `${NAME}` by variables of its environment, which sandboxes do not have.
fn expand(host: &Host, text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out += before;
        let Some((name, after)) = after.split_once('}') else {
            out += "${";
            rest = after;
            continue;
        };
        match host.var(name) {
            Some(value) => out += value,
            None => out += &format!("${{{name}}}"),
        }
        rest = after;
    }
    out + rest
}
