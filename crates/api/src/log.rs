//! Log lines of instances.

use serde::{Deserialize, Serialize};

/// One of the two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One line an instance wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When, in milliseconds since the Unix epoch.
    pub at: u64,
    /// Which service.
    pub service: String,
    /// Which instance, such as `i7`.
    pub instance: String,
    /// Where it was written to.
    pub stream: Stream,
    /// What it said, without the newline.
    pub text: String,
}

/// Which lines are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogQuery {
    /// Only this service; otherwise all of the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Nothing older, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// At most so many of the newest lines, before following.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<u32>,
    /// Stay, and send lines as they are written.
    pub follow: bool,
}
