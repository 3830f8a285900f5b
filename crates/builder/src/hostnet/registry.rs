//! Registries of this host's settings, and what they are told of who asks.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::Ecosystem;

/// Who one is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A name and a password.
    Basic(String, String),
    /// A name and a password as they are sent.
    Encoded(String),
    /// A token, as npm sends it.
    Bearer(String),
    /// A token, as cargo sends it.
    Token(String),
}

impl Credential {
    /// The value of `Authorization`.
    pub(crate) fn header(&self) -> String {
        match self {
            Self::Basic(name, password) => format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))),
            Self::Encoded(both) => format!("Basic {both}"),
            Self::Bearer(token) => format!("Bearer {token}"),
            Self::Token(token) => token.clone(),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic(..) | Self::Encoded(_) => "Basic ***",
            Self::Bearer(_) => "Bearer ***",
            Self::Token(_) => "***",
        })
    }
}

/// What below a registry's root belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Everything.
    Whole,
    /// Files of packages, which registries keep beside their index.
    Packages,
}

/// A place that packages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registry {
    pub(crate) of: Ecosystem,
    /// Scheme, host, port and a path that ends with a slash; nothing else.
    pub(crate) root: Url,
    pub(crate) reach: Reach,
    pub(crate) credential: Option<Credential>,
}

impl Registry {
    /// The one at a URL as package managers write it; `None` where it is no place on the web. The URL's own credentials count
    /// when there are no others.
    pub(crate) fn whole(of: Ecosystem, url: &str, credential: Option<Credential>) -> Option<Self> {
        let mut root: Url = url.trim().strip_prefix("sparse+").unwrap_or(url.trim()).parse().ok()?;
        if !matches!(root.scheme(), "http" | "https") {
            return None;
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credential = credential.or_else(|| {
            let (name, password) = (decoded(root.username()), decoded(root.password().unwrap_or_default()));
            (!name.is_empty() || !password.is_empty()).then_some(Credential::Basic(name, password))
        });
        root.set_username("").ok()?;
        root.set_password(None).ok()?;
        root.set_query(None);
        root.set_fragment(None);
        if !root.path().ends_with('/') {
            let path = format!("{}/", root.path());
            root.set_path(&path);
        }
        Some(Self { of, root, reach: Reach::Whole, credential })
    }

    /// Where the files of its packages may be: at this path of the same host.
    pub(crate) fn packages_at(&self, path: &str) -> Self {
        let mut root = self.root.clone();
        root.set_path(path);
        Self { root, reach: Reach::Packages, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn what_is_sent_for_what_is_written() {
        let mut out = String::new();
        let token = || Some(Credential::Token("t".into()));
        for (url, credential) in [
            ("https://joe:p%40w@one.example/simple?x=1#y", None),
            ("https://tok@one.example:8443", None),
            ("sparse+https://joe:pw@ours.example/index", token()),
            ("http://npm.example/", Some(Credential::Bearer("b".into()))),
            ("http://npm.example/", Some(Credential::Encoded("am9lOnB3".into()))),
            ("https://plain.example", None),
            ("https://github.example/index.git", None),
            ("ssh://git@github.example/index", None),
            ("/opt/wheels", None),
        ] {
            out += &match Registry::whole(Ecosystem::Pip, url, credential) {
                None => format!("{url}: none\n"),
                Some(r) => format!("{} {:?}\n", r.root, r.credential.map(|c| c.header())),
            };
        }
        expect![[r#"
            https://one.example/simple/ Some("Basic am9lOnBAdw==")
            https://one.example:8443/ Some("Basic dG9rOg==")
            https://ours.example/index/ Some("t")
            http://npm.example/ Some("Bearer b")
            http://npm.example/ Some("Basic am9lOnB3")
            https://plain.example/ None
            https://github.example/index.git/ None
            ssh://git@github.example/index: none
            /opt/wheels: none
        "#]]
        .assert_eq(&out);
        assert_eq!(format!("{:?}", Credential::Basic("joe".into(), "pw".into())), "Basic ***");
    }
}
