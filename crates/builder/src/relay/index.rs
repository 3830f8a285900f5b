//! `config.json`, by which a sparse index of cargo says where packages are.

use reqwest::Url;
use serde_json::{Map, Value};

use super::origin::Origin;
use crate::hostnet::{Ecosystem, Reach, Registry};

/// More is no such file.
pub(super) const LARGEST: usize = 64 << 10;

/// Whether a URL is that file of a registry.
pub(super) fn is_config(url: &Url, registry: &Registry) -> bool {
    registry.of == Ecosystem::Cargo
        && registry.reach == Reach::Whole
        && url.path() == format!("{}config.json", registry.root.path())
}

/// The file as builds see it, without the wish for a token: cargo asks nothing more of such a registry when it has none. Beside it
/// the host of the packages, when it is another, which is told nothing of who asks.
pub(super) fn without_token(text: &[u8], origin: &Origin) -> Option<(Vec<u8>, Option<String>)> {
    let mut config: Map<String, Value> = serde_json::from_slice(text).ok()?;
    config.remove("auth-required")?;
    let dl = config.get("dl").and_then(Value::as_str).and_then(|dl| dl.parse::<Url>().ok());
    let elsewhere = dl.filter(|dl| dl.origin() != origin.base.origin());
    let host = elsewhere.and_then(|dl| dl.host_str().map(str::to_owned));
    Some((serde_json::to_vec(&config).ok()?, host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::origin::origins;

    #[test]
    fn what_cargo_sees() {
        let registry = Registry::whole(Ecosystem::Cargo, "sparse+https://a:b@ours.example/i/", None).unwrap();
        let is = |path: &str| is_config(&format!("https://ours.example{path}").parse().unwrap(), &registry);
        assert!(is("/i/config.json"));
        assert!(!is("/i/co/nf/config.json") && !is("/config.json"));
        let origin = origins(&[registry]).0.remove(0);
        let one = |text: &str| {
            without_token(text.as_bytes(), &origin).map(|(t, host)| (String::from_utf8(t).unwrap(), host))
        };
        for (text, want) in [
            (r#"{"dl":"https://ours.example/dl"}"#, None),
            (
                r#"{"dl":"https://ours.example/dl","auth-required":true}"#,
                Some((r#"{"dl":"https://ours.example/dl"}"#, None)),
            ),
            (
                r#"{"dl":"https://files.example/{crate}","auth-required":true}"#,
                Some((r#"{"dl":"https://files.example/{crate}"}"#, Some("files.example"))),
            ),
            ("not JSON", None),
        ] {
            let want = want.map(|(t, host)| (t.to_owned(), host.map(str::to_owned)));
            assert_eq!(one(text), want, "{text}");
        }
    }
}
