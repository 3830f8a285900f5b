//! What a question must look like.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::ApiError;
use crate::answer::{Asked, TextForm};
use crate::llm::Catalogue;

/// Fewest and most characters of a question.
pub(super) const LENGTH: std::ops::RangeInclusive<usize> = 10..=3500;

/// The body of `POST /query` and `POST /query/stream`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct QueryRequest {
    /// The question: 10 to 3,500 characters.
    #[schema(
        min_length = 10,
        max_length = 3500,
        example = "How did Apple's revenue develop from 2021 to 2023?"
    )]
    pub question: String,
    /// Questions asked before it in the same talk, the oldest first: what this one leaves out is taken from them. The last five count.
    #[serde(default)]
    #[schema(example = json!([]))]
    pub earlier: Vec<String>,
    /// Look up figures.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub include_kpi: bool,
    /// Search sentences.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub include_rag: bool,
    /// The key of a model of `GET /meta`; its first by default.
    #[serde(default)]
    pub model_key: Option<String>,
    /// How the answer's text is written: safe for a Markdown renderer, or as it is.
    #[serde(default)]
    pub text: TextForm,
}

/// Questions of a talk that are looked back at.
const LOOKED_BACK: usize = 5;

/// The last of the earlier questions; what is too long to be one is left out.
fn earlier(mut asked: Vec<String>) -> Vec<String> {
    asked.retain(|question| !question.trim().is_empty() && question.chars().count() <= *LENGTH.end());
    asked.split_off(asked.len().saturating_sub(LOOKED_BACK))
}

fn yes() -> bool {
    true
}

/// Reads and checks a body.
pub(super) fn read(body: Result<Bytes, BytesRejection>, catalogue: &Catalogue) -> Result<Asked, ApiError> {
    let body = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let request: QueryRequest = serde_json::from_slice(&body)
        .map_err(|error| ApiError::invalid("", format!("the body is no query request: {error}")))?;
    let question = request.question.trim();
    let length = question.chars().count();
    if !LENGTH.contains(&length) {
        let error =
            format!("question must have {} to {} characters; it has {length}", LENGTH.start(), LENGTH.end());
        return Err(ApiError::invalid(&request.question, error));
    }
    if !request.include_kpi && !request.include_rag {
        let error = "include_kpi and include_rag are both false: nothing is left to answer from";
        return Err(ApiError::invalid(&request.question, error));
    }
    let model = catalogue
        .pick(request.model_key.as_deref())
        .map_err(|error| ApiError::invalid(&request.question, error))?;
    Ok(Asked {
        question: question.to_owned(),
        earlier: earlier(request.earlier),
        include_kpi: request.include_kpi,
        include_rag: request.include_rag,
        model: model.clone(),
        text: request.text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::Provider;

    #[test]
    fn bodies() {
        let catalogue = Catalogue::new(Provider::Bedrock, None, None).expect("builtin");
        let long = |n: usize| format!(r#"{{"question":"{}"}}"#, "é".repeat(n));
        for (body, expected) in [
            (r#"{"question":"What was it?"}"#.to_owned(), Ok("production_balanced")),
            (
                r#"{"question":"What was it?","model_key":"development","other":1}"#.to_owned(),
                Ok("development"),
            ),
            (long(10), Ok("production_balanced")),
            (long(3500), Ok("production_balanced")),
            (long(9), Err("question must have 10 to 3500 characters; it has 9")),
            (long(3501), Err("question must have 10 to 3500 characters; it has 3501")),
            (format!(r#"{{"question":"{}"}}"#, " ".repeat(20)), Err("it has 0")),
            (r#"{"question":"What was it?","model_key":"gpt"}"#.to_owned(), Err("hint: known are")),
            (
                r#"{"question":"What was it?","include_kpi":false,"include_rag":false}"#.to_owned(),
                Err("both false"),
            ),
            (r#"{"question":["What was it?"]}"#.to_owned(), Err("no query request")),
            (
                r#"{"question":"And their debt?","earlier":["What was it?"]}"#.to_owned(),
                Ok("production_balanced"),
            ),
            (r#"{"question":"What was it?","text":"plain"}"#.to_owned(), Ok("production_balanced")),
            (r#"{"question":"What was it?","text":"html"}"#.to_owned(), Err("no query request")),
            (r#"{"question":"And their debt?","earlier":"What?"}"#.to_owned(), Err("no query request")),
            ("{}".to_owned(), Err("missing field `question`")),
            ("not json".to_owned(), Err("no query request")),
        ] {
            match (read(Ok(Bytes::from(body.clone())), &catalogue), expected) {
                (Ok(asked), Ok(key)) => assert_eq!(asked.model.key, key, "{body}"),
                (Err(error), Err(words)) => {
                    assert_eq!(error.status.as_u16(), 422, "{body}");
                    assert!(error.body.error.contains(words), "{body}: {}", error.body.error);
                }
                (got, expected) => panic!("{body}: {got:?}, not {expected:?}"),
            }
        }
    }
}
