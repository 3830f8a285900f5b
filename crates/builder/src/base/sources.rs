//! Where apt on this host gets its packages from: `sources.list` and `*.sources`.

use std::{fs, path::PathBuf};

use super::stanza::stanzas;
use crate::hostnet::Host;

/// An entry: every suite at every URI, with these components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) uris: Vec<String>,
    pub(super) suites: Vec<String>,
    pub(super) components: Vec<String>,
    pub(super) signed_by: SignedBy,
}

/// Which keys may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SignedBy {
    /// Debian's own, those of this host first.
    Debian,
    /// Keyring files of this host.
    Files(Vec<PathBuf>),
    /// An armored key written into the entry.
    Inline(String),
}

/// All entries for binary packages of `arch`, in the order apt reads them.
pub(super) fn read(host: &Host, arch: &str) -> Vec<Entry> {
    let mut entries = one_line(&host.text(&host.path("/etc/apt/sources.list")).unwrap_or_default(), arch);
    let parts = fs::read_dir(host.path("/etc/apt/sources.list.d")).into_iter().flatten();
    let mut parts: Vec<_> = parts.filter_map(|e| Some(e.ok()?.path())).collect();
    parts.sort();
    for path in parts {
        let text = host.text(&path).unwrap_or_default();
        match path.extension().and_then(|e| e.to_str()) {
            Some("list") => entries.extend(one_line(&text, arch)),
            Some("sources") => entries.extend(deb822(&text, arch)),
            Some(_) | None => {}
        }
    }
    entries
}

/// `deb [option=value …] uri suite component…`
fn one_line(text: &str, arch: &str) -> Vec<Entry> {
    let parse = |line: &str| {
        let line = line.split('#').next()?.trim();
        let rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => ("", rest),
        };
        let option = |name: &str| {
            options
                .split_whitespace()
                .find_map(|o| o.strip_prefix(name)?.strip_prefix('='))
                .unwrap_or_default()
        };
        let archs = option("arch");
        if !archs.is_empty() && !archs.split(',').any(|a| a == arch) {
            return None;
        }
        let mut words = rest.split_whitespace().map(str::to_owned);
        Some(Entry {
            uris: vec![words.next()?],
            suites: vec![words.next()?],
            components: words.collect(),
            signed_by: signed_by(option("signed-by"), ','),
        })
    };
    text.lines().filter_map(parse).collect()
}

fn deb822(text: &str, arch: &str) -> Vec<Entry> {
    let parse = |s: super::stanza::Stanza<'_>| {
        let archs = s.words("Architectures");
        let enabled = !s.get("Enabled").is_some_and(|e| e.eq_ignore_ascii_case("no") || e == "0");
        let wanted = enabled
            && s.words("Types").iter().any(|t| t == "deb")
            && (archs.is_empty() || archs.iter().any(|a| a == arch));
        wanted.then(|| Entry {
            uris: s.words("URIs"),
            suites: s.words("Suites"),
            components: s.words("Components"),
            signed_by: signed_by(s.get("Signed-By").unwrap_or_default(), ' '),
        })
    };
    stanzas(text).filter_map(parse).collect()
}

/// Paths or an armored key; fingerprints narrow the default keyring down, and are left at that.
fn signed_by(value: &str, separator: char) -> SignedBy {
    if value.contains("-----BEGIN PGP") {
        // A continuation of a lone dot stands for an empty line.
        let lines = value.lines().map(str::trim).map(|l| if l == "." { "" } else { l });
        return SignedBy::Inline(lines.collect::<Vec<_>>().join("\n"));
    }
    let paths: Vec<PathBuf> =
        value.split([separator, '\n', ' ']).filter(|p| p.starts_with('/')).map(PathBuf::from).collect();
    if paths.is_empty() { SignedBy::Debian } else { SignedBy::Files(paths) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_entries() {
        let text = "# deb http://no no main\ndeb http://m/debian bookworm main contrib # why\n\
            deb [arch=amd64,arm64 signed-by=/k.gpg] https://s/ bookworm-security main\n\
            deb [ arch=armhf ] http://other x main\ndeb-src http://m/debian bookworm main\n\ndeb broken\n";
        let entry = |uri: &str, suite: &str, components: &[&str], signed_by| Entry {
            uris: vec![uri.into()],
            suites: vec![suite.into()],
            components: components.iter().map(|c| (*c).to_owned()).collect(),
            signed_by,
        };
        assert_eq!(
            one_line(text, "amd64"),
            [
                entry("http://m/debian", "bookworm", &["main", "contrib"], SignedBy::Debian),
                entry("https://s/", "bookworm-security", &["main"], SignedBy::Files(vec!["/k.gpg".into()])),
            ]
        );
    }

    #[test]
    fn deb822_entries() {
        let text = "Types: deb deb-src\nURIs: http://a http://b\nSuites: bookworm bookworm-updates\nComponents: main\n\
            Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDME\n -----END PGP PUBLIC KEY BLOCK-----\n\n\
            Types: deb\nEnabled: no\nURIs: http://c\nSuites: x\n\n\
            Types: deb\nURIs: http://d\nSuites: y\nComponents: main\nSigned-By: /k.gpg\n";
        let entries = deb822(text, "amd64");
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].uris, ["http://a", "http://b"]);
        assert_eq!(entries[0].suites, ["bookworm", "bookworm-updates"]);
        let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----";
        assert_eq!(entries[0].signed_by, SignedBy::Inline(key.into()));
        assert_eq!(entries[1].signed_by, SignedBy::Files(vec!["/k.gpg".into()]));
    }
}
