//! `--listen` as people write it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Port of the public listener unless told otherwise.
pub(crate) const PORT: u16 = 8080;

/// Where visitors connect unless told otherwise: at this machine only. Whoever wants to be seen by others says so.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The address when none is given.
pub(crate) fn default() -> SocketAddr {
    SocketAddr::new(HERE, PORT)
}

/// An address with its port, or one of both; the other is then the default's.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    // An IPv6 address has colons of its own.
    if let Some(host) = host(text) {
        return Ok(SocketAddr::new(host, PORT));
    }
    let (name, port) = text.rsplit_once(':').unwrap_or(("", text));
    let address = if name.is_empty() { Some(HERE) } else { host(name) };
    let port: u16 = match port.parse() {
        Ok(port) => port,
        Err(_) if !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()) => {
            return Err("ports end at 65535".to_owned());
        }
        Err(_) => return Err(bad()),
    };
    address.map(|address| SocketAddr::new(address, port)).ok_or_else(bad)
}

fn host(text: &str) -> Option<IpAddr> {
    match text {
        "localhost" => Some(HERE),
        "*" => Some(Ipv4Addr::UNSPECIFIED.into()),
        other => other.trim_start_matches('[').trim_end_matches(']').parse().ok(),
    }
}

fn bad() -> String {
    "write a port such as 8080, or an address with one: 127.0.0.1:8080, 0.0.0.0:80, [::]:80".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (typed, meant) in [
            ("127.0.0.1:9999", "127.0.0.1:9999"),
            ("8080", "127.0.0.1:8080"),
            (":18600", "127.0.0.1:18600"),
            ("localhost:8081", "127.0.0.1:8081"),
            ("localhost", "127.0.0.1:8080"),
            ("0.0.0.0", "0.0.0.0:8080"),
            ("*:80", "0.0.0.0:80"),
            ("[::1]:80", "[::1]:80"),
            ("::1", "[::1]:8080"),
            ("[::]", "[::]:8080"),
            (" 8082 ", "127.0.0.1:8082"),
        ] {
            assert_eq!(listen(typed).map(|a| a.to_string()), Ok(meant.to_owned()), "{typed}");
        }
        for typed in
            ["", ":", "65536", "example.org:80", "http://localhost:80", "80:localhost", "-1", "1.2.3:80"]
        {
            assert!(listen(typed).is_err(), "{typed}");
        }
    }
}
