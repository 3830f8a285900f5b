//! Who one is at npm's registries: npm ties that to a place, written without its scheme as `//registry.example/path/`.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Credential, Ecosystem, Reach, Registry};

/// Where npm looks when nothing is said.
const DEFAULT: &str = "https://registry.npmjs.org/";

/// What is said of one place.
#[derive(Default)]
struct Said {
    token: Option<String>,
    both: Option<String>,
    name: Option<String>,
    /// In base64.
    password: Option<String>,
}

/// npm's settings that say where registries are and who one is there.
#[derive(Default)]
pub(super) struct NpmAuth {
    default: Option<String>,
    scopes: BTreeMap<String, String>,
    /// By place; nothing for what is said without one, which is of the default registry.
    said: BTreeMap<String, Said>,
}

impl NpmAuth {
    /// Take one setting; what is said later counts.
    pub(super) fn learn(&mut self, key: &str, value: &str) {
        let lower = key.to_ascii_lowercase();
        if lower == "registry" {
            self.default = Some(value.to_owned());
        } else if let (Some(scope), false) = (lower.strip_suffix(":registry"), key.starts_with("//")) {
            self.scopes.insert(scope.to_owned(), value.to_owned());
        } else {
            // A place is not the same in other letters.
            let (place, what) = match key.strip_prefix("//").and_then(|k| k.rsplit_once(':')) {
                Some((place, what)) => (format!("{}/", place.trim_end_matches('/')), what),
                None => (String::new(), key),
            };
            let said = self.said.entry(place).or_default();
            let slot = match what.to_ascii_lowercase().as_str() {
                "_authtoken" => &mut said.token,
                "_auth" => &mut said.both,
                "username" => &mut said.name,
                "_password" => &mut said.password,
                _other => return,
            };
            *slot = Some(value.to_owned());
        }
    }

    /// The registries with who one is there, and the places of packages that are not below one.
    pub(super) fn registries(&self) -> Vec<Registry> {
        let mut all = Vec::new();
        let default = self.default.as_deref().unwrap_or(DEFAULT);
        for (url, is_default) in
            std::iter::once((default, true)).chain(self.scopes.values().map(|url| (url.as_str(), false)))
        {
            let Some(mut registry) = Registry::whole(Ecosystem::Npm, url, None) else { continue };
            let place = place(&registry);
            // The nearest place above it, as npm looks.
            let above = self.said.iter().filter(|(at, _)| !at.is_empty() && place.starts_with(*at));
            let said = above.filter_map(|(at, said)| Some((at.len(), said.credential()?)));
            let unplaced = || is_default.then(|| self.said.get("")?.credential()).flatten();
            if let Some(found) = said.max_by_key(|(len, _)| *len).map(|(_, c)| c).or_else(unplaced) {
                registry.credential = Some(found);
            }
            all.push(registry);
        }
        for (at, said) in self.said.iter().filter(|(at, _)| !at.is_empty()) {
            let Some(credential) = said.credential() else { continue };
            let host = |at: &str| at.split('/').next().unwrap_or_default().to_owned();
            let known = all.iter().find(|r| host(&place(r)) == host(at));
            // A project may say itself that this is where its scope is.
            let (scheme, reach) =
                known.map_or(("https", Reach::Whole), |known| (known.root.scheme(), Reach::Packages));
            let url = format!("{scheme}://{at}");
            all.extend(
                Registry::whole(Ecosystem::Npm, &url, Some(credential)).map(|r| Registry { reach, ..r }),
            );
        }
        all
    }
}

/// A registry's root as npm writes places.
fn place(registry: &Registry) -> String {
    registry.root.as_str().split_once("://").map_or("", |(_, place)| place).to_owned()
}

impl Said {
    /// A token before a password before both in one, as npm looks.
    fn credential(&self) -> Option<Credential> {
        if let Some(token) = &self.token {
            return Some(Credential::Bearer(token.clone()));
        }
        if let (Some(name), Some(password)) = (&self.name, &self.password) {
            let password = STANDARD.decode(password).ok().and_then(|p| String::from_utf8(p).ok())?;
            return Some(Credential::Basic(name.clone(), password));
        }
        self.both.clone().map(Credential::Encoded)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn places() {
        let mut out = String::new();
        for settings in [
            &[("registry", "https://n.example/repo/npm"), ("//n.example/repo/npm/:_authToken", "t")][..],
            &[("registry", "https://n.example/repo/npm/"), ("//n.example/:_auth", "am9lOnB3")],
            &[("//registry.npmjs.org/:_authToken", "t")],
            &[("registry", "http://n.example:8081/"), ("_authToken", "t")],
            &[
                ("@a:registry", "https://g.example/api/v4/packages/npm/"),
                ("//g.example/api/v4/packages/npm/:_authToken", "near"),
                ("//g.example/api/v4/projects/1/packages/npm/:_authToken", "far"),
                ("//g.example/:_authToken", "top"),
            ],
            &[("//own.example/npm/:username", "joe"), ("//own.example/npm/:_password", "cHc=")],
            &[("registry", "https://joe:pw@n.example/")],
            &[("//n.example/:email", "joe@example.com")],
        ] {
            let mut auth = NpmAuth::default();
            settings.iter().for_each(|(key, value)| auth.learn(key, value));
            for r in auth.registries().iter().filter(|r| r.credential.is_some()) {
                let header = r.credential.as_ref().unwrap().header();
                out += &format!("{} {:?} {header}\n", r.root, r.reach);
            }
            out.push('\n');
        }
        expect![[r#"
            https://n.example/repo/npm/ Whole Bearer t
            https://n.example/repo/npm/ Packages Bearer t

            https://n.example/repo/npm/ Whole Basic am9lOnB3
            https://n.example/ Packages Basic am9lOnB3

            https://registry.npmjs.org/ Whole Bearer t
            https://registry.npmjs.org/ Packages Bearer t

            http://n.example:8081/ Whole Bearer t

            https://g.example/api/v4/packages/npm/ Whole Bearer near
            https://g.example/ Packages Bearer top
            https://g.example/api/v4/packages/npm/ Packages Bearer near
            https://g.example/api/v4/projects/1/packages/npm/ Packages Bearer far

            https://own.example/npm/ Whole Basic am9lOnB3

            https://n.example/ Whole Basic am9lOnB3


        "#]]
        .assert_eq(&out);
    }
}
