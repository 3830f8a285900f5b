//! What a refused call says.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong; may have several lines.
    pub error: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What programs can tell it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
}

/// A refusal that a client may do something about by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The project's name is that of one from another folder; [`crate::DeployQuery::replace`] takes it.
    NameTaken,
    /// One that this client does not know.
    #[serde(other)]
    Unknown,
}

impl ErrorBody {
    /// Split a message that ends in `\n  hint: ...` at that place.
    #[must_use]
    pub fn from_message(message: &str) -> Self {
        match message.rsplit_once("\n  hint: ") {
            Some((error, hint)) => Self { error: error.to_owned(), hint: Some(hint.to_owned()), code: None },
            None => Self { error: message.to_owned(), hint: None, code: None },
        }
    }
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No server listens on the socket.
    #[error("no server answers at {}: {source}\n  hint: start one with `dormouse up DIR` or `dormouse serve`, or name its state folder with --state", socket.display())]
    Unreachable {
        /// Where it was looked for.
        socket: PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// The server refused, and said why.
    #[error("{error}{}", hint.as_deref().map(|h| format!("\n  hint: {h}")).unwrap_or_default())]
    Server {
        /// The HTTP status.
        status: u16,
        /// Its message.
        error: String,
        /// What to do about it.
        hint: Option<String>,
        /// What programs can tell it by.
        code: Option<ErrorCode>,
    },
    /// The connection broke, or the answer was not what this client understands.
    #[error("the server's answer broke off: {why}\n  hint: it may have been restarted; ask again")]
    Broken {
        /// What was wrong with it.
        why: String,
    },
}

impl Error {
    /// Whether nobody listens (as against a server that refused).
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    pub(crate) fn broken(why: impl std::fmt::Display) -> Self {
        Self::Broken { why: why.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_travels_apart_and_comes_back() {
        for message in ["no such project `shop`", "line 1\nline 2\n  hint: did you mean `shop`?"] {
            let body = ErrorBody::from_message(message);
            let back = Error::Server { status: 422, error: body.error, hint: body.hint, code: body.code };
            assert_eq!(back.to_string(), message);
        }
    }
}
