//! Which proxy a download goes through: apt's settings before the environment's.

use crate::hostnet::Host;

/// What the host says of proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Proxies {
    /// `Acquire::…::Proxy` settings in order: scheme, host it is for if any, proxy or `DIRECT`.
    apt: Vec<(String, Option<String>, String)>,
    /// `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`.
    http: Option<String>,
    https: Option<String>,
    all: Option<String>,
    none: Vec<String>,
}

impl Proxies {
    /// Read them off an `apt-config dump` and the environment.
    pub(crate) fn read(host: &Host, dump: &str) -> Self {
        let var =
            |name: &str| host.var(name).or_else(|| host.var(&name.to_ascii_uppercase())).map(str::to_owned);
        let apt = dump.lines().filter_map(|line| {
            let (key, value) = line.strip_suffix("\";")?.split_once(" \"")?;
            let mut parts = key.split("::");
            let acquire = parts.next()?.eq_ignore_ascii_case("acquire");
            let scheme = parts.next()?.to_ascii_lowercase();
            let proxy = parts.next()?.eq_ignore_ascii_case("proxy");
            let wanted = acquire && proxy && matches!(scheme.as_str(), "http" | "https") && !value.is_empty();
            wanted.then(|| (scheme, parts.next().map(str::to_ascii_lowercase), value.to_owned()))
        });
        Self {
            apt: apt.collect(),
            // Upper case is not read: a server run as CGI has it set by whoever asks.
            http: host.var("http_proxy").map(str::to_owned),
            https: var("https_proxy"),
            all: var("all_proxy"),
            none: var("no_proxy")
                .unwrap_or_default()
                .split(',')
                .map(|n| n.trim().trim_start_matches('.').to_ascii_lowercase())
                .filter(|n| !n.is_empty())
                .collect(),
        }
    }

    /// The proxy for a URL of this scheme and host; `None` means none.
    pub(crate) fn of(&self, scheme: &str, host: &str) -> Option<String> {
        let host = host.to_ascii_lowercase();
        // apt's https follows its http settings where it has none of its own.
        let schemes = if scheme == "https" { &["https", "http"][..] } else { &["http"] };
        for exact in [true, false] {
            for wanted in schemes {
                let found = self
                    .apt
                    .iter()
                    .rev()
                    .find(|(s, h, _)| s == wanted && h.as_deref() == exact.then_some(host.as_str()));
                if let Some((_, _, proxy)) = found {
                    return (proxy != "DIRECT" && proxy != "false").then(|| with_scheme(proxy));
                }
            }
        }
        let is_own = |n: &String| {
            n == "*" || *n == host || host.strip_suffix(n.as_str()).is_some_and(|rest| rest.ends_with('.'))
        };
        if self.none.iter().any(is_own) {
            return None;
        }
        let own = if scheme == "https" { &self.https } else { &self.http };
        own.as_ref().or(self.all.as_ref()).map(|p| with_scheme(p))
    }
}

fn with_scheme(proxy: &str) -> String {
    if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn proxies(dump: &str, env: &[(&str, &str)]) -> Proxies {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Proxies::read(&Host::new(Path::new("/nowhere"), Path::new("/root"), env), dump)
    }

    #[test]
    fn apt_before_the_environment() {
        let env = [("http_proxy", "http://env:1"), ("HTTPS_PROXY", "env:2"), ("no_proxy", "corp, .lan")];
        let both = "Acquire::http::Proxy \"http://apt:3\";\nAcquire::http::Proxy::deb.corp \"DIRECT\";\n";
        for (dump, scheme, host, want) in [
            ("", "http", "deb.debian.org", Some("http://env:1")),
            ("", "https", "deb.debian.org", Some("http://env:2")),
            ("", "http", "deb.corp", None),
            ("", "http", "notcorp", Some("http://env:1")),
            ("", "http", "a.lan", None),
            (both, "http", "deb.debian.org", Some("http://apt:3")),
            (both, "https", "deb.debian.org", Some("http://apt:3")),
            (both, "http", "DEB.corp", None),
            ("Acquire::http::Proxy \"false\";", "http", "x", None),
            ("Acquire::http::Proxy-Auto-Detect \"/x\";", "http", "x", Some("http://env:1")),
        ] {
            assert_eq!(proxies(dump, &env).of(scheme, host).as_deref(), want, "{dump} {scheme} {host}");
        }
    }
}
