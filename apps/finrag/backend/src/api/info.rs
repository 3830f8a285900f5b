//! What the service is, whether it can answer, and what is in its data.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::error::{ApiError, ErrorBody};
use crate::llm::{Model, ModelView};

/// The body of `GET /`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Root {
    service: &'static str,
    version: &'static str,
    status: &'static str,
    docs: &'static str,
    health: &'static str,
}

/// Says what this is.
#[utoipa::path(get, path = "/", tag = "service", responses((status = 200, body = Root)))]
pub(super) async fn root() -> Json<Root> {
    Json(Root {
        service: "FinRAG API",
        version: env!("CARGO_PKG_VERSION"),
        status: "running",
        docs: "/docs",
        health: "/health",
    })
}

/// The body of `GET /health`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `healthy`, or `starting` until the data is loaded.
    status: &'static str,
    /// Whether the data is loaded.
    model_root_exists: bool,
    /// Whether AWS credentials seem to be configured.
    aws_configured: bool,
    /// When, in UTC.
    timestamp: String,
    /// Why loading has not succeeded yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

/// Says whether the service can answer. Never waits for anything, and is 200 while the data is being loaded.
#[utoipa::path(get, path = "/health", tag = "service", responses((status = 200, body = Health)))]
pub(super) async fn health(State(state): State<AppState>) -> Json<Health> {
    let loaded = state.keeper.current().is_some();
    Json(Health {
        status: if loaded { "healthy" } else { "starting" },
        model_root_exists: loaded,
        aws_configured: state.aws_configured,
        timestamp: Timestamp::now().to_string(),
        trouble: state.keeper.trouble().map(|words| words.to_string()),
    })
}

/// The body of `GET /meta`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Meta {
    /// What the data is, where its maker says.
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    companies: Vec<CompanyMeta>,
    sections: Vec<SectionMeta>,
    metrics: Vec<MetricMeta>,
    /// The default first.
    models: Vec<ModelView>,
    /// Number of sentences.
    rows: usize,
    /// Number of facts.
    facts: usize,
    /// Number of vectors; 0 when retrieval is BM25 alone.
    vectors: usize,
}

/// A company in the data.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CompanyMeta {
    ticker: String,
    name: String,
    cik: u64,
    /// Ascending.
    years: Vec<i32>,
    /// Number of sentences.
    rows: usize,
}

/// A 10-K item in the data.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SectionMeta {
    /// As in `ITEM_1A`.
    item: String,
    /// As in `Item 1A: Risk Factors`.
    name: String,
    /// Number of sentences.
    rows: usize,
}

/// A metric in the data.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MetricMeta {
    key: String,
    label: String,
    unit: String,
    /// Number of facts.
    facts: usize,
}

/// Says what questions can be about.
#[utoipa::path(
    get,
    path = "/meta",
    tag = "data",
    responses((status = 200, body = Meta), (status = 503, description = "Not loaded yet", body = ErrorBody))
)]
pub(super) async fn meta(State(state): State<AppState>) -> Result<Json<Meta>, ApiError> {
    let Some(data) = state.keeper.current() else {
        let trouble = state.keeper.trouble();
        return Err(ApiError::not_ready("/meta", trouble.as_ref().map(|words| words.as_str())));
    };
    let summary = &data.summary;
    Ok(Json(Meta {
        about: summary.about.clone(),
        companies: summary
            .companies
            .iter()
            .map(|company| CompanyMeta {
                ticker: company.ticker.clone(),
                name: company.name.clone(),
                cik: company.cik,
                years: company.years.clone(),
                rows: company.rows,
            })
            .collect(),
        sections: summary
            .sections
            .iter()
            .map(|section| SectionMeta {
                item: section.item.clone(),
                name: section.name.clone(),
                rows: section.rows,
            })
            .collect(),
        metrics: summary
            .metrics
            .iter()
            .map(|metric| MetricMeta {
                key: metric.key.clone(),
                label: metric.label.clone(),
                unit: metric.unit.clone(),
                facts: metric.facts,
            })
            .collect(),
        models: state.answerer.catalogue.models().iter().map(Model::view).collect(),
        rows: summary.rows,
        facts: summary.facts,
        vectors: summary.vectors,
    }))
}
