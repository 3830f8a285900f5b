//! What of this host's settings decides what an installation yields.

use std::fmt::Write;

use super::{BUNDLE, HostNet};

/// Parts of names of variables that say how packages are reached, and not which.
const WAYS: [&str; 7] =
    ["_proxy", "timeout", "retries", "concurrent", "insecure_host", "trusted_host", "cargo_http_"];

impl HostNet {
    /// Part of the key of what is installed: where packages come from, and all that code which runs meanwhile can see of
    /// this host's settings. Without credentials, so that a new password installs nothing again.
    pub(crate) fn install_key(&self) -> String {
        let mut key = String::new();
        for (name, value) in self.build_env.iter().filter(|(name, value)| !is_way(name, value)) {
            let _ = writeln!(key, "{name}={}", self.redact(value));
        }
        for (target, text) in &self.settings {
            let _ = writeln!(key, "{target}:\n{}", self.redact(text));
        }
        for links in self.build_mounts.iter().filter(|m| m.target.starts_with("/mnt/find-links")) {
            let _ = writeln!(key, "{}={}", links.target.display(), links.source.display());
        }
        key
    }
}

fn is_way(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    value == BUNDLE || WAYS.iter().any(|way| name.contains(way))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use super::super::{Host, NetSettings};
    use super::*;

    /// Bug: dependencies stayed what they were when uv's settings named another index, or another day to look at it.
    #[test]
    fn where_packages_come_from_counts_and_the_way_there_does_not() {
        let key = |uv: &str, env: &[(&str, &str)], build_env: &[(&str, &str)]| {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join("etc/uv")).unwrap();
            fs::write(root.path().join("etc/uv/uv.toml"), uv).unwrap();
            let map = |vars: &[(&str, &str)]| -> BTreeMap<String, String> {
                vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
            };
            let host = Host::new(root.path(), Path::new("/root"), map(env));
            let settings = NetSettings { build_env: map(build_env), ..NetSettings::default() };
            HostNet::read(&host, &settings, &root.path().join("ours")).unwrap().install_key()
        };
        let plain = key("", &[], &[]);
        for (what, other, same) in [
            ("a proxy", key("", &[("HTTPS_PROXY", "http://p.example")], &[]), true),
            ("a timeout", key("", &[("UV_HTTP_TIMEOUT", "9")], &[]), true),
            ("uv's index", key("[[index]]\nurl = \"https://i.example\"\n", &[], &[]), false),
            ("pip's index", key("", &[("PIP_INDEX_URL", "https://i.example")], &[]), false),
            ("a day", key("", &[("UV_EXCLUDE_NEWER", "2026-01-01")], &[]), false),
            ("what the compiler is told", key("", &[], &[("CFLAGS", "-O3")]), false),
        ] {
            assert_eq!(plain == other, same, "{what}: {other}");
        }
        let index = |password: &str| {
            let url = format!("https://joe:{password}@i.example/simple");
            let settings =
                NetSettings { credentials: [super::super::Ecosystem::Pip].into(), ..NetSettings::default() };
            let root = tempfile::tempdir().unwrap();
            let env = [("UV_DEFAULT_INDEX".to_owned(), url)].into();
            let host = Host::new(root.path(), Path::new("/root"), env);
            HostNet::read(&host, &settings, &root.path().join("ours")).unwrap().install_key()
        };
        assert_eq!(index("pw123456"), index("pw654321"));
        assert!(!index("pw123456").contains("pw123456"));
    }
}
