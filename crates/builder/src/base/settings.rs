//! Which base, from where: as asked for and as found on the host, resolved.

use std::{path::PathBuf, process::Command, time::Duration};

use serde::Deserialize;

use super::{
    BaseError,
    fetch::{sha256, shown},
    proxy::Proxies,
    sources::{self, SignedBy},
};
use crate::hostnet::Host;

/// What the server's settings say of the base; everything left out is taken from the host, or is Debian's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct BaseWishes {
    /// Archive root, such as `http://deb.debian.org/debian`.
    pub mirror: Option<String>,
    /// Archive root of security updates, such as `http://deb.debian.org/debian-security`.
    pub security_mirror: Option<String>,
    /// Code name of the release, such as `bookworm`.
    pub suite: Option<String>,
    /// Keyring that the archive's signatures are checked against.
    pub keyring: Option<PathBuf>,
}

/// Which base, from where. Nothing is left to find out.
#[derive(Debug, Clone)]
pub struct BaseSettings {
    /// Code name of the release.
    pub(super) suite: String,
    /// Debian's name of this machine's architecture.
    pub(super) arch: &'static str,
    pub(super) archives: Vec<Archive>,
    pub(super) proxies: Proxies,
    /// Certificates on top of the host's, in PEM.
    pub(super) ca: Vec<u8>,
    /// Whether a release past its `Valid-Until` is refused.
    pub(super) check_valid_until: bool,
    /// Whether a release from the future is refused.
    pub(super) check_date: bool,
    /// How long a base is used before the archive is asked for a newer one.
    pub(super) refresh: Duration,
}

/// One suite of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Archive {
    /// URLs of its mirrors, without a slash at the end.
    pub(super) roots: Vec<String>,
    pub(super) suite: String,
    pub(super) signed_by: SignedBy,
    /// Whether a base can be made without it.
    pub(super) optional: bool,
}

const MIRROR: &str = "http://deb.debian.org/debian";
const SECURITY: &str = "http://deb.debian.org/debian-security";

/// For hosts that are no Debian: the newest stable release's C library is at least as new as theirs.
const SUITE: &str = "trixie";

const REFRESH: Duration = Duration::from_secs(24 * 3600);

/// Names that move from release to release; on a Debian host they mean the release it runs.
const MOVING: [&str; 4] = ["stable", "oldstable", "oldoldstable", "testing"];

impl BaseSettings {
    /// Resolve `wishes` with what `host` is configured to use.
    ///
    /// # Errors
    /// On an architecture Debian has no name for that we know.
    pub fn read(host: &Host, wishes: &BaseWishes) -> Result<Self, BaseError> {
        Self::resolve(host, wishes, &apt_config(host))
    }

    fn resolve(host: &Host, wishes: &BaseWishes, dump: &str) -> Result<Self, BaseError> {
        let arch = arch().ok_or_else(|| {
            let arch = std::env::consts::ARCH;
            BaseError::Settings(format!(
                "no base can be made for {arch}\n  hint: name an OCI image as the base"
            ))
        })?;
        let codename = debian(host);
        let suite = wishes.suite.clone().or_else(|| codename.clone()).unwrap_or_else(|| SUITE.to_owned());
        if !suite.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) || suite.is_empty() {
            return Err(BaseError::Settings(format!(
                "`{suite}` is not the code name of a Debian release\n  hint: write it like `bookworm`, without \
                 `-updates` or `/`"
            )));
        }
        let mut archives = match &codename {
            Some(codename) if wishes.mirror.is_none() => of_host(host, arch, codename, &suite),
            Some(_) | None => Vec::new(),
        };
        if !archives.iter().any(|a| a.suite == suite) {
            archives = defaults(wishes, &suite);
        }
        if let Some(security) = &wishes.security_mirror {
            archives.retain(|a| !a.suite.ends_with("security"));
            archives.push(archive(security, format!("{suite}-security"), true));
        }
        if let Some(keyring) = &wishes.keyring {
            for archive in &mut archives {
                archive.signed_by = SignedBy::Files(vec![keyring.clone()]);
            }
        }
        let option = |name: &str| {
            let values = dump.lines().filter_map(|l| l.strip_prefix(name)?.trim().strip_prefix('"'));
            values.filter_map(|v| v.strip_suffix("\";")).next_back()
        };
        let says_no = |name: &str| option(name).is_some_and(|v| matches!(v, "false" | "0" | "no" | "off"));
        let ca = option("Acquire::https::CaInfo").and_then(|p| std::fs::read(host.path(p)).ok());
        Ok(Self {
            suite,
            arch,
            archives,
            proxies: Proxies::read(host, dump),
            ca: ca.unwrap_or_default(),
            check_valid_until: !says_no("Acquire::Check-Valid-Until"),
            check_date: !says_no("Acquire::Check-Date"),
            refresh: REFRESH,
        })
    }

    /// Code name of the release the base is made of.
    #[must_use]
    pub fn suite(&self) -> &str {
        &self.suite
    }

    /// Tells settings that make different bases apart.
    pub(super) fn digest(&self) -> String {
        let archives = self.archives.iter().map(|a| {
            let roots: Vec<_> = a.roots.iter().map(|r| shown(r)).collect();
            format!("{} {} {:?}\n", a.suite, roots.join(" "), a.signed_by)
        });
        sha256(archives.collect::<String>().as_bytes())
    }

    /// How long a base is used before the archive is asked for a newer one; a day unless set.
    #[must_use]
    pub fn refresh_after(mut self, refresh: Duration) -> Self {
        self.refresh = refresh;
        self
    }
}

/// The code name of the Debian release that `host` runs, if it runs one.
fn debian(host: &Host) -> Option<String> {
    let text = host.text(&host.path("/etc/os-release"))?;
    let field = |name: &str| {
        let value = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.trim_matches(['"', '\'']).to_owned())
    };
    (field("ID").as_deref() == Some("debian")).then(|| field("VERSION_CODENAME")).flatten()
}

fn of_host(host: &Host, arch: &str, codename: &str, suite: &str) -> Vec<Archive> {
    let mut archives: Vec<Archive> = Vec::new();
    for entry in sources::read(host, arch) {
        let roots: Vec<_> = entry
            .uris
            .iter()
            .map(|u| u.trim_end_matches('/'))
            .filter(|u| u.starts_with("http://") || u.starts_with("https://"))
            .map(str::to_owned)
            .collect();
        if roots.is_empty() || !entry.components.iter().any(|c| c == "main") {
            continue;
        }
        for name in &entry.suites {
            let base = |of: &str| name.strip_prefix(of).map(str::to_owned);
            let Some(rest) = base(codename).or_else(|| MOVING.iter().find_map(|m| base(m))) else { continue };
            let security = matches!(rest.as_str(), "-security" | "/updates");
            if !rest.is_empty() && rest != "-updates" && !security {
                continue;
            }
            let rest = if security { "-security" } else { rest.as_str() };
            let archive = Archive {
                roots: roots.clone(),
                suite: format!("{suite}{rest}"),
                signed_by: entry.signed_by.clone(),
                optional: !rest.is_empty(),
            };
            match archives.iter_mut().find(|a| a.suite == archive.suite) {
                Some(known) => known.roots.extend(archive.roots),
                None => archives.push(archive),
            }
        }
    }
    archives
}

fn archive(root: &str, suite: String, optional: bool) -> Archive {
    let roots = vec![root.trim_end_matches('/').to_owned()];
    Archive { roots, suite, signed_by: SignedBy::Debian, optional }
}

fn defaults(wishes: &BaseWishes, suite: &str) -> Vec<Archive> {
    let mirror = wishes.mirror.as_deref().unwrap_or(MIRROR);
    vec![
        archive(mirror, suite.to_owned(), false),
        archive(mirror, format!("{suite}-updates"), true),
        archive(SECURITY, format!("{suite}-security"), true),
    ]
}

/// Debian's name of this machine's architecture, if it has one that we know.
fn arch() -> Option<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Some("amd64"),
        "aarch64" => Some("arm64"),
        _other => None,
    }
}

/// Every place that apt on `host` gets packages from.
pub(crate) fn sources_of(host: &Host) -> Vec<String> {
    let entries = arch().map(|arch| sources::read(host, arch)).unwrap_or_default();
    entries.into_iter().flat_map(|entry| entry.uris).collect()
}

/// apt's settings as apt itself reads them; a host without apt has none.
pub(crate) fn apt_config(host: &Host) -> String {
    let dump = if host.is_this() { Command::new("apt-config").arg("dump").output().ok() } else { None };
    dump.map(|d| String::from_utf8_lossy(&d.stdout).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    struct Case<'a> {
        os: &'a str,
        sources: &'a str,
        dump: &'a str,
        wishes: BaseWishes,
    }

    fn resolve(case: &Case<'_>) -> String {
        let dir = tempfile::tempdir().unwrap();
        let etc = dir.path().join("etc");
        fs::create_dir_all(etc.join("apt/sources.list.d")).unwrap();
        fs::write(etc.join("os-release"), case.os).unwrap();
        fs::write(etc.join("apt/sources.list.d/x.list"), case.sources).unwrap();
        let host = Host::new(dir.path(), Path::new("/root"), [].into());
        match BaseSettings::resolve(&host, &case.wishes, case.dump) {
            Ok(s) => {
                let archives = s.archives.iter().map(|a| {
                    let signed = if a.signed_by == SignedBy::Debian { "" } else { " own keys" };
                    format!("{} {}{signed}", a.suite, a.roots.join(" "))
                });
                let dates = format!("{}: until={} date={}", s.suite, s.check_valid_until, s.check_date);
                std::iter::once(dates).chain(archives).collect::<Vec<_>>().join("\n")
            }
            Err(e) => e.to_string(),
        }
    }

    const BOOKWORM: &str = "ID=debian\nVERSION_CODENAME=bookworm\n";
    const HOST: &str = "deb http://m/debian/ bookworm main\ndeb http://m2/debian bookworm main\n\
        deb http://m/debian bookworm-backports main\ndeb http://m/debian stable-updates main\n\
        deb [signed-by=/k.gpg] https://s/x bookworm-security contrib main\ndeb http://third/party bookworm stuff\n\
        deb cdrom:[x]/ bookworm main\n";

    #[test]
    fn what_the_host_uses_unless_wished_otherwise() {
        let host = |os, sources, wishes| resolve(&Case { os, sources, dump: "", wishes });
        let none = BaseWishes::default;
        let expected = [
            (
                host(BOOKWORM, HOST, none()),
                "bookworm: until=true date=true\nbookworm http://m/debian http://m2/debian\n\
                 bookworm-updates http://m/debian\nbookworm-security https://s/x own keys",
            ),
            (
                host(BOOKWORM, HOST, BaseWishes { suite: Some("trixie".into()), ..none() }),
                "trixie: until=true date=true\ntrixie http://m/debian http://m2/debian\n\
                 trixie-updates http://m/debian\ntrixie-security https://s/x own keys",
            ),
            (
                host(BOOKWORM, HOST, BaseWishes { mirror: Some("http://own/d/".into()), ..none() }),
                "bookworm: until=true date=true\nbookworm http://own/d\nbookworm-updates http://own/d\n\
                 bookworm-security http://deb.debian.org/debian-security",
            ),
            (
                host(BOOKWORM, HOST, BaseWishes { security_mirror: Some("http://sec".into()), ..none() }),
                "bookworm: until=true date=true\nbookworm http://m/debian http://m2/debian\n\
                 bookworm-updates http://m/debian\nbookworm-security http://sec",
            ),
            (
                host("ID=fedora\n", "", none()),
                "trixie: until=true date=true\ntrixie http://deb.debian.org/debian\n\
                 trixie-updates http://deb.debian.org/debian\ntrixie-security http://deb.debian.org/debian-security",
            ),
            (
                host(BOOKWORM, "", BaseWishes { suite: Some("../x".into()), ..none() }),
                "`../x` is not the code name of a Debian release\n  hint: write it like `bookworm`, without \
                 `-updates` or `/`",
            ),
        ];
        for (got, want) in expected {
            assert_eq!(got, want);
        }
    }

    #[test]
    fn a_host_that_does_not_check_dates() {
        let dump = "Acquire::Check-Valid-Until \"false\";\nAcquire::Check-Date \"0\";\n";
        let case = Case { os: BOOKWORM, sources: HOST, dump, wishes: BaseWishes::default() };
        assert!(resolve(&case).starts_with("bookworm: until=false date=false\n"));
    }
}
