//! Networks have their own rules: a private certificate authority, a proxy, a package index of their own.
//!
//! What this host has been taught about its network is read here and handed on to sandboxes as environment and
//! read-only files, never as content of a layer.

mod apt;
mod ca;
mod cargo;
mod ecosystem;
mod host;
mod key;
mod logins;
mod npm;
mod npm_auth;
mod pip;
mod proxy;
mod registry;
mod secrets;
mod uv;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use dormouse_runtime::Mount;

use crate::relay::Relay;
use ecosystem::Credentials;
pub use ecosystem::Ecosystem;
pub use host::Host;
use logins::Logins;
pub(crate) use registry::{Credential, Reach, Registry};
pub use secrets::Secrets;

/// Where sandboxes find the certificate bundle; the path Debian, and so every base, uses.
pub(crate) const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What the server's settings add to what the host knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetSettings {
    /// Certificate bundle to use instead of the host's.
    pub ca_bundle: Option<PathBuf>,
    /// Environment of build sandboxes on top of what is found; an empty value removes a variable.
    pub build_env: BTreeMap<String, String>,
    /// Whose credentials are for builds, those of all projects: added on the way out, and shown where they cannot be. Of others
    /// builds see where things are, and no secret.
    pub credentials: BTreeSet<Ecosystem>,
    /// Debian mirrors that the server's settings name, as URLs.
    pub mirrors: Vec<String>,
}

/// The network's rules, ready to be handed to sandboxes.
#[derive(Debug, Clone, Default)]
pub struct HostNet {
    build_env: BTreeMap<String, String>,
    build_mounts: Vec<Mount>,
    /// Text of the files among those that say where packages come from, by where they are mounted.
    settings: BTreeMap<&'static str, String>,
    app_env: BTreeMap<String, String>,
    app_mounts: Vec<Mount>,
    secrets: Secrets,
    withheld: BTreeSet<Ecosystem>,
    registries: Vec<Registry>,
    relay: Option<Arc<Relay>>,
    /// What was found and cannot work in a sandbox.
    pub warnings: Vec<String>,
}

impl HostNet {
    /// Read `host`. What sandboxes are to see as files is written to `dir`, a folder of our own that only root enters.
    ///
    /// # Errors
    /// When `dir` cannot be written, or the bundle that the settings name cannot be read.
    pub fn read(host: &Host, settings: &NetSettings, dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        let credentials = Credentials { wanted: settings.credentials.clone(), ..Credentials::default() };
        let logins = Logins::netrc(host);
        let mut found = Found { dir: dir.to_owned(), credentials, logins, net: Self::default() };
        found.logins.passwords().for_each(|password| found.net.secrets.learn(password));
        ca::read(host, settings.ca_bundle.as_deref(), &mut found)?;
        proxy::read(host, &mut found);
        let index = pip::read(host, &mut found);
        uv::read(host, index, &mut found)?;
        npm::read(host, &mut found)?;
        cargo::read(host, &mut found)?;
        apt::read(host, &settings.mirrors, &mut found)?;
        let mut net = found.net;
        net.withheld = found.credentials.withheld;
        for (name, value) in &settings.build_env {
            net.secrets.learn_variable(name, value);
            if value.is_empty() {
                net.build_env.remove(name);
            } else {
                net.build_env.insert(name.clone(), value.clone());
            }
        }
        net.set_up_relay(host)?;
        Ok(net)
    }

    fn set_up_relay(&mut self, host: &Host) -> io::Result<()> {
        let bundle = self.build_mounts.iter().find(|m| m.target == Path::new(BUNDLE));
        let bundle = bundle.map(|m| fs::read_to_string(&m.source)).transpose()?.unwrap_or_default();
        let (relay, unserved) = Relay::new(&self.registries, host, bundle).map_err(io::Error::other)?;
        for host in unserved {
            self.warnings.push(format!(
                "credentials for {host} are not added to what builds ask: it is an address of IPv6, or another one's port is the same"
            ));
        }
        if let Some(relay) = relay {
            proxy::leave_out(&mut self.build_env, &relay.hosts());
            self.relay = Some(Arc::new(relay));
        }
        Ok(())
    }

    /// Who stands in for the registries that ask for credentials; none where there are no such.
    pub(crate) fn relay(&self) -> Option<&Arc<Relay>> {
        self.relay.as_ref()
    }

    /// Environment for build sandboxes.
    #[must_use]
    pub fn build_env(&self) -> &BTreeMap<String, String> {
        &self.build_env
    }

    /// Files for build sandboxes.
    #[must_use]
    pub fn build_mounts(&self) -> &[Mount] {
        &self.build_mounts
    }

    /// Environment for running apps, below what their users set.
    #[must_use]
    pub fn app_env(&self) -> &BTreeMap<String, String> {
        &self.app_env
    }

    /// Files for running apps.
    #[must_use]
    pub fn app_mounts(&self) -> &[Mount] {
        &self.app_mounts
    }

    /// Whose credentials this host has, and keeps from builds.
    #[must_use]
    pub fn withheld(&self) -> &BTreeSet<Ecosystem> {
        &self.withheld
    }

    /// A line of build output without the credentials of this host's settings, nor those of any URL in it.
    #[must_use]
    pub fn redact(&self, line: &str) -> String {
        self.secrets.redact(line)
    }
}

/// Remove from `dir`, once no earlier release uses it any more, the files of credentials that those showed to builds.
///
/// # Errors
/// When they cannot be removed.
pub fn forget_former(dir: &Path) -> io::Result<()> {
    ["cargo-credentials.toml", "apt-auth.conf"]
        .into_iter()
        .try_for_each(|name| fs::remove_file(dir.join(name)).or_else(absent))
}

fn absent(e: io::Error) -> io::Result<()> {
    if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) }
}

/// What has been found so far.
struct Found {
    dir: PathBuf,
    credentials: Credentials,
    /// Those of `.netrc`.
    logins: Logins,
    net: HostNet,
}

impl Found {
    /// Set a variable in build sandboxes, but for what of it is a credential that they may not see.
    fn env(&mut self, of: Ecosystem, name: &str, value: &str) {
        self.net.secrets.learn_variable(name, value);
        self.look_for_parameters(of, name, value);
        if secrets::is_secret_name(name) && !self.credentials.may_show(of) {
            return;
        }
        let value = self.credentials.show(of, value);
        self.net.build_env.insert(name.to_owned(), value);
    }

    fn mount(&mut self, source: PathBuf, target: &str) {
        self.net.build_mounts.push(Mount { source, target: target.into(), read_only: true });
    }

    /// Remember a registry; and who one is there, where builds are to have what that opens.
    fn registry(&mut self, mut registry: Registry) {
        registry.credential = registry.credential.filter(|_| self.credentials.is_wanted(registry.of));
        self.net.registries.push(registry);
    }

    /// A text that is all credentials, which is not shown.
    fn secret(&mut self, of: Ecosystem, text: &str) {
        self.net.secrets.learn_text(text);
        self.credentials.is_wanted(of);
    }

    /// A credential in the parameters of a URL is no header that could be added.
    fn look_for_parameters(&mut self, of: Ecosystem, name: &str, text: &str) {
        if of.is_relayed() && secrets::has_parameters(text) && self.credentials.is_wanted(of) {
            self.warn(format!(
                "{name} has a credential in the parameters of a URL, which builds do not get\n  hint: write it as name and \
                 password before the host"
            ));
        }
    }

    /// Show `text` at `target` in build sandboxes, without the credentials of URLs that they may not see.
    fn file(&mut self, of: Ecosystem, name: &str, text: &str, target: &'static str) -> io::Result<()> {
        self.net.secrets.learn_text(text);
        self.look_for_parameters(of, target, text);
        let text = self.credentials.show(of, text);
        let path = self.write(name, text.as_bytes())?;
        self.mount(path, target);
        match of {
            Ecosystem::Pip | Ecosystem::Npm | Ecosystem::Cargo => {
                self.net.settings.insert(target, text);
            }
            Ecosystem::Apt | Ecosystem::Proxy => {}
        }
        Ok(())
    }

    /// Replaced by a rename, so that sandboxes that have the earlier file mounted keep it whole.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = self.dir.join(name);
        if fs::read(&path).ok().as_deref() == Some(bytes) {
            return Ok(path);
        }
        let tmp = self.dir.join(format!(".{name}.new"));
        fs::write(&tmp, bytes)?;
        fs::set_permissions(&tmp, fs::Permissions::from_mode(0o644))?;
        fs::rename(&tmp, &path)?;
        Ok(path)
    }

    fn warn(&mut self, what: impl Into<String>) {
        let what = self.net.redact(&what.into());
        self.net.warnings.push(what);
    }
}

#[cfg(test)]
mod tests;
