//! What a build is given of what it asks for.

use http::{Method, Uri};
use reqwest::Url;

use super::{origin::Origin, paths};
use crate::hostnet::{Credential, Reach, Registry};

/// A request that goes on; of a package of cargo's the index has to say first that there are some.
#[derive(Debug)]
pub(super) struct Passed<'a> {
    pub(super) url: Url,
    pub(super) registry: &'a Registry,
    pub(super) credential: Option<&'a Credential>,
}

/// One that does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Something else than reading.
    Method,
    /// Meant for another host.
    Host,
    /// For something that belongs to no registry.
    Path,
}

/// Decide. `host` is what the request says it is meant for.
pub(super) fn decide<'a>(
    origin: &'a Origin,
    method: &Method,
    host: Option<&str>,
    uri: &Uri,
) -> Result<Passed<'a>, Refusal> {
    if method != Method::GET && method != Method::HEAD {
        return Err(Refusal::Method);
    }
    if uri.scheme_str().is_some_and(|s| s != origin.base.scheme()) {
        return Err(Refusal::Host);
    }
    for host in [host, uri.authority().map(http::uri::Authority::as_str)].into_iter().flatten() {
        if !is_for(origin, host) {
            return Err(Refusal::Host);
        }
    }
    let asked = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if !asked.starts_with('/') || !paths::is_plain(uri.path()) {
        return Err(Refusal::Path);
    }
    // Not joined to the base: what begins with two slashes would be another host.
    let mut url = origin.base.clone();
    url.set_path(uri.path());
    url.set_query(uri.query());
    // The nearest above it, all of it before packages, and one with credentials before one without.
    let fits = origin.registries.iter().filter(|r| paths::belongs(url.path(), r));
    let nearest = fits.max_by_key(|r| (r.root.path().len(), r.reach == Reach::Whole, r.credential.is_some()));
    let registry = nearest.ok_or(Refusal::Path)?;
    Ok(Passed { url, registry, credential: registry.credential.as_ref() })
}

/// Whether a host, perhaps with a port, is the origin's.
fn is_for(origin: &Origin, host: &str) -> bool {
    let url = format!("{}://{host}/", origin.base.scheme());
    let is_bare = !host.contains(['/', '@', '?', '#', '\\']);
    is_bare && url.parse::<Url>().is_ok_and(|url| url == origin.base)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{super::origin::origins, *};
    use crate::hostnet::Ecosystem;

    fn nexus() -> Origin {
        let whole = |of, url: &str| Registry::whole(of, url, None).unwrap();
        let pip = whole(Ecosystem::Pip, "https://pip:pw@nexus.example/repository/py/simple");
        let beside = pip.packages_at("/repository/py/");
        let npm = whole(Ecosystem::Npm, "https://npm:pw@nexus.example/repository/js/");
        let cargo = whole(Ecosystem::Cargo, "sparse+https://cargo:pw@nexus.example/crates/index/");
        let crates = cargo.packages_at("/");
        let apt = whole(Ecosystem::Apt, "https://nexus.example/debian/");
        origins(&[pip, beside, npm, cargo, crates, apt]).0.remove(0)
    }

    #[test]
    fn what_is_asked_and_what_is_given() {
        let origin = nexus();
        let mut out = String::new();
        for (method, host, target) in [
            ("GET", "nexus.example", "/repository/py/simple/six/"),
            ("HEAD", "NEXUS.example:443", "/repository/py/simple/six/?format=json"),
            ("GET", "nexus.example", "/repository/py/packages/six/six-1.16.0-py3-none-any.whl"),
            ("GET", "nexus.example", "/repository/py/packages/six/six.whl.metadata"),
            ("GET", "nexus.example", "/repository/py/secrets.txt"),
            ("GET", "nexus.example", "/repository/js/@a%2fb"),
            ("GET", "nexus.example", "/repository/js"),
            ("GET", "nexus.example", "/repository/jsx/a"),
            ("GET", "nexus.example", "/crates/index/config.json"),
            ("GET", "nexus.example", "/crates/api/v1/crates/x/1.0.0/download"),
            ("GET", "nexus.example", "/crates/api/v1/me"),
            ("GET", "nexus.example", "/debian/dists/x/InRelease"),
            ("GET", "nexus.example", "/debian/./Packages"),
            ("GET", "nexus.example", "/service/rest/v1/security/users"),
            ("GET", "nexus.example", "/repository/js/../../service/rest"),
            ("GET", "nexus.example", "/repository/js/..%2f..%2fservice"),
            ("GET", "nexus.example", "//evil.example/repository/js/a"),
            ("GET", "evil.example", "/repository/js/a"),
            ("GET", "nexus.example:8443", "/repository/js/a"),
            ("GET", "nexus.example@evil.example", "/repository/js/a"),
            ("GET", "nexus.example", "https://nexus.example/repository/js/a"),
            ("GET", "nexus.example", "http://nexus.example/repository/js/a"),
            ("GET", "nexus.example", "https://evil.example/repository/js/a"),
            ("GET", "", "/repository/js/a"),
            ("POST", "nexus.example", "/repository/js/-/npm/v1/security/audits"),
            ("PUT", "nexus.example", "/repository/js/a"),
            ("DELETE", "nexus.example", "/repository/js/a"),
            ("CONNECT", "nexus.example", "nexus.example:443"),
            ("OPTIONS", "nexus.example", "*"),
        ] {
            let method: Method = method.parse().unwrap();
            let told = match decide(&origin, &method, Some(host), &target.parse().unwrap()) {
                Ok(p) => {
                    let who = p.credential.map(|c| match c {
                        Credential::Basic(name, _) => name.clone(),
                        Credential::Encoded(_) | Credential::Bearer(_) | Credential::Token(_) => "?".into(),
                    });
                    let asks = (p.registry.of, p.registry.reach) == (Ecosystem::Cargo, Reach::Packages);
                    let only = if asks { ", if its index says so" } else { "" };
                    format!("{} as {}{only}", p.url, who.unwrap_or_else(|| "nobody".into()))
                }
                Err(refusal) => format!("{refusal:?}"),
            };
            out += &format!("{method} {host} {target}: {told}\n");
        }
        expect![[r#"
            GET nexus.example /repository/py/simple/six/: https://nexus.example/repository/py/simple/six/ as pip
            HEAD NEXUS.example:443 /repository/py/simple/six/?format=json: https://nexus.example/repository/py/simple/six/?format=json as pip
            GET nexus.example /repository/py/packages/six/six-1.16.0-py3-none-any.whl: https://nexus.example/repository/py/packages/six/six-1.16.0-py3-none-any.whl as pip
            GET nexus.example /repository/py/packages/six/six.whl.metadata: https://nexus.example/repository/py/packages/six/six.whl.metadata as pip
            GET nexus.example /repository/py/secrets.txt: https://nexus.example/repository/py/secrets.txt as cargo, if its index says so
            GET nexus.example /repository/js/@a%2fb: https://nexus.example/repository/js/@a%2fb as npm
            GET nexus.example /repository/js: https://nexus.example/repository/js as npm
            GET nexus.example /repository/jsx/a: https://nexus.example/repository/jsx/a as cargo, if its index says so
            GET nexus.example /crates/index/config.json: https://nexus.example/crates/index/config.json as cargo
            GET nexus.example /crates/api/v1/crates/x/1.0.0/download: https://nexus.example/crates/api/v1/crates/x/1.0.0/download as cargo, if its index says so
            GET nexus.example /crates/api/v1/me: https://nexus.example/crates/api/v1/me as cargo, if its index says so
            GET nexus.example /debian/dists/x/InRelease: https://nexus.example/debian/dists/x/InRelease as nobody
            GET nexus.example /debian/./Packages: https://nexus.example/debian/Packages as nobody
            GET nexus.example /service/rest/v1/security/users: https://nexus.example/service/rest/v1/security/users as cargo, if its index says so
            GET nexus.example /repository/js/../../service/rest: Path
            GET nexus.example /repository/js/..%2f..%2fservice: Path
            GET nexus.example //evil.example/repository/js/a: https://nexus.example//evil.example/repository/js/a as cargo, if its index says so
            GET evil.example /repository/js/a: Host
            GET nexus.example:8443 /repository/js/a: Host
            GET nexus.example@evil.example /repository/js/a: Host
            GET nexus.example https://nexus.example/repository/js/a: https://nexus.example/repository/js/a as npm
            GET nexus.example http://nexus.example/repository/js/a: Host
            GET nexus.example https://evil.example/repository/js/a: Host
            GET  /repository/js/a: Host
            POST nexus.example /repository/js/-/npm/v1/security/audits: Method
            PUT nexus.example /repository/js/a: Method
            DELETE nexus.example /repository/js/a: Method
            CONNECT nexus.example nexus.example:443: Method
            OPTIONS nexus.example *: Method
        "#]].assert_eq(&out);
    }
}
