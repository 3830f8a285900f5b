//! Names of layers and of what produced them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Digest of an unpacked tree, `sha256:<hex>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LayerId(String);

impl LayerId {
    pub(crate) fn from_hex(hex: &str) -> Option<Self> {
        let ok = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        ok.then(|| Self(hex.to_owned()))
    }

    /// The 64 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}
impl fmt::Debug for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for LayerId {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        s.strip_prefix("sha256:")
            .and_then(Self::from_hex)
            .ok_or_else(|| format!("`{s}` is not a layer digest"))
    }
}
impl TryFrom<String> for LayerId {
    type Error = String;
    fn try_from(s: String) -> Result<Self, String> {
        s.parse()
    }
}
impl From<LayerId> for String {
    fn from(id: LayerId) -> Self {
        id.to_string()
    }
}

/// Everything that decides what a build phase produces, digested. Equal keys mean equal layers.
///
/// Parts are length-prefixed, so `("a", "bc")` and `("ab", "c")` differ.
#[derive(Clone)]
pub struct CacheKey(Sha256);

impl CacheKey {
    /// A key for one kind of step, such as `dependencies`.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self(Sha256::new()).with("kind", kind)
    }

    /// Add a named input.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for part in [name.as_bytes(), value.as_ref()] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
        self
    }

    /// Add the layer this step starts from.
    #[must_use]
    pub fn on(self, below: &LayerId) -> Self {
        self.with("below", below.hex())
    }

    /// The 64 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0.clone().finalize())
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKey({})", self.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_depend_on_every_part_and_its_borders() {
        let keys = [
            CacheKey::new("a"),
            CacheKey::new("b"),
            CacheKey::new("a").with("x", "yz"),
            CacheKey::new("a").with("xy", "z"),
            CacheKey::new("a").with("x", "y").with("z", ""),
        ];
        for (i, a) in keys.iter().enumerate() {
            for (j, b) in keys.iter().enumerate() {
                assert_eq!(a.hex() == b.hex(), i == j, "{i} {j}");
            }
        }
    }

    #[test]
    fn layer_ids_are_never_paths() {
        assert!("sha256:../../etc/passwd".parse::<LayerId>().is_err());
        assert!(format!("sha256:{}", "G".repeat(64)).parse::<LayerId>().is_err());
        let id = format!("sha256:{}", "a0".repeat(32));
        assert_eq!(id.parse::<LayerId>().unwrap().to_string(), id);
    }
}
