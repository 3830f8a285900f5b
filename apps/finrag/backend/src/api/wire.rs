//! Bodies of answers. Names and nesting are those of the service this one stands in for; what it did not have comes
//! beside them.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::answer::{Asked, Kpi, Outcome, Source};

/// The answer to a query.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct QueryResponse {
    /// The question.
    pub query: String,
    /// The answer; `[n]` cites source `n`, and a footer lists them.
    pub answer: String,
    /// Figures and passages it was written from.
    pub context: String,
    /// How it came about.
    pub metadata: Metadata,
    /// What the answer cites.
    pub sources: Vec<Source>,
    /// Figures for a chart, when figures were looked up.
    pub kpi: Option<Kpi>,
}

/// How an answer came about.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Metadata {
    /// The model's part.
    pub llm: LlmMetadata,
    /// The data's part.
    pub context: ContextMetadata,
    /// When it was ready, in UTC.
    pub timestamp: String,
    /// From request to answer.
    pub processing_time_ms: f64,
}

/// The model's part of an answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LlmMetadata {
    /// The provider's name for the model; `extractive` without one.
    pub model_id: String,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Both.
    pub total_tokens: u64,
    /// US dollars.
    pub cost: f64,
    /// Why it stopped: the provider's word, or `extractive`, `out_of_scope`, `no_context`.
    pub stop_reason: String,
}

/// The data's part of an answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ContextMetadata {
    /// Whether there are figures in the context.
    pub kpi_included: bool,
    /// Whether there are passages in the context.
    pub rag_included: bool,
    /// Characters of the context.
    pub context_length: usize,
    /// What figures were looked up for.
    #[schema(value_type = Option<Object>)]
    pub kpi_entities: Option<Value>,
    /// What sentences were searched for.
    #[schema(value_type = Option<Object>)]
    pub rag_entities: Option<Value>,
    /// Stage timings in milliseconds, candidate counts, and what the check of the citations found.
    #[schema(value_type = Option<Object>)]
    pub retrieval_stats: Option<Value>,
}

/// Milliseconds with three decimals, which is all that is measured.
pub(super) fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Stage names and milliseconds.
pub(super) fn stages(outcome: &Outcome) -> Value {
    let stages: Map<String, Value> =
        outcome.stages.iter().map(|(name, took)| (format!("{name}_ms"), json!(millis(*took)))).collect();
    Value::Object(stages)
}

impl QueryResponse {
    pub(super) fn new(asked: &Asked, outcome: Outcome, elapsed_ms: f64) -> Self {
        let entities = crate::answer::entities(&outcome.understanding);
        let mut stats = json!({
            "stages": stages(&outcome),
            "embedding": outcome.embedding,
            "tokens_estimated": outcome.estimated,
            "citations": {
                "cited": outcome.sources.len(),
                "unknown_removed": outcome.unknown_citations,
                "uncited_statements": outcome.uncited_statements,
                "links_removed": outcome.removed_links,
                "unfounded_numbers": outcome.unfounded_numbers,
            },
        });
        let found = outcome.retrieval.as_ref().and_then(|stats| serde_json::to_value(stats).ok());
        if let (Some(stats), Some(Value::Object(found))) = (stats.as_object_mut(), found) {
            stats.extend(found);
        }
        let facts = outcome.block.as_ref().map_or(0, |block| block.facts.len());
        let with = |key: &str, count: usize| {
            let mut entities = entities.clone();
            entities[key] = json!(count);
            entities
        };
        let kpi_entities = outcome.block.as_ref().map(|_| with("facts", facts));
        let rag_entities = outcome.retrieval.as_ref().map(|stats| with("sentences", stats.sentences));
        let usage = outcome.usage;
        Self {
            query: asked.question.clone(),
            metadata: Metadata {
                llm: LlmMetadata {
                    model_id: asked.model.model_id.clone(),
                    input_tokens: usage.input,
                    output_tokens: usage.output,
                    total_tokens: usage.input + usage.output,
                    cost: asked.model.cost(usage),
                    stop_reason: outcome.stop_reason,
                },
                context: ContextMetadata {
                    kpi_included: facts > 0,
                    rag_included: outcome.retrieval.as_ref().is_some_and(|stats| stats.passages > 0),
                    context_length: outcome.context.chars().count(),
                    kpi_entities,
                    rag_entities,
                    retrieval_stats: Some(stats),
                },
                timestamp: Timestamp::now().to_string(),
                processing_time_ms: (elapsed_ms * 1000.0).round() / 1000.0,
            },
            answer: asked.text.write(outcome.answer),
            context: outcome.context,
            sources: outcome.sources,
            kpi: outcome.kpi,
        }
    }
}
