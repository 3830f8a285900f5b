//! Files of logins: `.netrc`, and apt's `auth.conf`, which is written in the same way.

use super::{Host, registry::Credential};

/// Who one is, at one place.
#[derive(Clone, PartialEq, Eq)]
struct Login {
    /// As written; `None` for all that nothing else is said of.
    machine: Option<String>,
    name: String,
    password: String,
}

/// Logins in the order of their file.
#[derive(Clone, Default)]
pub(super) struct Logins(Vec<Login>);

impl Logins {
    /// Those that programs of this host look up.
    pub(super) fn netrc(host: &Host) -> Self {
        let file = match host.var("NETRC") {
            Some(file) => host.path(file),
            None => host.home(".netrc"),
        };
        Self::parse(&host.text(&file).unwrap_or_default())
    }

    pub(super) fn parse(text: &str) -> Self {
        let mut all: Vec<Login> = Vec::new();
        let lines = text.lines().filter(|l| !l.trim_start().starts_with('#'));
        let mut words = lines.flat_map(str::split_whitespace);
        while let Some(word) = words.next() {
            let begins = |machine| Login { machine, name: String::new(), password: String::new() };
            match (word, all.last_mut()) {
                ("machine", _) => all.push(begins(words.next().map(str::to_owned))),
                ("default", _) => all.push(begins(None)),
                ("login", Some(last)) => last.name = words.next().unwrap_or_default().to_owned(),
                ("password", Some(last)) => last.password = words.next().unwrap_or_default().to_owned(),
                (_, _) => {}
            }
        }
        Self(all)
    }

    pub(super) fn passwords(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|l| l.password.as_str())
    }

    /// Who one is at a host, as `.netrc` says it.
    pub(super) fn at_host(&self, host: &str) -> Option<Credential> {
        let is_it = |l: &&Login| l.machine.as_deref().is_none_or(|m| m.eq_ignore_ascii_case(host));
        self.0.iter().find(is_it).map(Login::credential)
    }

    /// Who one is at a URL, as `auth.conf` says it: a machine may be written with a scheme, a port and the path's beginning, and
    /// without a scheme it is asked by TLS only.
    pub(super) fn at_url(&self, url: &reqwest::Url) -> Option<Credential> {
        let is_it = |login: &&Login| {
            let Some(machine) = &login.machine else { return false };
            let (scheme, rest) = machine.split_once("://").unwrap_or(("https", machine));
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let (host, port) =
                authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
            let is_port = |port: &str| url.port_or_known_default().is_some_and(|p| port.parse() == Ok(p));
            scheme == url.scheme()
                && url.host_str().is_some_and(|h| h.eq_ignore_ascii_case(host))
                && port.map_or(url.port().is_none(), is_port)
                && url.path().trim_start_matches('/').starts_with(path)
        };
        self.0.iter().find(is_it).map(Login::credential)
    }
}

impl Login {
    fn credential(&self) -> Credential {
        Credential::Basic(self.name.clone(), self.password.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netrc() {
        let text = "# machine no.example login x password y\nmachine one.example login joe password pw\n\
            machine two.example\n  login ann\n  account x\n  password secret\ndefault login any password thing\n";
        let logins = Logins::parse(text);
        for (host, want) in
            [("one.example", "joe pw"), ("TWO.example", "ann secret"), ("no.example", "any thing")]
        {
            let (name, password) = want.split_once(' ').unwrap();
            assert_eq!(logins.at_host(host), Some(Credential::Basic(name.into(), password.into())), "{host}");
        }
        assert_eq!(Logins::parse("machine a login b password c").at_host("d"), None);
        assert_eq!(logins.passwords().collect::<Vec<_>>(), ["pw", "secret", "thing"]);
    }

    #[test]
    fn auth_conf() {
        let logins = Logins::parse(
            "machine m.example/debian login joe password a\nmachine http://m.example login joe password b\n\
             machine p.example:8443 login joe password c\n",
        );
        for (url, want) in [
            ("https://m.example/debian/", Some("a")),
            ("https://m.example/debian-security/", Some("a")),
            ("https://m.example/ubuntu/", None),
            ("http://m.example/ubuntu/", Some("b")),
            ("https://p.example:8443/", Some("c")),
            ("https://p.example/", None),
        ] {
            let want = want.map(|p| Credential::Basic("joe".into(), p.into()));
            assert_eq!(logins.at_url(&url.parse().unwrap()), want, "{url}");
        }
    }
}
