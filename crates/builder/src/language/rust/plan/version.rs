//! Versions of Rust.

use std::{fmt, str::FromStr};

/// A release of Rust. Patch releases add nothing that code could need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RustVersion {
    /// 1, so far.
    pub major: u32,
    /// What counts.
    pub minor: u32,
}

impl RustVersion {
    /// 1.`minor`.
    #[must_use]
    pub(crate) const fn one(minor: u32) -> Self {
        Self { major: 1, minor }
    }

    /// The release that came with an edition.
    pub(super) fn of_edition(edition: &str) -> Option<Self> {
        [("2015", 0), ("2018", 31), ("2021", 56), ("2024", 85)]
            .iter()
            .find_map(|(name, minor)| (*name == edition).then_some(Self::one(*minor)))
    }

    /// The first release whose cargo reads lock files of this format.
    pub(super) fn of_lock(lock: &str) -> Option<Self> {
        let format = lock.lines().find_map(|l| l.strip_prefix("version = "))?;
        [("3", 53), ("4", 78)].iter().find_map(|(name, minor)| (*name == format).then_some(Self::one(*minor)))
    }
}

impl FromStr for RustVersion {
    type Err = ();

    /// As `rust-version` and `rustc --version` write it: `1.85`, `1.85.0`, `1.97.0-nightly`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split(['.', '-']);
        let mut next = || parts.next()?.parse().ok();
        let major = next().ok_or(())?;
        Ok(Self { major, minor: next().ok_or(())? })
    }
}

impl fmt::Display for RustVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_written() {
        for (text, want) in [
            ("1.63", Some(RustVersion::one(63))),
            ("1.95.0", Some(RustVersion::one(95))),
            ("1.97.0-nightly", Some(RustVersion::one(97))),
            ("1", None),
            ("nightly", None),
        ] {
            assert_eq!(text.parse().ok(), want, "{text}");
        }
        assert!(RustVersion::one(63) < RustVersion::one(85));
        assert_eq!(RustVersion::of_lock("# made\nversion = 4\n"), Some(RustVersion::one(78)));
    }
}
