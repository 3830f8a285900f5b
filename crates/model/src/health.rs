//! How a service is asked whether it works.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::server::{self, How, Program, Server};

/// How readiness and liveness are asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthSpec {
    /// What is asked.
    pub ask: Ask,
    /// What serves, as far as that is known.
    pub server: Option<Serves>,
    /// Time between two probes of a ready instance.
    pub interval: Duration,
    /// Time one probe may take.
    pub timeout: Duration,
    /// Time from start to the first success before the instance counts as failed.
    pub start_timeout: Duration,
    /// Failures in a row, with nothing in flight, that mean death.
    pub failures: u32,
    /// How long an instance may leave its probe unanswered without any byte of progress on a request in flight
    /// before it counts as hung.
    pub hang_timeout: Duration,
}

/// What is asked of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Whether it accepts a connection: somebody said that this is enough, or it is known to speak another protocol.
    Connection,
    /// This path, which somebody named: it is well when the answer is below 400.
    Path(String),
    /// Nobody said anything: what suits what serves.
    Auto {
        /// A health route that the code defines.
        route: Option<String>,
        /// What is asked when there is none: a page that is likely to be there.
        page: String,
    },
}

/// What serves, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serves {
    /// What it is.
    pub by: Server,
    /// How that is known.
    pub how: How,
}

/// What one probe asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Whether a connection is accepted.
    Connection,
    /// For the answer to a request for this path.
    Http(String),
    /// Whether it speaks HTTP at all, and if so, for the answer to a request for this path.
    Protocol(String),
}

/// What a probe came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Nobody listens.
    Refused,
    /// The connection was accepted; nothing was said.
    Accepted,
    /// It answers HTTP, with this status.
    Status(u16),
    /// The same, with a redirect that leads back to what was asked for, at once or by way of others.
    Loop(u16),
    /// It answers something else, or hung up on an HTTP request that nothing told it to expect.
    NotHttp,
    /// It closed the connection without a word.
    Cut,
    /// It said nothing in time.
    Silent,
}

/// Streamlit's own, which no page of the app takes part in.
const STREAMLIT: &str = "/_stcore/health";

/// Streamlit's too: 503 when a page's script ends with an error. It runs the script, so it is asked once.
const STREAMLIT_SCRIPT: &str = "/_stcore/script-health-check";

/// What has Streamlit answer there.
pub const STREAMLIT_SCRIPT_CHECK: &str = "STREAMLIT_SERVER_SCRIPT_HEALTH_CHECK_ENABLED";

/// Ports at which something else than HTTP is spoken, and where a request would be written down as an attack or an
/// error: SSH, mail, DNS, MQTT, databases, caches and brokers.
const OTHER_PORTS: [u16; 21] = [
    22, 25, 53, 465, 587, 1433, 1521, 1883, 2181, 3306, 4222, 5432, 5433, 5672, 6379, 6380, 6432, 9042, 9092,
    11211, 27017,
];

impl Default for Ask {
    fn default() -> Self {
        Self::Auto { route: None, page: "/".to_owned() }
    }
}

impl Default for HealthSpec {
    fn default() -> Self {
        Self {
            ask: Ask::default(),
            server: None,
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            start_timeout: Duration::from_secs(120),
            failures: 3,
            hang_timeout: Duration::from_secs(120),
        }
    }
}

impl HealthSpec {
    /// Takes into account what is started: by this command line it is decided whether HTTP is spoken.
    pub fn started_by(&mut self, argv: &[String]) {
        match server::program(argv) {
            Some(Program::Http(by)) => self.server = Some(Serves { by, how: How::Command }),
            Some(Program::Other) => {
                self.server = None;
                match self.ask {
                    Ask::Auto { .. } => self.ask = Ask::Connection,
                    Ask::Connection | Ask::Path(_) => {}
                }
            }
            // What the code tells stays a guess.
            None => {
                let guess = server::guess(argv).or(self.server.map(|s| s.by));
                self.server = guess.map(|by| Serves { by, how: How::Code });
            }
        }
    }

    /// What is asked at `port` of an instance that has (`Some(true)`), or has not (`Some(false)`), been found to speak
    /// HTTP.
    #[must_use]
    pub fn question(&self, port: u16, found: Option<bool>) -> Question {
        match &self.ask {
            Ask::Connection => Question::Connection,
            Ask::Path(path) => Question::Http(path.clone()),
            Ask::Auto { route, page } => {
                let path = route.as_ref().unwrap_or(page).clone();
                match (self.server, found) {
                    _ if self.is_streamlit() => Question::Http(STREAMLIT.to_owned()),
                    (Some(Serves { how: How::Command, .. }), _) | (_, Some(true)) => Question::Http(path),
                    (_, Some(false)) => Question::Connection,
                    (_, None) if route.is_none() && OTHER_PORTS.contains(&port) => Question::Connection,
                    (_, None) => Question::Protocol(path),
                }
            }
        }
    }

    /// What one that is to replace another is asked at last, where its health says nothing of what visitors see.
    #[must_use]
    pub fn last_question(&self) -> Option<Question> {
        match &self.ask {
            Ask::Auto { .. } => self.is_streamlit().then(|| Question::Http(STREAMLIT_SCRIPT.to_owned())),
            Ask::Path(_) | Ask::Connection => None,
        }
    }

    fn is_streamlit(&self) -> bool {
        self.server == Some(Serves { by: Server::Streamlit, how: How::Command })
    }

    /// Whether silence must not be taken for another protocol: whoever writes a health route speaks HTTP.
    #[must_use]
    pub fn has_route(&self) -> bool {
        match &self.ask {
            Ask::Auto { route, .. } => route.is_some(),
            Ask::Connection | Ask::Path(_) => false,
        }
    }

    /// Whether what is asked over HTTP is there to be asked, again and again: a page may be dear, is counted by whoever
    /// counts visitors, and leaves a line in the app's log.
    #[must_use]
    pub fn is_made_for_it(&self) -> bool {
        match &self.ask {
            Ask::Connection => false,
            Ask::Path(_) => true,
            Ask::Auto { route, .. } => route.is_some() || self.is_streamlit(),
        }
    }
}

impl Answer {
    /// Whether somebody answered over HTTP, with an error of its own or without.
    #[must_use]
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Status(code) | Self::Loop(code) => Some(code),
            Self::Refused | Self::Accepted | Self::NotHttp | Self::Cut | Self::Silent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(ask: Ask, line: &str) -> HealthSpec {
        let mut health = HealthSpec { ask, ..HealthSpec::default() };
        health.started_by(&shell_words::split(line).unwrap());
        health
    }

    #[test]
    fn questions() {
        let route = || Ask::Auto { route: Some("/health".to_owned()), page: "/".to_owned() };
        let docs = || Ask::Auto { route: None, page: "/docs".to_owned() };
        let path = || Ask::Path("/up".to_owned());
        let http = |path: &str| Question::Http(path.to_owned());
        let protocol = |path: &str| Question::Protocol(path.to_owned());
        for (ask, start, port, found, want) in [
            (Ask::default(), "gunicorn app:app", 8000, None, http("/")),
            (docs(), "uvicorn main:app", 8000, None, http("/docs")),
            (route(), "uvicorn main:app", 8000, None, http("/health")),
            // One folder may hold an API and a page: the command says which of them listens.
            (route(), "streamlit run page.py", 8000, None, http(STREAMLIT)),
            (route(), "python main.py", 8000, None, protocol("/health")),
            (route(), "python main.py", 8000, Some(true), http("/health")),
            (route(), "./serve", 6379, None, protocol("/health")),
            (path(), "streamlit run page.py", 8000, None, http("/up")),
            (Ask::Connection, "gunicorn app:app", 8000, None, Question::Connection),
            (Ask::default(), "python main.py", 8000, None, protocol("/")),
            (Ask::default(), "python main.py", 8000, Some(true), http("/")),
            (Ask::default(), "python main.py", 8000, Some(false), Question::Connection),
            (Ask::default(), "./serve", 6379, None, Question::Connection),
            (Ask::default(), "redis-server", 8000, None, Question::Connection),
            (route(), "redis-server", 8000, None, Question::Connection),
        ] {
            let health = started(ask, start);
            assert_eq!(health.question(port, found), want, "{start} at {port}: {health:?}");
        }
    }
}
