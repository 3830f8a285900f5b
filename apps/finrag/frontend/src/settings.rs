//! Settings: as typed into the environment, then resolved.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::Url;
use thiserror::Error;

const DEFAULT_BACKEND: &str = "http://localhost:8000";
const DEFAULT_PORT: u16 = 8501;

/// Settings as the environment gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawSettings {
    /// `BACKEND_URL`.
    pub backend_url: Option<String>,
    /// `FINRAG_LISTEN`.
    pub listen: Option<String>,
    /// `PORT`.
    pub port: Option<String>,
}

impl RawSettings {
    /// Reads the environment. An empty variable counts as absent.
    pub fn from_env() -> Self {
        let read = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        Self { backend_url: read("BACKEND_URL"), listen: read("FINRAG_LISTEN"), port: read("PORT") }
    }

    /// Fills in the defaults. `FINRAG_LISTEN` wins over `PORT`.
    pub fn resolve(self) -> Result<Settings, SettingsError> {
        let listen = match (self.listen, self.port) {
            (Some(typed), _) => typed.trim().parse().map_err(|_| SettingsError::Listen { typed })?,
            (None, Some(typed)) => {
                let port = typed.trim().parse().map_err(|_| SettingsError::Port { typed })?;
                SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))
            }
            (None, None) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT)),
        };
        let typed = self.backend_url.unwrap_or_else(|| DEFAULT_BACKEND.to_owned());
        let backend = match Url::parse(typed.trim()) {
            Ok(url) if url.scheme() == "http" && url.has_host() => url,
            Ok(_) | Err(_) => return Err(SettingsError::Backend { typed }),
        };
        Ok(Settings { backend, listen, timeouts: Timeouts::default(), limits: Limits::default() })
    }
}

/// Resolved settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the backend answers.
    pub backend: Url,
    /// Where to listen.
    pub listen: SocketAddr,
    /// How long to wait for the backend.
    pub timeouts: Timeouts,
    /// How much to hold in memory.
    pub limits: Limits,
}

/// How long to wait for the backend.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the first byte of an answer: a model may think for long before it says anything.
    pub first_byte: Duration,
    /// For a whole answer.
    pub total: Duration,
    /// For what a page only shows beside the rest: the backend's health and what it holds.
    pub aside: Duration,
    /// How long a plain form post waits for a quick answer before it shows the page of progress.
    pub post: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_byte: Duration::from_secs(90),
            total: Duration::from_secs(120),
            aside: Duration::from_secs(2),
            post: Duration::from_millis(600),
        }
    }
}

/// How much to hold in memory and to do at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Sessions; past it, the one longest unused goes.
    pub sessions: usize,
    /// Turns of a session; past it, its oldest goes and its totals stay.
    pub turns: usize,
    /// Bytes of all sessions together, roughly; past it, the sessions longest unused go.
    pub bytes: usize,
    /// Questions one session may have under way.
    pub running_in_session: usize,
    /// Questions under way in all sessions.
    pub running: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { sessions: 1_000, turns: 50, bytes: 64 << 20, running_in_session: 3, running: 256 }
    }
}

/// Why the settings make no sense.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SettingsError {
    /// `BACKEND_URL` is no plain HTTP address.
    #[error(
        "BACKEND_URL is {typed:?}, which is no http:// address\nhint: the backend is reached over the private network, as in http://backend:8000"
    )]
    Backend {
        /// As typed.
        typed: String,
    },
    /// `FINRAG_LISTEN` is no address.
    #[error("FINRAG_LISTEN is {typed:?}, which is no address with a port\nhint: as in 127.0.0.1:8501")]
    Listen {
        /// As typed.
        typed: String,
    },
    /// `PORT` is no port.
    #[error("PORT is {typed:?}, which is no port\nhint: a number from 1 to 65535")]
    Port {
        /// As typed.
        typed: String,
    },
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(backend: &str, listen: &str, port: &str, wanted: Expect) {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let raw = RawSettings { backend_url: some(backend), listen: some(listen), port: some(port) };
        wanted.assert_eq(&match raw.resolve() {
            Ok(settings) => format!("{} on {}", settings.backend, settings.listen),
            Err(error) => error.to_string(),
        });
    }

    #[test]
    fn the_environment_is_resolved() {
        check("", "", "", expect!["http://localhost:8000/ on 0.0.0.0:8501"]);
        check("http://backend:8000", "", "9000", expect!["http://backend:8000/ on 0.0.0.0:9000"]);
        check("http://b/api/", "127.0.0.1:0", "9000", expect!["http://b/api/ on 127.0.0.1:0"]);
        check(
            "backend:8000",
            "",
            "",
            expect![[r#"
            BACKEND_URL is "backend:8000", which is no http:// address
            hint: the backend is reached over the private network, as in http://backend:8000"#]],
        );
        check(
            "",
            "here",
            "",
            expect![[r#"
            FINRAG_LISTEN is "here", which is no address with a port
            hint: as in 127.0.0.1:8501"#]],
        );
        check(
            "",
            "",
            "70000",
            expect![[r#"
            PORT is "70000", which is no port
            hint: a number from 1 to 65535"#]],
        );
    }
}
