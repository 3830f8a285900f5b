//! Why a call to a language model failed, and what a user is told about it.

use std::time::Duration;

/// A failed call. Every kind is answered with 502; [`LlmError::stage`] says which part of the call it was.
#[derive(Debug, thiserror::Error)]
pub enum LlmError {
    /// No connection, or it took too long to open one.
    #[error("cannot connect to the language model: {reason}")]
    Connect {
        /// The transport's words.
        reason: String,
    },
    /// Connected, but nothing was said in time.
    #[error("the language model said nothing within {} s", .limit.as_secs_f32())]
    FirstToken {
        /// The limit that passed.
        limit: Duration,
    },
    /// Began, but did not end in time.
    #[error("the language model did not finish within {} s", .limit.as_secs_f32())]
    Total {
        /// The limit that passed.
        limit: Duration,
    },
    /// Asked to slow down, twice.
    #[error("the language model is throttling requests: {message}\nhint: wait a little and ask again")]
    Throttled {
        /// The provider's words.
        message: String,
    },
    /// The provider answered with an error.
    #[error("the language model refused the request ({code}): {message}")]
    Refused {
        /// HTTP status or error code.
        code: String,
        /// The provider's words, shortened.
        message: String,
    },
    /// An answer that is none: malformed, of another shape, or empty.
    #[error("the language model returned nonsense: {reason}")]
    Nonsense {
        /// What is wrong with it.
        reason: String,
    },
    /// The answer broke off before its end.
    #[error("the language model's answer broke off before its end: {reason}")]
    Broken {
        /// The transport's words.
        reason: String,
    },
}

impl LlmError {
    /// The name of the failed part, for the `stage` of an error.
    pub fn stage(&self) -> &'static str {
        match self {
            LlmError::Connect { .. } => "llm_connect",
            LlmError::FirstToken { .. } => "llm_first_token",
            LlmError::Total { .. } => "llm_total",
            LlmError::Throttled { .. } | LlmError::Refused { .. } => "llm_invocation",
            LlmError::Nonsense { .. } => "llm_response",
            LlmError::Broken { .. } => "llm_stream",
        }
    }

    /// The name of the kind, for the `error_type` of an error.
    pub fn kind(&self) -> &'static str {
        match self {
            LlmError::Connect { .. } => "LlmUnreachable",
            LlmError::FirstToken { .. } | LlmError::Total { .. } => "LlmTimeout",
            LlmError::Throttled { .. } => "LlmThrottled",
            LlmError::Refused { .. } => "LlmRefused",
            LlmError::Nonsense { .. } => "LlmNonsense",
            LlmError::Broken { .. } => "LlmBroken",
        }
    }
}

/// An error with its causes, innermost last: transports hide the telling part in their sources.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

/// A provider's message, cut to what fits in an error.
pub(crate) fn shorten(message: &str) -> String {
    const LIMIT: usize = 300;
    let message = message.trim();
    match message.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}
