//! Everything that can go wrong between here and an answer, in words for the asker.

use super::wire::ErrorBody;

/// Why there is no answer. None of it shows what the backend's insides said, except a validation message, which is
/// written for the asker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// No connection.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The backend is still loading its data.
    Loading,
    /// The language model failed.
    Model,
    /// The backend refused the question, and said why.
    Rejected(String),
    /// Too many questions at once.
    Busy,
    /// The answer broke off.
    CutShort,
    /// What came was no answer.
    Unreadable,
    /// Any other status.
    Status(u16),
}

/// The longest validation message shown, in characters.
const LONGEST_REASON: usize = 300;

impl Failure {
    /// Reads a refusal: its status, and its body where that is the backend's error object.
    pub fn of_status(status: u16, body: &[u8]) -> Self {
        let error: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
        match status {
            400 | 413 | 422 => Self::rejected(&error),
            429 => Self::Busy,
            502 => Self::Model,
            503 => Self::Loading,
            408 | 504 => Self::TimedOut,
            other => Self::Status(other),
        }
    }

    /// Reads the error that ended a stream, whose status went out before it was known.
    pub fn of_event(error: &ErrorBody) -> Self {
        let kind = format!("{} {}", error.error_type, error.stage).to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
        if has(&["timeout", "timed"]) {
            Self::TimedOut
        } else if has(&["valid"]) {
            Self::rejected(error)
        } else if has(&["unavailable", "loading", "ready", "startup"]) {
            Self::Loading
        } else if has(&["llm", "model", "synthesis", "bedrock", "generat"]) {
            Self::Model
        } else {
            Self::Status(500)
        }
    }

    fn rejected(error: &ErrorBody) -> Self {
        let line = error.error.lines().next().unwrap_or_default().trim();
        let mut reason: String = line.chars().take(LONGEST_REASON).collect();
        if reason.len() < line.len() {
            reason.push('…');
        }
        Self::Rejected(reason)
    }

    /// Reads why a request did not come through.
    pub fn of_request(error: &reqwest::Error) -> Self {
        if error.is_timeout() && !error.is_connect() {
            Self::TimedOut
        } else if error.is_connect() {
            Self::Unreachable
        } else {
            Self::CutShort
        }
    }

    /// What happened, in a few words.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Unreachable => "The answering service cannot be reached",
            Self::TimedOut => "This is taking too long",
            Self::Loading => "The filings are still being loaded",
            Self::Model => "The language model did not answer",
            Self::Rejected(_) => "This question could not be taken",
            Self::Busy => "Many questions at once",
            Self::CutShort => "The answer broke off",
            Self::Unreadable => "The answer could not be read",
            Self::Status(_) => "Something went wrong",
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Unreachable => "It may be starting. Your question is kept: try again in a moment.".into(),
            Self::TimedOut => {
                "No answer came in time. Your question is kept: try again, or ask something narrower.".into()
            }
            Self::Loading => {
                "This takes a few seconds after a start. Your question is kept: try again in a moment.".into()
            }
            Self::Model => {
                "The figures and filings are fine; the model that writes answers failed. Try again.".into()
            }
            Self::Rejected(reason) if reason.is_empty() => "Please rephrase it and ask again.".into(),
            Self::Rejected(reason) => reason.clone(),
            Self::Busy => "Others are asking too. Your question is kept: try again in a moment.".into(),
            Self::CutShort => "What had arrived is above. Try again for the whole answer.".into(),
            Self::Unreadable => {
                "The answering service said something unexpected. Your question is kept: try again.".into()
            }
            Self::Status(status) => {
                format!("The answering service failed (status {status}). Your question is kept: try again.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_become_words_without_insides() {
        let trace = br#"{"error":"Traceback (most recent call last): File x.py","error_type":"KeyError","stage":"rag"}"#;
        let table = [
            (
                422,
                &br#"{"error":"question must be longer\nTraceback"}"#[..],
                Failure::Rejected("question must be longer".into()),
            ),
            (422, b"not json", Failure::Rejected(String::new())),
            (429, b"", Failure::Busy),
            (500, trace, Failure::Status(500)),
            (502, trace, Failure::Model),
            (503, trace, Failure::Loading),
            (504, trace, Failure::TimedOut),
        ];
        for (status, body, wanted) in table {
            let failure = Failure::of_status(status, body);
            assert!(!failure.advice().contains("Traceback"), "{failure:?}");
            assert_eq!(failure, wanted);
        }
    }

    #[test]
    fn a_streams_last_error_is_told_by_its_type_and_stage() {
        let table = [
            ("LlmError", "synthesis", Failure::Model),
            ("ValidationError", "validation", Failure::Rejected("why".into())),
            ("LlmTimeout", "llm", Failure::TimedOut),
            ("DataNotReady", "startup", Failure::Loading),
            ("KeyError", "rag", Failure::Status(500)),
        ];
        for (error_type, stage, wanted) in table {
            let error = ErrorBody { error: "why".into(), error_type: error_type.into(), stage: stage.into() };
            assert_eq!(Failure::of_event(&error), wanted, "{error_type} {stage}");
        }
    }

    #[test]
    fn a_long_reason_is_shortened() {
        let body = serde_json::json!({ "error": "é".repeat(400) }).to_string();
        let Failure::Rejected(reason) = Failure::of_status(422, body.as_bytes()) else {
            panic!("not rejected")
        };
        assert_eq!(reason.chars().count(), LONGEST_REASON + 1);
    }
}
