//! The backend's JSON. Everything is read leniently: an unknown field is skipped, and of the known ones only an answer's
//! text has to be there. The `context` of an answer is never kept: it is long, and no page shows it.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Takes `null` as the default, too.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The response of `POST /query`, and the data of a stream's `done`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct QueryResponse {
    /// The answer's text.
    pub answer: String,
    /// How it came about.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// What the answer's `[n]` stand for.
    #[serde(default, deserialize_with = "or_default")]
    pub sources: Vec<Source>,
    /// Figures over years.
    #[serde(default)]
    pub kpi: Option<Kpi>,
}

/// How an answer came about.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// The language model's part.
    #[serde(deserialize_with = "or_default")]
    pub llm: Llm,
    /// The context's part.
    #[serde(deserialize_with = "or_default")]
    pub context: QueryContext,
    /// Milliseconds from question to answer.
    pub processing_time_ms: Option<f64>,
}

/// The language model's part of an answer.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Llm {
    /// The model.
    #[serde(deserialize_with = "or_default")]
    pub model_id: String,
    /// Tokens read.
    #[serde(deserialize_with = "or_default")]
    pub input_tokens: u64,
    /// Tokens written.
    #[serde(deserialize_with = "or_default")]
    pub output_tokens: u64,
    /// US dollars.
    #[serde(deserialize_with = "or_default")]
    pub cost: f64,
    /// Why it stopped.
    pub stop_reason: Option<String>,
}

/// The context's part of an answer.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct QueryContext {
    /// Characters of context.
    pub context_length: Option<u64>,
    /// What the figures were looked up for; its shape is the backend's own.
    pub kpi_entities: Value,
    /// What the sentences were looked up for; its shape is the backend's own.
    pub rag_entities: Value,
    /// Timings and counts of the retrieval; their shape is the backend's own.
    pub retrieval_stats: Value,
}

/// What kind of thing a citation stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A sentence of a filing.
    #[default]
    Sentence,
    /// A figure.
    Fact,
    /// Something this frontend does not know.
    #[serde(other)]
    Other,
}

/// What an `[n]` stands for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Source {
    /// The `n`.
    pub n: u32,
    /// What kind of thing it is.
    #[serde(deserialize_with = "or_default")]
    pub kind: SourceKind,
    /// How the backend names it.
    #[serde(deserialize_with = "or_default")]
    pub label: String,
    /// The sentence, where it is one.
    pub sentence_id: Option<String>,
    /// Ticker.
    #[serde(deserialize_with = "or_default")]
    pub ticker: String,
    /// The company's name.
    #[serde(deserialize_with = "or_default")]
    pub company: String,
    /// Report year.
    pub year: Option<i32>,
    /// The 10-K item.
    pub section: Option<String>,
    /// The sentence's text.
    pub text: Option<String>,
    /// The filing's accession number.
    pub accession_no: Option<String>,
    /// Where the filing can be read.
    pub filing_url: Option<String>,
    /// The metric of a figure.
    pub metric: Option<String>,
    /// The figure.
    pub value: Option<f64>,
    /// The figure's unit.
    pub unit: Option<String>,
}

/// Figures over years.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Kpi {
    /// One line each.
    #[serde(deserialize_with = "or_default")]
    pub series: Vec<Series>,
}

/// One metric of one company over years.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Series {
    /// Ticker.
    #[serde(deserialize_with = "or_default")]
    pub ticker: String,
    /// The company's name.
    #[serde(deserialize_with = "or_default")]
    pub company: String,
    /// The metric's key.
    #[serde(deserialize_with = "or_default")]
    pub metric: String,
    /// The metric's name.
    #[serde(deserialize_with = "or_default")]
    pub label: String,
    /// The unit of the values.
    #[serde(deserialize_with = "or_default")]
    pub unit: String,
    /// The values.
    #[serde(deserialize_with = "or_default")]
    pub points: Vec<Point>,
}

/// A value of a year.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub struct Point {
    /// The year.
    pub year: i32,
    /// The value; absent where the backend has none.
    #[serde(default)]
    pub value: Option<f64>,
}

/// The error object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ErrorBody {
    /// What went wrong, for developers, except where the question was refused.
    #[serde(deserialize_with = "or_default")]
    pub error: String,
    /// Its type.
    #[serde(deserialize_with = "or_default")]
    pub error_type: String,
    /// Where it happened.
    #[serde(deserialize_with = "or_default")]
    pub stage: String,
}

/// What `POST /query/stream` says while it works.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// A stage is over.
    Stage {
        /// Its name.
        stage: String,
        /// Milliseconds it took.
        elapsed_ms: f64,
        /// More about it.
        detail: Option<String>,
    },
    /// More of the answer.
    Token(String),
    /// The whole answer.
    Done(Box<QueryResponse>),
    /// The error instead of an answer.
    Error(ErrorBody),
    /// An event this frontend does not know.
    Unknown,
}

#[derive(Deserialize)]
struct StageBody {
    stage: String,
    #[serde(default, deserialize_with = "or_default")]
    elapsed_ms: f64,
    #[serde(default)]
    detail: Value,
}

#[derive(Deserialize)]
struct TokenBody {
    text: String,
}

impl StreamEvent {
    /// Reads an event by its type.
    pub fn parse(event: &str, data: &str) -> Result<Self, serde_json::Error> {
        Ok(match event {
            "stage" => {
                let StageBody { stage, elapsed_ms, detail } = serde_json::from_str(data)?;
                let detail = match detail {
                    Value::Null => None,
                    Value::String(text) => Some(text),
                    Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                        Some(detail.to_string())
                    }
                };
                Self::Stage { stage, elapsed_ms, detail }
            }
            "token" => Self::Token(serde_json::from_str::<TokenBody>(data)?.text),
            "done" => Self::Done(serde_json::from_str(data)?),
            "error" => Self::Error(serde_json::from_str(data)?),
            _ => Self::Unknown,
        })
    }
}

/// The response of `GET /health`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Health {
    /// `healthy`, or what else it is.
    #[serde(deserialize_with = "or_default")]
    pub status: String,
}

/// The response of `GET /meta`: what can be asked about.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Meta {
    /// What the data is, where its maker says.
    pub about: Option<String>,
    /// Companies.
    #[serde(deserialize_with = "or_default")]
    pub companies: Vec<Company>,
    /// 10-K items.
    #[serde(deserialize_with = "or_default")]
    pub sections: Vec<Section>,
    /// Metrics.
    #[serde(deserialize_with = "or_default")]
    pub metrics: Vec<Metric>,
    /// Sentences.
    #[serde(deserialize_with = "or_default")]
    pub rows: u64,
    /// Figures.
    #[serde(deserialize_with = "or_default")]
    pub facts: u64,
}

/// A company that can be asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Company {
    /// Ticker.
    #[serde(deserialize_with = "or_default")]
    pub ticker: String,
    /// Name as filed.
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// Report years.
    #[serde(deserialize_with = "or_default")]
    pub years: Vec<i32>,
}

/// A 10-K item that can be asked about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Section {
    /// With its name.
    Named {
        /// As in `Item 1A: Risk Factors`.
        name: String,
    },
    /// Its key alone.
    Key(String),
}

/// A metric that can be asked about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Metric {
    /// With its label.
    Labelled {
        /// As in `Net Income`.
        label: String,
    },
    /// Its key alone.
    Key(String),
}

/// The response of `GET /sentences/{sentence_id}`: a sentence and those around it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Neighbours {
    /// `=== [TICKER] NAME | … ===`.
    #[serde(deserialize_with = "or_default")]
    pub header: String,
    /// Ticker.
    #[serde(deserialize_with = "or_default")]
    pub ticker: String,
    /// The company's name.
    #[serde(deserialize_with = "or_default")]
    pub company: String,
    /// Report year.
    pub year: Option<i32>,
    /// The filing.
    #[serde(deserialize_with = "or_default")]
    pub doc_id: String,
    /// The 10-K item.
    #[serde(deserialize_with = "or_default")]
    pub section: String,
    /// The sentences, in reading order.
    #[serde(deserialize_with = "or_default")]
    pub sentences: Vec<Neighbour>,
}

/// A sentence among its neighbours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Neighbour {
    /// Place within the section.
    pub position: i64,
    /// The sentence.
    #[serde(deserialize_with = "or_default")]
    pub text: String,
    /// Whether it is the one asked for.
    pub hit: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_originals_response_is_enough() {
        let body = r#"{"query":"q","answer":"a","context":"long","metadata":{"llm":{"model_id":"m","input_tokens":5,
            "output_tokens":2,"total_tokens":7,"cost":0.01,"stop_reason":null},"context":null,"timestamp":"t",
            "processing_time_ms":12.5},"sources":null,"kpi":null}"#;
        let response: QueryResponse = serde_json::from_str(body).expect("reads");
        assert_eq!((response.answer.as_str(), response.metadata.llm.input_tokens), ("a", 5));
        assert_eq!(response.metadata.processing_time_ms, Some(12.5));
        assert!(serde_json::from_str::<QueryResponse>(r#"{"detail":"no answer here"}"#).is_err());
    }

    #[test]
    fn a_kind_from_the_future_is_still_a_source() {
        let source: Source = serde_json::from_str(r#"{"n":1,"kind":"tweet"}"#).expect("reads");
        assert_eq!(source.kind, SourceKind::Other);
    }

    #[test]
    fn events_are_read_by_type() {
        let stage =
            StreamEvent::parse("stage", r#"{"stage":"retrieve","elapsed_ms":3.5,"detail":{"hits":30}}"#);
        assert_eq!(
            stage.expect("reads"),
            StreamEvent::Stage {
                stage: "retrieve".into(),
                elapsed_ms: 3.5,
                detail: Some(r#"{"hits":30}"#.into())
            }
        );
        assert_eq!(StreamEvent::parse("weather", "?").expect("skips"), StreamEvent::Unknown);
        assert!(StreamEvent::parse("done", "{").is_err());
    }
}
