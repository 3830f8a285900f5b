//! Asking the archives: releases, verified; the index of what they offer; packages.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use futures_util::future::try_join_all;

use super::{
    BaseError,
    deb::index as decompressed,
    fetch::{Fetcher, Progress, sha256, shown},
    index::{Index, Package},
    record::write_whole,
    release::{Listed, Release},
    settings::{Archive, BaseSettings},
    signature::Keyring,
    wait,
};
use crate::hostnet::Host;

/// Releases and indexes are small; more is an attempt at filling the memory.
const MAX_RELEASE: u64 = 16 << 20;
const MAX_INDEX: u64 = 512 << 20;

/// Everything the archives of `settings` offer, newest versions only, and what is worth telling.
pub(super) async fn index(
    fetcher: &Fetcher,
    settings: &BaseSettings,
    host: &Host,
    cache: &Path,
    now: SystemTime,
) -> Result<(Index, Vec<String>), BaseError> {
    let lists = cache.join("lists");
    let one = async |archive: &Archive| match suite(fetcher, settings, archive, host, &lists, now).await {
        Err(e @ BaseError::Fetch { .. }) if archive.optional => {
            let said = e.to_string();
            let first = said.lines().next().unwrap_or_default();
            Ok(Err(format!("warning: {} is left out of the base: {first}", archive.suite)))
        }
        other => other.map(Ok),
    };
    let found = try_join_all(settings.archives.iter().map(one)).await?;
    let mut warnings = Vec::new();
    let mut texts = Vec::new();
    let mut used = BTreeSet::new();
    for (archive, found) in settings.archives.iter().zip(found) {
        match found {
            Ok((file, text)) => {
                used.insert(file);
                texts.push((Arc::from(archive.roots.as_slice()), text));
            }
            Err(warning) => warnings.push(warning),
        }
    }
    forget_others(&lists, &used);
    let index = wait(move || {
        let mut index = Index::default();
        for (roots, text) in &texts {
            index.add(text, roots);
        }
        index.finish();
        index
    })
    .await;
    Ok((index, warnings))
}

/// One suite's index, and the file it is cached in.
async fn suite(
    fetcher: &Fetcher,
    settings: &BaseSettings,
    archive: &Archive,
    host: &Host,
    lists: &Path,
    now: SystemTime,
) -> Result<(PathBuf, String), BaseError> {
    let dists = format!("dists/{}", archive.suite);
    let in_release = format!("{dists}/InRelease");
    let url = shown(&format!("{}/{in_release}", archive.roots.first().map_or("", |r| r)));
    let keyring = Keyring::open(&archive.signed_by, host)?;
    let bytes = fetcher.text(&archive.roots, &in_release, MAX_RELEASE).await?;
    let (wanted, check) = (archive.suite.clone(), (settings.check_date, settings.check_valid_until));
    let release = wait(move || {
        let text = String::from_utf8_lossy(&bytes);
        let text = keyring.verify(&text, now).map_err(|r| BaseError::Signature {
            url: url.clone(),
            why: r.why,
            hint: r.hint,
        })?;
        let release = Release::parse(&text);
        match release.check(&wanted, now, check.0, check.1) {
            Ok(()) => Ok(release),
            Err(e) => Err(BaseError::Release { url, why: e.why, hint: e.hint }),
        }
    })
    .await?;

    let (name, listed) = ["Packages.xz", "Packages.gz"]
        .iter()
        .find_map(|name| {
            let path = format!("main/binary-{}/{name}", settings.arch);
            release.file(&path).map(|l| (path, l.clone()))
        })
        .ok_or_else(|| BaseError::Release {
            url: shown(&format!("{}/{in_release}", archive.roots.first().map_or("", |r| r))),
            why: format!("it has no packages for {}", settings.arch),
            hint: "use another mirror, or another suite",
        })?;
    let file = lists.join(format!("{}.{}", listed.sha256, name.rsplit('.').next().unwrap_or_default()));
    let bytes = match cached(&file, &listed).await {
        Some(bytes) => bytes,
        None => {
            // By digest first: a mirror that is being updated then still has what its release names.
            let (dir, _) = name.rsplit_once('/').unwrap_or_default();
            let by_hash = format!("{dists}/{dir}/by-hash/SHA256/{}", listed.sha256);
            let ignore = |_| {};
            let bytes = match fetcher.listed(&archive.roots, &by_hash, &listed, &ignore).await {
                Err(BaseError::Fetch { .. }) => {
                    fetcher.listed(&archive.roots, &format!("{dists}/{name}"), &listed, &ignore).await?
                }
                other => other?,
            };
            write_whole(&file, &bytes)?;
            bytes
        }
    };
    let shown = name.clone();
    let text = wait(move || decompressed(&shown, &bytes, MAX_INDEX)).await;
    let text = text.map_err(|e| BaseError::Mismatch { what: name, why: e.to_string() })?;
    Ok((file, text))
}

/// A package archive: from the cache, or fetched into it.
pub(super) async fn package(
    fetcher: &Fetcher,
    package: &Package,
    cache: &Path,
    progress: Progress<'_>,
) -> Result<Vec<u8>, BaseError> {
    let listed = Listed { sha256: package.sha256.clone(), size: package.size };
    let file = cache.join("debs").join(format!("{}.deb", package.sha256));
    if let Some(bytes) = cached(&file, &listed).await {
        progress(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        return Ok(bytes);
    }
    let bytes = fetcher.listed(&package.roots, &package.filename, &listed, progress).await?;
    wait(move || write_whole(&file, &bytes).map(|()| bytes)).await
}

/// Remove archives that no base needs any more.
pub(super) fn forget_debs(cache: &Path, packages: &[Package]) {
    let dir = cache.join("debs");
    let used = packages.iter().map(|p| dir.join(format!("{}.deb", p.sha256))).collect();
    forget_others(&dir, &used);
}

/// A file that cannot be removed now is removed next time.
fn forget_others(dir: &Path, used: &BTreeSet<PathBuf>) {
    for path in std::fs::read_dir(dir).into_iter().flatten().filter_map(|e| Some(e.ok()?.path())) {
        if !used.contains(&path) {
            std::fs::remove_file(&path).ok();
        }
    }
}

/// A cached file, if it is still what it was.
async fn cached(file: &Path, listed: &Listed) -> Option<Vec<u8>> {
    let (file, listed) = (file.to_owned(), listed.clone());
    wait(move || {
        let bytes = std::fs::read(&file).ok()?;
        (bytes.len() as u64 == listed.size && sha256(&bytes) == listed.sha256).then_some(bytes)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{BaseWishes, fetch::tests::Mirror},
        hostnet::Host,
    };

    const GOOD: &str = include_str!("testdata/good.asc");
    const PACKAGES: &[u8] = include_bytes!("testdata/Packages.xz");

    /// Within the life of the test key and of what it signed.
    fn on_4_june_2025() -> SystemTime {
        std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_749_000_000)
    }

    /// What asking a mirror with these files comes to.
    async fn ask(release: &str, packages: &[u8], by_hash: bool) -> Result<Vec<String>, BaseError> {
        let mirror = Mirror::start();
        let dists = "/debian/dists/bookworm";
        mirror.put(&format!("{dists}/InRelease"), release.as_bytes());
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key.asc"), include_str!("testdata/key.asc")).unwrap();
        let host = Host::new(dir.path(), Path::new("/root"), [].into());
        let wishes = BaseWishes {
            mirror: Some(format!("{}/debian", mirror.url())),
            suite: Some("bookworm".into()),
            keyring: Some("/key.asc".into()),
            ..BaseWishes::default()
        };
        let mut settings = BaseSettings::read(&host, &wishes).unwrap();
        settings.archives.truncate(1);
        let name =
            if by_hash { format!("by-hash/SHA256/{}", sha256(PACKAGES)) } else { "Packages.xz".into() };
        mirror.put(&format!("{dists}/main/binary-{}/{name}", settings.arch), packages);
        let fetcher = Fetcher::new(&settings.proxies, b"")?;
        let (index, warnings) = index(&fetcher, &settings, &host, dir.path(), on_4_june_2025()).await?;
        assert_eq!(warnings, Vec::<String>::new());
        Ok(index.required().iter().map(|n| (*n).to_owned()).collect())
    }

    #[tokio::test]
    async fn a_signed_index_is_read_from_either_place() {
        for by_hash in [true, false] {
            assert_eq!(ask(GOOD, PACKAGES, by_hash).await.unwrap(), ["hello"], "{by_hash}");
        }
    }

    #[tokio::test]
    async fn a_tampered_release_is_refused() {
        let error = ask(&GOOD.replace("oldstable", "stable"), PACKAGES, true).await.unwrap_err();
        assert!(matches!(error, BaseError::Signature { .. }), "{error}");
        assert!(error.to_string().contains("hint:"), "{error}");
    }

    #[tokio::test]
    async fn an_index_that_the_release_does_not_name_is_refused() {
        let mut changed = PACKAGES.to_vec();
        changed[40] ^= 1;
        for packages in [&changed[..], &PACKAGES[..PACKAGES.len() - 1], &[PACKAGES, b"x"].concat()] {
            let error = ask(GOOD, packages, true).await.unwrap_err();
            assert!(matches!(error, BaseError::Mismatch { .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn packages_are_kept_and_checked_again() {
        let mirror = Mirror::start();
        mirror.put("/pool/a.deb", b"hello");
        let fetcher = Fetcher::new(&Default::default(), b"").unwrap();
        let wanted = Package {
            filename: "pool/a.deb".into(),
            size: 5,
            sha256: sha256(b"hello"),
            roots: [mirror.url()].into(),
            ..Package::default()
        };
        let cache = tempfile::tempdir().unwrap();
        let fetch = async || package(&fetcher, &wanted, cache.path(), &|_| {}).await.unwrap();
        assert_eq!(fetch().await, b"hello");
        assert_eq!(fetch().await, b"hello");
        assert_eq!(mirror.asked().len(), 1, "the second time it came from the cache");
        let kept = std::fs::read_dir(cache.path().join("debs")).unwrap().next().unwrap().unwrap();
        std::fs::write(kept.path(), "hellO").unwrap();
        assert_eq!(fetch().await, b"hello");
        assert_eq!(mirror.asked().len(), 2, "a damaged file in the cache is fetched again");
    }
}
