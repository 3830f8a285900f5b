//! Log lines of services.

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

/// Where a line of a log comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogSource {
    /// The instance's standard output.
    Out,
    /// Its standard error.
    Err,
    /// The platform: something it did to the service, or saw of it.
    Platform,
}

/// One line of a service's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When, in milliseconds since the Unix epoch.
    pub at: u64,
    /// Which service.
    pub service: String,
    /// Which instance, such as `i7`; what concerns none has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Where it comes from.
    pub stream: LogSource,
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
    /// The platform's own lines too. Clients of earlier releases do not ask for them, and could not read them.
    pub platform: bool,
}
