//! Who made a release: OpenPGP cleartext signatures, checked against a keyring.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use pgp::{
    composed::{CleartextSignedMessage, Deserializable, SignedPublicKey, SignedPublicSubKey},
    crypto::hash::HashAlgorithm,
    packet::{Signature, SignatureType},
    types::{KeyDetails, Tag},
};

use super::{
    error::{At, BaseError},
    sources::SignedBy,
};
use crate::hostnet::Host;

/// Where Debian's `debian-archive-keyring` package puts its keys.
pub(super) const DEBIAN_KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The same keys, for hosts without that package. See `keys/README.md` for where they come from.
const SHIPPED: &[&str] = &[
    include_str!("../../keys/debian-archive-bookworm-automatic.asc"),
    include_str!("../../keys/debian-archive-bookworm-security-automatic.asc"),
    include_str!("../../keys/debian-archive-bookworm-stable.asc"),
    include_str!("../../keys/debian-archive-trixie-automatic.asc"),
    include_str!("../../keys/debian-archive-trixie-security-automatic.asc"),
    include_str!("../../keys/debian-archive-trixie-stable.asc"),
];

/// Keys that may sign releases.
#[derive(Debug)]
pub(super) struct Keyring {
    keys: Vec<SignedPublicKey>,
    /// For error messages.
    origin: String,
}

/// What is wrong with a signature, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) hint: &'static str,
}

const TAMPERED: &str = "somebody between the archive and this host may have changed it; try another mirror";
const KEYS: &str =
    "install a newer debian-archive-keyring on this host, or name the mirror's own keyring in the settings";
const CLOCK: &str = "check this host's clock";

impl Keyring {
    /// The keys that an archive's entry names.
    pub(super) fn open(signed_by: &SignedBy, host: &Host) -> Result<Self, BaseError> {
        let files: Vec<PathBuf> = match signed_by {
            SignedBy::Debian if host.path(DEBIAN_KEYRING).exists() => vec![DEBIAN_KEYRING.into()],
            SignedBy::Debian => {
                let texts = SHIPPED.iter().map(|t| t.as_bytes().to_vec());
                return Self::parse(texts, "the Debian keys that came with this program");
            }
            SignedBy::Inline(text) => {
                return Self::parse([text.clone().into_bytes()], "the key in this host's apt sources");
            }
            SignedBy::Files(files) => files.clone(),
        };
        let mut contents = Vec::new();
        for file in &files {
            let path = host.path(file);
            contents.push(std::fs::read(&path).at("read the keyring", &path)?);
        }
        let names: Vec<_> = files.iter().map(|f| f.display().to_string()).collect();
        Self::parse(contents, &names.join(", "))
    }

    fn parse(contents: impl IntoIterator<Item = Vec<u8>>, origin: &str) -> Result<Self, BaseError> {
        let mut keys = Vec::new();
        for bytes in contents {
            let bad = |e: pgp::errors::Error| {
                BaseError::Settings(format!("{origin} is not a keyring: {e}\n  hint: check `Signed-By`"))
            };
            let (parsed, _) = SignedPublicKey::from_reader_many(std::io::Cursor::new(bytes)).map_err(bad)?;
            // A key of a kind we cannot read is one that cannot vouch for anything.
            keys.extend(parsed.filter_map(Result::ok));
        }
        if keys.is_empty() {
            return Err(BaseError::Settings(format!(
                "{origin} holds no OpenPGP key\n  hint: check `Signed-By`"
            )));
        }
        Ok(Self { keys, origin: origin.to_owned() })
    }

    /// The text that a key of ours signed; whatever stands around it is dropped. One good signature is enough.
    pub(super) fn verify(&self, message: &str, now: SystemTime) -> Result<String, Refusal> {
        let unsigned = |e: pgp::errors::Error| Refusal {
            why: format!("it carries no signature that can be read ({e})"),
            hint: TAMPERED,
        };
        let (message, _) = CleartextSignedMessage::from_string(message).map_err(unsigned)?;
        let text = message.signed_text();
        let mut refusal = None;
        for signature in message.signatures() {
            match self.check(signature, text.as_bytes(), now) {
                Ok(()) => return Ok(text.replace("\r\n", "\n")),
                Err(r) => refusal = Some(worse(refusal, r)),
            }
        }
        Err(refusal.map_or_else(
            || Refusal { why: "it is not signed".to_owned(), hint: TAMPERED },
            |(_, refusal)| refusal,
        ))
    }

    fn check(&self, signature: &Signature, text: &[u8], now: SystemTime) -> Result<(), (Rank, Refusal)> {
        let refuse = |rank, why: String, hint| Err((rank, Refusal { why, hint }));
        if !matches!(signature.typ(), Some(SignatureType::Text | SignatureType::Binary)) {
            return refuse(Rank::Weak, "its signature is not one over a text".to_owned(), TAMPERED);
        }
        let strong = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];
        if !signature.hash_alg().is_some_and(|h| strong.contains(&h)) {
            return refuse(Rank::Weak, "its signature uses a broken digest".to_owned(), TAMPERED);
        }
        let Some((key, part)) = self.keys.iter().find_map(|k| Some((k, signer(k, signature)?))) else {
            let id =
                signature.issuer_key_id().first().map_or_else(|| "unknown".to_owned(), ToString::to_string);
            return refuse(
                Rank::Unknown,
                format!("it was signed with the key {}, which is not in {}", id.to_uppercase(), self.origin),
                KEYS,
            );
        };
        let good = match part {
            Part::Primary => signature.verify(&key.primary_key, text),
            Part::Sub(sub) => signature.verify(&sub.key, text),
        };
        let id = match part {
            Part::Primary => key.fingerprint().to_string(),
            Part::Sub(sub) => sub.fingerprint().to_string(),
        }
        .to_uppercase();
        if good.is_err() {
            return refuse(
                Rank::Bad,
                format!("its text does not match the signature of the key {id}"),
                TAMPERED,
            );
        }
        if let Err(e) = own(key, part) {
            return refuse(
                Rank::Key,
                format!("the key {id} in {} is damaged or revoked: {e}", self.origin),
                KEYS,
            );
        }
        if let Some(end) = end_of(key, part).filter(|end| *end <= now) {
            return refuse(
                Rank::Key,
                format!("the key {id} in {} expired {}", self.origin, ago(end, now)),
                KEYS,
            );
        }
        let made = signature.created().map(SystemTime::from);
        if made.is_none_or(|made| made > now + Duration::from_secs(24 * 3600)) {
            return refuse(Rank::Key, "its signature was made in this host's future".to_owned(), CLOCK);
        }
        let ended = signature.signature_expiration_time().filter(|d| d.as_secs() > 0);
        if let (Some(made), Some(valid)) = (made, ended)
            && made + seconds(valid) <= now
        {
            return refuse(Rank::Key, "its signature has expired".to_owned(), CLOCK);
        }
        Ok(())
    }
}

/// Which refusal tells most, when several signatures are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Unknown,
    Weak,
    Key,
    Bad,
}

fn worse(old: Option<(Rank, Refusal)>, new: (Rank, Refusal)) -> (Rank, Refusal) {
    match old {
        Some(old) if old.0 >= new.0 => old,
        Some(_) | None => new,
    }
}

#[derive(Clone, Copy)]
enum Part<'a> {
    Primary,
    Sub(&'a SignedPublicSubKey),
}

/// The part of `key` that says it made the signature.
fn signer<'a>(key: &'a SignedPublicKey, signature: &Signature) -> Option<Part<'a>> {
    let is = |k: &dyn Fn() -> (pgp::types::Fingerprint, pgp::types::KeyId)| {
        let (fingerprint, id) = k();
        signature.issuer_fingerprint().contains(&&fingerprint) || signature.issuer_key_id().contains(&&id)
    };
    if is(&|| (key.fingerprint(), key.legacy_key_id())) {
        return Some(Part::Primary);
    }
    key.public_subkeys.iter().find(|s| is(&|| (s.fingerprint(), s.legacy_key_id()))).map(Part::Sub)
}

/// Whether the key says so itself: bound, allowed to sign, not revoked.
fn own(key: &SignedPublicKey, part: Part<'_>) -> Result<(), String> {
    if !key.details.revocation_signatures.is_empty() {
        return Err("revoked".to_owned());
    }
    if certifications(key).next().is_none() {
        return Err("no name is bound to it".to_owned());
    }
    match part {
        Part::Primary => Ok(()),
        Part::Sub(sub) if sub.signatures.iter().any(|s| s.typ() == Some(SignatureType::SubkeyRevocation)) => {
            Err("revoked".to_owned())
        }
        Part::Sub(sub) => {
            sub.verify_bindings(&key.primary_key).map_err(|e| e.to_string())?;
            let signs = newest(&sub.signatures).is_some_and(|s| s.key_flags().sign());
            if signs { Ok(()) } else { Err("not made for signing".to_owned()) }
        }
    }
}

/// When the signing part, or the key as a whole, expires first.
fn end_of(key: &SignedPublicKey, part: Part<'_>) -> Option<SystemTime> {
    let lasts =
        |s: Option<&Signature>| s.and_then(Signature::key_expiration_time).filter(|d| d.as_secs() > 0);
    let primary = lasts(certifications(key).max_by_key(|s| s.created()))
        .map(|d| SystemTime::from(key.primary_key.created_at()) + seconds(d));
    let sub = match part {
        Part::Primary => None,
        Part::Sub(sub) => {
            lasts(newest(&sub.signatures)).map(|d| SystemTime::from(sub.key.created_at()) + seconds(d))
        }
    };
    [primary, sub].into_iter().flatten().min()
}

/// What the key says of itself. Certificates of others over it are no concern of ours.
fn certifications(key: &SignedPublicKey) -> impl Iterator<Item = &Signature> {
    let itself = |s: &&Signature| {
        s.issuer_fingerprint().contains(&&key.fingerprint())
            || s.issuer_key_id().contains(&&key.legacy_key_id())
    };
    let of_names = key.details.users.iter().flat_map(move |user| {
        user.signatures
            .iter()
            .filter(itself)
            .filter(|s| s.verify_certification(&key.primary_key, Tag::UserId, &user.id).is_ok())
    });
    let direct = key.details.direct_signatures.iter().filter(|s| s.verify_key(&key.primary_key).is_ok());
    of_names.chain(direct)
}

fn newest(signatures: &[Signature]) -> Option<&Signature> {
    signatures.iter().max_by_key(|s| s.created())
}

fn seconds(d: pgp::types::Duration) -> Duration {
    Duration::from_secs(d.as_secs().into())
}

fn ago(then: SystemTime, now: SystemTime) -> String {
    let days = now.duration_since(then).unwrap_or_default().as_secs() / 86_400;
    format!("{days} days ago by this host's clock")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const KEY: &str = include_str!("testdata/key.asc");
    const REVOKED: &str = include_str!("testdata/revoked.asc");
    const GOOD: &str = include_str!("testdata/good.asc");
    const PRIMARY: &str = include_str!("testdata/primary.asc");
    const OTHER: &str = include_str!("testdata/other.asc");
    const SHA1: &str = include_str!("testdata/sha1.asc");
    const SHORT: &str = include_str!("testdata/short.asc");

    /// The signatures are of 2 June 2025; the key is of 1 January, its subkey lasts a year, the key itself two.
    fn on(day_of_2025: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_689_600 + day_of_2025 * 86_400)
    }

    fn keyring(key: &str) -> Keyring {
        Keyring::parse([key.as_bytes().to_vec()], "the keyring").unwrap()
    }

    #[test]
    fn only_what_was_signed_comes_out() {
        let wrapped = format!("Codename: evil\n\n{GOOD}\nCodename: worse\n");
        for (what, message) in [("as it is", GOOD), ("by the primary key", PRIMARY)] {
            let text = keyring(KEY).verify(message, on(160)).unwrap();
            assert!(text.starts_with("Origin: Debian\nSuite: oldstable\n"), "{what}: {text}");
            assert!(text.contains("\n- that begins with a dash\n"), "{what}: {text}");
            assert!(!text.contains("PGP"), "{what}: {text}");
        }
        // Either refused, or nothing of what stands around it is believed.
        if let Ok(text) = keyring(KEY).verify(&wrapped, on(160)) {
            assert!(!text.contains("evil") && !text.contains("worse"), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let tampered = GOOD.replace("Codename: bookworm", "Codename: trixie");
        let added = GOOD.replace("SHA256:\n", "SHA256:\n 00 1 main/evil\n");
        let bare = GOOD.split("-----BEGIN PGP SIGNATURE").next().unwrap();
        let mut table = String::new();
        for (what, key, message, day) in [
            ("one letter changed", KEY, tampered.as_str(), 160),
            ("a line added", KEY, &added, 160),
            ("another key", KEY, OTHER, 160),
            ("a broken digest", KEY, SHA1, 160),
            ("the subkey has expired", KEY, GOOD, 400),
            ("the key has expired", KEY, PRIMARY, 800),
            ("the key is revoked", REVOKED, GOOD, 160),
            ("the signature has expired", KEY, SHORT, 160),
            ("from the future", KEY, GOOD, 100),
            ("not signed", KEY, "Origin: Debian\n", 160),
            ("the signature is cut off", KEY, bare, 160),
            ("empty", KEY, "", 160),
        ] {
            let refusal = keyring(key).verify(message, on(day)).unwrap_err();
            // What the parser says in brackets is its own affair.
            let why = refusal.why.split(" (").next().unwrap_or_default();
            table += &format!("{what}: {why}\n");
        }
        expect![[r#"
            one letter changed: its text does not match the signature of the key 625AB26D2C21A0A730CBC2B5C99EE0EE430F8FC7
            a line added: its text does not match the signature of the key 625AB26D2C21A0A730CBC2B5C99EE0EE430F8FC7
            another key: it was signed with the key DC50DE257EAB7410, which is not in the keyring
            a broken digest: its signature uses a broken digest
            the subkey has expired: the key 625AB26D2C21A0A730CBC2B5C99EE0EE430F8FC7 in the keyring expired 35 days ago by this host's clock
            the key has expired: the key F7990BEF301862F101DE4C92675D80CA00CA662F in the keyring expired 70 days ago by this host's clock
            the key is revoked: the key 625AB26D2C21A0A730CBC2B5C99EE0EE430F8FC7 in the keyring is damaged or revoked: revoked
            the signature has expired: its signature has expired
            from the future: its signature was made in this host's future
            not signed: it carries no signature that can be read
            the signature is cut off: it carries no signature that can be read
            empty: it carries no signature that can be read
        "#]].assert_eq(&table);
    }

    #[test]
    fn the_keys_that_are_shipped_are_those_the_readme_names() {
        let readme = include_str!("../../keys/README.md");
        let texts = SHIPPED.iter().map(|t| t.as_bytes().to_vec());
        let keys = Keyring::parse(texts, "shipped").unwrap().keys;
        assert_eq!(keys.len(), SHIPPED.len());
        for key in &keys {
            let subkeys = key.public_subkeys.iter().map(KeyDetails::fingerprint);
            for fingerprint in std::iter::once(key.fingerprint()).chain(subkeys) {
                let hex = fingerprint.to_string().to_uppercase();
                assert!(readme.contains(&hex), "{hex}");
            }
            assert!(certifications(key).next().is_some(), "its own certificates can be checked");
        }
    }

    #[test]
    fn what_is_no_keyring() {
        assert!(Keyring::parse([b"nonsense".to_vec()], "x").is_err());
        assert!(Keyring::parse([], "x").is_err());
    }
}
