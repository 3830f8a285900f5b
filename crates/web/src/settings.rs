//! What the API has to be told.

/// Settings of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSettings {
    /// This server's version.
    pub version: String,
    /// Address the edge listens on for the public, as shown to people.
    pub listen: String,
    /// Largest unpacked source, in bytes.
    pub max_source: u64,
    /// Most files and folders of a source.
    pub max_entries: u64,
}

impl WebSettings {
    /// Limits that a source folder of code and small data stays far below: 2 GiB, 200,000 entries.
    #[must_use]
    pub fn new(version: impl Into<String>, listen: impl Into<String>) -> Self {
        Self { version: version.into(), listen: listen.into(), max_source: 2 << 30, max_entries: 200_000 }
    }
}
