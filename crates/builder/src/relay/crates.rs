//! Where cargo's registries keep their packages: each index says so in its `config.json`.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use http::{HeaderValue, StatusCode, header};
use reqwest::Url;
use tokio::sync::Mutex;

use super::{Door, index, origin::Origin};
use crate::hostnet::{Ecosystem, Reach, Registry};

/// Beginnings of paths, by the roots of the indexes that have told; one that has not is asked again.
#[derive(Debug, Default)]
pub(super) struct Crates(Mutex<BTreeMap<Url, Option<String>>>);

/// Whether a path is one of the packages of a registry of cargo's at this door.
pub(super) async fn has(door: &Door, path: &str) -> bool {
    let is_index = |r: &&Registry| r.of == Ecosystem::Cargo && r.reach == Reach::Whole;
    // One at a time: all wait for the same.
    let mut known = door.crates.0.lock().await;
    for registry in door.origin.registries.iter().filter(is_index) {
        if !known.contains_key(&registry.root)
            && let Some(text) = ask(door, registry).await
        {
            known.insert(registry.root.clone(), place(&text, &door.origin));
        }
        let place = known.get(&registry.root).and_then(Option::as_ref);
        if place.is_some_and(|place| path.starts_with(place)) {
            return true;
        }
    }
    false
}

async fn ask(door: &Door, registry: &Registry) -> Option<Vec<u8>> {
    let url = registry.root.join("config.json").ok()?;
    let mut request = door.client.get(url);
    if let Some(credential) = &registry.credential {
        let mut value = HeaderValue::from_str(&credential.header()).ok()?;
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    let got = request.send().await.ok()?;
    if got.status() == StatusCode::OK { read(got).await } else { None }
}

/// A small file; `None` when it breaks off, or is none.
pub(super) async fn read(got: reqwest::Response) -> Option<Vec<u8>> {
    let (mut bytes, mut stream) = (Vec::new(), got.bytes_stream());
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.ok()?);
        if bytes.len() > index::LARGEST {
            return None;
        }
    }
    Some(bytes)
}

/// The beginning of the paths that a `dl` makes, of this host; it may have parts that are filled in.
fn place(config: &[u8], origin: &Origin) -> Option<String> {
    let config: serde_json::Value = serde_json::from_slice(config).ok()?;
    let dl = config.get("dl")?.as_str()?;
    let before = match dl.split_once('{') {
        Some((before, _)) => before.to_owned(),
        None => format!("{}/", dl.trim_end_matches('/')),
    };
    let url: Url = before.parse().ok()?;
    (url.origin() == origin.base.origin()).then(|| url.path().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::origin::origins;

    #[test]
    fn where_packages_are() {
        let registry = Registry::whole(Ecosystem::Cargo, "sparse+https://a:b@ours.example/i/", None).unwrap();
        let origin = origins(&[registry]).0.remove(0);
        for (dl, want) in [
            ("https://ours.example/api/v1/crates", Some("/api/v1/crates/")),
            ("https://ours.example/files/{prefix}/{crate}-{version}.crate", Some("/files/")),
            ("https://ours.example/c-{crate}", Some("/c-")),
            ("https://files.example/{crate}", None),
            ("nonsense", None),
        ] {
            let config = serde_json::json!({ "dl": dl }).to_string();
            assert_eq!(place(config.as_bytes(), &origin).as_deref(), want, "{dl}");
        }
        assert_eq!(place(b"{}", &origin), None);
    }
}
