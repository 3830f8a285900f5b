//! Question files, read liberally: people write them by hand and by script.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::Regime;

/// One question with what should be found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Its id.
    pub id: String,
    /// The question.
    pub question: String,
    /// The regime it is to be asked in; both when absent.
    pub regime: Option<Regime>,
    /// `local`, `cross-year`, `cross-company`, `kpi`, or what the file says.
    pub difficulty: String,
    /// Sentence ids, any of which answers.
    pub expected: Vec<String>,
    /// Figures that must be found, all of them.
    pub figures: Vec<Figure>,
}

/// A figure that must be found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Ticker, when given.
    pub ticker: Option<String>,
    /// Year, when given.
    pub year: Option<i32>,
    /// Metric key, label or tag, when given.
    pub metric: Option<String>,
    /// The value.
    pub value: f64,
}

/// Why a question file cannot be read.
#[derive(Debug, Error)]
pub enum ParseError {
    /// It is no JSON.
    #[error("the questions are not JSON")]
    Json(#[from] serde_json::Error),
    /// It is JSON of another shape.
    #[error(
        "the questions have the wrong shape: {reason}\nhint: {{ \"questions\": [ {{ \"id\", \"question\", \"expected\": [sentence ids], \"figures\": [] }} ] }}, or the bare list"
    )]
    Shape {
        /// What is wrong.
        reason: String,
    },
}

fn shape(reason: impl Into<String>) -> ParseError {
    ParseError::Shape { reason: reason.into() }
}

/// Reads a question file: an object with `questions` or a bare array; unknown keys are ignored, the usual other names of known
/// keys are understood.
pub fn parse(json: &str) -> Result<Vec<Question>, ParseError> {
    let value: Value = serde_json::from_str(json)?;
    let list = match &value {
        Value::Array(list) => list,
        Value::Object(object) => ["questions", "items", "data", "cases"]
            .iter()
            .find_map(|key| object.get(*key)?.as_array())
            .ok_or_else(|| shape("it has no list `questions`"))?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(shape("it is neither an object nor a list"));
        }
    };
    list.iter().enumerate().map(|(at, entry)| question(at, entry)).collect()
}

fn question(at: usize, entry: &Value) -> Result<Question, ParseError> {
    let text = ["question", "query", "text", "q"]
        .iter()
        .find_map(|key| entry.get(*key)?.as_str())
        .ok_or_else(|| shape(format!("question {} has no text", at + 1)))?;
    let id =
        entry.get("id").or_else(|| entry.get("qid")).map(plain).unwrap_or_else(|| format!("q{}", at + 1));
    let expected =
        ["expected", "expected_sentence_ids", "expected_ids", "sentence_ids", "gold", "relevant", "answers"]
            .iter()
            .find_map(|key| entry.get(*key))
            .map(ids)
            .unwrap_or_default();
    let figures = ["figures", "expected_figures", "facts"]
        .iter()
        .find_map(|key| entry.get(*key)?.as_array())
        .map(|list| list.iter().map(figure).collect::<Result<Vec<_>, _>>())
        .transpose()?
        .unwrap_or_default();
    let regime = entry.get("regime").and_then(Value::as_str).and_then(|name| {
        let name = name.to_lowercase();
        if name.starts_with("filter") {
            Some(Regime::Filtered)
        } else if name.starts_with("open") || name.starts_with("global") {
            Some(Regime::Open)
        } else {
            None
        }
    });
    let difficulty = entry.get("difficulty").or_else(|| entry.get("type")).or_else(|| entry.get("kind"));
    let difficulty = difficulty.map(plain).unwrap_or_else(|| "local".to_owned()).replace('_', "-");
    Ok(Question { id, question: text.to_owned(), regime, difficulty, expected, figures })
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A list of ids, of objects that have one, or a single id.
fn ids(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().flat_map(ids).collect(),
        Value::String(id) => vec![id.clone()],
        Value::Object(object) => {
            object.get("sentence_id").or_else(|| object.get("id")).map(ids).unwrap_or_default()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

fn figure(value: &Value) -> Result<Figure, ParseError> {
    let number = |value: &Value| {
        value
            .as_f64()
            .or_else(|| value.as_str().and_then(|text| text.replace([',', '$', '%'], "").trim().parse().ok()))
    };
    let amount = if value.is_object() { value.get("value").and_then(number) } else { number(value) };
    let text = |keys: &[&str]| keys.iter().find_map(|key| value.get(*key)?.as_str()).map(str::to_owned);
    Ok(Figure {
        ticker: text(&["ticker", "company"]),
        year: value.get("year").and_then(number).map(|year| year as i32),
        metric: text(&["metric", "metric_key", "metric_label", "metric_gaap"]),
        value: amount.ok_or_else(|| shape(format!("the figure {value} has no value")))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_files_are_read_liberally() {
        let strict = r#"{"questions": [{"id": "a", "question": "Q?", "regime": "open", "difficulty": "cross_year",
            "expected": ["s1"], "figures": [{"ticker": "T", "year": 2020, "metric": "revenue", "value": 1.5}], "more": {}}]}"#;
        let read = parse(strict).unwrap();
        assert_eq!((read[0].regime, read[0].difficulty.as_str()), (Some(Regime::Open), "cross-year"));
        let loose = r#"[{"query": "Q?", "expected_sentence_ids": "s1", "figures": [{"value": "1,500"}, 7]}]"#;
        let read = parse(loose).unwrap();
        assert_eq!(
            (read[0].id.as_str(), read[0].expected.len(), read[0].figures[0].value),
            ("q1", 1, 1500.0)
        );
        assert_eq!(read[0].figures[1].value, 7.0);
        assert!(parse("{}").unwrap_err().to_string().contains("hint:"));
    }
}
