//! Credentials that must not be seen in a log.

use std::collections::BTreeSet;

/// Shorter ones would blot out half of every line, and are no secrets.
const SHORTEST: usize = 6;

/// What to hide.
#[derive(Debug, Clone, Default)]
pub struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Remember the credentials in a variable.
    pub(crate) fn learn_variable(&mut self, name: &str, value: &str) {
        if is_secret_name(name) {
            self.learn(value);
        }
        self.learn_urls(value);
    }

    /// Remember the credentials in a settings file: those of its URLs, and values of keys such as `_authToken`.
    pub(crate) fn learn_text(&mut self, text: &str) {
        for line in text.lines() {
            self.learn_urls(line);
            let Some((key, value)) = line.split_once('=') else {
                let mut words = line.split_whitespace();
                while let Some(word) = words.next() {
                    if word == "password" {
                        words.next().into_iter().for_each(|w| self.learn(w));
                    }
                }
                continue;
            };
            if is_secret_name(key) {
                self.learn(value.trim().trim_matches(['"', '\'']));
            }
        }
    }

    pub(super) fn learn(&mut self, secret: &str) {
        if secret.len() >= SHORTEST {
            self.0.insert(secret.to_owned());
        }
    }

    fn learn_urls(&mut self, text: &str) {
        for info in user_infos(text) {
            if let Some((_, password)) = info.split_once(':') {
                self.learn(password);
            }
        }
    }

    /// The line without them.
    pub(crate) fn redact(&self, line: &str) -> String {
        let mut out = line.to_owned();
        for secret in self.0.iter().rev() {
            if out.contains(secret.as_str()) {
                out = out.replace(secret.as_str(), "***");
            }
        }
        let infos: Vec<String> = user_infos(&out).map(|i| format!("://{i}@")).collect();
        for info in infos {
            out = out.replace(&info, "://***@");
        }
        out
    }
}

/// A text without the credentials of its URLs: names, passwords and tokens before an `@`, and parameters that are called so.
pub(super) fn without(text: &str) -> String {
    let mut out = text.to_owned();
    for info in user_infos(text) {
        // Whoever reaches a repository over SSH is called so, and shows another key.
        if info != "git" {
            out = out.replace(&format!("://{info}@"), "://");
        }
    }
    for (name, value) in parameters(text) {
        if is_secret_name(name) {
            out = out.replace(&format!("{name}={value}"), &format!("{name}="));
        }
    }
    out
}

/// Whether a URL in a text has a parameter that is a secret.
pub(super) fn has_parameters(text: &str) -> bool {
    parameters(text).any(|(name, _)| is_secret_name(name))
}

/// The parameters of every URL in a text that has a value.
fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let urls = text.split("://").skip(1).filter_map(|rest| {
        let url = rest.split(|c: char| "\"'<>#,".contains(c) || c.is_whitespace()).next()?;
        Some(url.split_once('?')?.1)
    });
    urls.flat_map(|query| query.split('&')).filter_map(|p| p.split_once('=').filter(|(_, v)| !v.is_empty()))
}

/// Whether what has such a name is a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // npm writes `//registry/:_auth`, `:_authToken` and `:_password`.
    ["password", "token", "secret", "_auth"].iter().any(|s| name.contains(s))
}

/// The part between `://` and `@` of every URL in a text.
fn user_infos(text: &str) -> impl Iterator<Item = &str> {
    text.split("://").skip(1).filter_map(|rest| {
        let authority = rest.split(|c: char| "/?#\"'<>".contains(c) || c.is_whitespace()).next()?;
        Some(authority.rsplit_once('@')?.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_their_credentials_and_nothing_else() {
        for (text, want) in [
            ("https://index.example/simple", "https://index.example/simple"),
            (
                "https://joe:pw@one.example/x https://tok@two.example",
                "https://one.example/x https://two.example",
            ),
            ("url = \"https://:pw@one.example\"\nfund = 1", "url = \"https://one.example\"\nfund = 1"),
            ("https://a%40b:p%3A@one.example/@scope/x@1", "https://one.example/@scope/x@1"),
            ("ssh://git@git.example/x", "ssh://git@git.example/x"),
            ("https://w.example/?v=1&sas_token=abc#x", "https://w.example/?v=1&sas_token=#x"),
            ("joe@example.com, a://b", "joe@example.com, a://b"),
        ] {
            assert_eq!(without(text), want);
        }
    }

    #[test]
    fn credentials_disappear() {
        let mut s = Secrets::default();
        s.learn_variable("UV_DEFAULT_INDEX", "https://joe:pa55word@index.example/simple");
        s.learn_variable("CARGO_REGISTRIES_X_TOKEN", "tok-12345");
        s.learn_variable("UV_INDEX_STRATEGY", "first-index");
        s.learn_text(
            "//npm.example/:_authToken=npm_abcdef\nfund=false\nmachine x login joe password hunter22",
        );
        for (line, want) in [
            ("plain", "plain"),
            (
                "Looking in https://joe:pa55word@index.example/simple",
                "Looking in https://***@index.example/simple",
            ),
            ("pa55word tok-12345 npm_abcdef hunter22", "*** *** *** ***"),
            (
                "git+https://ghp_unknown@github.com/a/b first-index false",
                "git+https://***@github.com/a/b first-index false",
            ),
            (
                "mail joe@example.com about https://example.com/@scope",
                "mail joe@example.com about https://example.com/@scope",
            ),
        ] {
            assert_eq!(s.redact(line), want);
        }
    }
}
