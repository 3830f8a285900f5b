//! What is secret is sealed before it is written down, with a key that lies beside the database and never in it.
//!
//! ChaCha20-Poly1305 with a random nonce; each text is bound to the place it is kept at, so that none can be put in
//! another's place.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};

/// What a sealed text begins with, and no JSON does.
const MARK: &str = "sealed:";

/// Length of the key, in bytes.
const KEY_LEN: usize = 32;

/// Seals and unseals texts.
pub(crate) struct Vault {
    key: LessSafeKey,
    random: SystemRandom,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

/// What was sealed with another key, for another place, or is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was sealed with another key, or is damaged")]
pub struct Unsealable;

impl Vault {
    /// With the key in a file, which is made when it is not there.
    pub(crate) fn open(file: &Path) -> io::Result<Self> {
        let mut key = Vec::new();
        match fs::File::open(file) {
            Ok(file) => drop(file.take(KEY_LEN as u64 + 1).read_to_end(&mut key)?),
            Err(e) if e.kind() == io::ErrorKind::NotFound => key = make(file)?,
            Err(e) => return Err(e),
        }
        Self::new(&key).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it does not hold a key"))
    }

    fn new(key: &[u8]) -> Option<Self> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).ok()?;
        Some(Self { key: LessSafeKey::new(key), random: SystemRandom::new() })
    }

    /// With a key of its own that is nowhere kept.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self::with(&[7; KEY_LEN])
    }

    /// With this one.
    #[cfg(test)]
    pub(crate) fn with(key: &[u8]) -> Self {
        Self::new(key).expect("a key of the right length")
    }

    /// Seal a text for one place.
    ///
    /// # Panics
    /// When the system has no random numbers.
    pub(crate) fn seal(&self, place: &str, text: &str) -> String {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).expect("the system has random numbers");
        let mut sealed = text.as_bytes().to_vec();
        let key = &self.key;
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.as_bytes()),
            &mut sealed,
        )
        .expect("it is shorter than 64 GiB");
        format!("{MARK}{}{}", hex::encode(nonce), hex::encode(sealed))
    }

    /// Unseal a text that was sealed for this place. One that was never sealed, by an older version, comes back as it is.
    pub(crate) fn unseal(&self, place: &str, text: &str) -> Result<String, Unsealable> {
        let Some(sealed) = text.strip_prefix(MARK) else { return Ok(text.to_owned()) };
        let bytes = hex::decode(sealed).map_err(|_| Unsealable)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let mut sealed = sealed.to_vec();
        let plain = self.key.open_in_place(nonce, Aad::from(place.as_bytes()), &mut sealed);
        String::from_utf8(plain.map_err(|_| Unsealable)?.to_vec()).map_err(|_| Unsealable)
    }
}

/// A new key, on disk as a whole before anything is sealed with it.
fn make(file: &Path) -> io::Result<Vec<u8>> {
    let mut key = vec![0; KEY_LEN];
    SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("the system has no random numbers"))?;
    let new = file.with_extension("new");
    // Left by one that was killed in the middle.
    match fs::remove_file(&new) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Err(_) | Ok(()) => {}
    }
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    out.write_all(&key)?;
    out.sync_all()?;
    fs::rename(&new, file)?;
    if let Some(folder) = file.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_the_key_and_the_place_open_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret.key");
        let vault = Vault::open(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let sealed = vault.seal("shop", "s3cret");
        assert!(!sealed.contains("s3cret"));
        assert_ne!(sealed, vault.seal("shop", "s3cret"), "equal texts do not look equal");

        let again = Vault::open(&file).unwrap();
        assert_eq!(again.unseal("shop", &sealed).as_deref(), Ok("s3cret"), "the key is made once");
        assert_eq!(again.unseal("blog", &sealed), Err(Unsealable));
        assert_eq!(Vault::for_tests().unseal("shop", &sealed), Err(Unsealable));
        let mut damaged = sealed.clone();
        damaged.replace_range(damaged.len() - 1.., if sealed.ends_with('0') { "1" } else { "0" });
        for text in [damaged.as_str(), "sealed:", "sealed:00", "sealed:x", &sealed[..sealed.len() - 2]] {
            assert_eq!(again.unseal("shop", text), Err(Unsealable), "{text}");
        }
        assert_eq!(again.unseal("shop", "{\"never\":\"sealed\"}").as_deref(), Ok("{\"never\":\"sealed\"}"));
    }

    #[test]
    fn a_key_that_is_none_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret.key");
        for bytes in [&b"short"[..], &[1; KEY_LEN + 1]] {
            fs::write(&file, bytes).unwrap();
            assert!(Vault::open(&file).is_err());
            assert_eq!(fs::read(&file).unwrap(), bytes);
        }
    }
}
