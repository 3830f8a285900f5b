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
mod npm;
mod pip;
mod proxy;
mod secrets;
mod uv;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use dormouse_runtime::Mount;

use ecosystem::Credentials;
pub use ecosystem::Ecosystem;
pub use host::Host;
pub use secrets::Secrets;

/// Where sandboxes find the certificate bundle; the path Debian, and so every base, uses.
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What the server's settings add to what the host knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetSettings {
    /// Certificate bundle to use instead of the host's.
    pub ca_bundle: Option<PathBuf>,
    /// Environment of build sandboxes on top of what is found; an empty value removes a variable.
    pub build_env: BTreeMap<String, String>,
    /// Whose credentials builds see, those of all projects. Of others they see where things are, and no secret.
    pub credentials: BTreeSet<Ecosystem>,
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
        let credentials = Credentials { shown: settings.credentials.clone(), ..Credentials::default() };
        let mut found = Found { dir: dir.to_owned(), credentials, net: Self::default() };
        ca::read(host, settings.ca_bundle.as_deref(), &mut found)?;
        proxy::read(host, &mut found);
        let index = pip::read(host, &mut found);
        uv::read(host, index, &mut found)?;
        npm::read(host, &mut found)?;
        cargo::read(host, &mut found)?;
        apt::read(host, &mut found)?;
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
        Ok(net)
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

/// What has been found so far.
struct Found {
    dir: PathBuf,
    credentials: Credentials,
    net: HostNet,
}

impl Found {
    /// Set a variable in build sandboxes, but for what of it is a credential that they may not see.
    fn env(&mut self, of: Ecosystem, name: &str, value: &str) {
        self.net.secrets.learn_variable(name, value);
        if secrets::is_secret_name(name) && !self.credentials.may_show(of) {
            return;
        }
        let value = self.credentials.show(of, value);
        self.net.build_env.insert(name.to_owned(), value);
    }

    fn mount(&mut self, source: PathBuf, target: &str) {
        self.net.build_mounts.push(Mount { source, target: target.into(), read_only: true });
    }

    /// Whether build sandboxes may see a text that is all credentials; if not, their output will not show them either.
    fn secret_file(&mut self, of: Ecosystem, text: &str) -> bool {
        self.net.secrets.learn_text(text);
        self.credentials.may_show(of)
    }

    /// Show `text` at `target` in build sandboxes, without the credentials of URLs that they may not see.
    fn file(&mut self, of: Ecosystem, name: &str, text: &str, target: &'static str) -> io::Result<()> {
        self.net.secrets.learn_text(text);
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
