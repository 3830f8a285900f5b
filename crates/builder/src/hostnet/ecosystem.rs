//! Whose credentials a host may have.

use std::{collections::BTreeSet, fmt, str::FromStr};

/// A package manager, or a proxy, that this host may have credentials for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ecosystem {
    /// pip's and uv's indexes.
    Pip,
    /// npm's registries.
    Npm,
    /// Cargo's registries.
    Cargo,
    /// apt's archives.
    Apt,
    /// Proxies, whoever uses them.
    Proxy,
}

impl Ecosystem {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pip, Self::Npm, Self::Cargo, Self::Apt, Self::Proxy];

    /// What it is called in the server's settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pip => "pip",
            Self::Npm => "npm",
            Self::Cargo => "cargo",
            Self::Apt => "apt",
            Self::Proxy => "proxy",
        }
    }

    /// Whether the relay adds these credentials to what builds ask for, so that builds see none. A proxy is asked by whatever
    /// program for whatever host, so builds have to have its credentials themselves.
    #[must_use]
    pub fn is_relayed(self) -> bool {
        match self {
            Self::Pip | Self::Npm | Self::Cargo | Self::Apt => true,
            Self::Proxy => false,
        }
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Ecosystem {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|e| e.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(|e| format!("`{e}`")).join(", ");
            format!("`{text}` is none of {names}")
        })
    }
}

/// Those whose credentials are for builds, and those of which something was kept from them.
#[derive(Debug, Clone, Default)]
pub(super) struct Credentials {
    pub(super) wanted: BTreeSet<Ecosystem>,
    pub(super) withheld: BTreeSet<Ecosystem>,
}

impl Credentials {
    /// Whether builds may see something that is a credential and nothing else.
    pub(super) fn may_show(&mut self, of: Ecosystem) -> bool {
        self.is_wanted(of) && !of.is_relayed()
    }

    /// Whether builds are to have what these credentials open; otherwise it is remembered that there were some.
    pub(super) fn is_wanted(&mut self, of: Ecosystem) -> bool {
        self.wanted.contains(&of) || {
            self.withheld.insert(of);
            false
        }
    }

    /// What builds may see of a text: all but the credentials in its URLs.
    pub(super) fn show(&mut self, of: Ecosystem, text: &str) -> String {
        let without = super::secrets::without(text);
        if without == text || self.may_show(of) { text.to_owned() } else { without }
    }
}
