//! Errors in the one shape every endpoint answers with.

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Failure;
use crate::querylog::Trouble;

/// The body of every error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErrorBody {
    /// The question, or what else was asked for; empty when it could not be read.
    pub query: String,
    /// What went wrong, for people.
    pub error: String,
    /// What went wrong, for programs.
    pub error_type: String,
    /// The part of the work that failed.
    pub stage: String,
    /// When, in UTC.
    pub timestamp: String,
}

/// An error with its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body; boxed, since errors are rare and results are not.
    pub body: Box<ErrorBody>,
}

impl ApiError {
    fn new(status: StatusCode, query: &str, kind: &str, stage: &str, error: impl Into<String>) -> Self {
        Self {
            status,
            body: Box::new(ErrorBody {
                query: query.to_owned(),
                error: error.into(),
                error_type: kind.to_owned(),
                stage: stage.to_owned(),
                timestamp: Timestamp::now().to_string(),
            }),
        }
    }

    /// The request is not what the endpoint takes.
    pub(super) fn invalid(query: &str, error: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, query, "ValidationError", "request_validation", error)
    }

    /// The body could not be taken in.
    pub(super) fn unreadable(rejection: &BytesRejection) -> Self {
        Self::new(rejection.status(), "", "ValidationError", "request_validation", rejection.body_text())
    }

    /// The data is not loaded yet.
    pub(super) fn not_ready(query: &str, trouble: Option<&str>) -> Self {
        let error = match trouble {
            None => "the data is being loaded; ask again in a moment".to_owned(),
            Some(trouble) => format!("the data is not loaded yet and is tried again: {trouble}"),
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, query, "NotReady", "initialization", error)
    }

    /// There is nothing of that name.
    pub(super) fn not_found(query: &str, error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, query, "NotFound", "lookup", error)
    }

    /// Something of ours broke.
    pub(super) fn internal(query: &str, stage: &str, error: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, query, "InternalError", stage, error)
    }

    /// There is no answer.
    pub(super) fn failure(query: &str, failure: &Failure) -> Self {
        match failure {
            Failure::Llm(error) => {
                Self::new(StatusCode::BAD_GATEWAY, query, error.kind(), error.stage(), error.to_string())
            }
            Failure::Broke { stage, reason } => Self::internal(query, stage, reason.as_str()),
            Failure::Gone => Self::internal(query, "response", failure.to_string()),
        }
    }

    /// The error as the query log keeps it.
    pub(super) fn trouble(&self) -> Trouble {
        Trouble {
            kind: self.body.error_type.clone(),
            stage: self.body.stage.clone(),
            message: self.body.error.clone(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

pub(super) async fn no_route(uri: Uri) -> ApiError {
    let error = format!("there is no {}\nhint: GET /docs lists what there is", uri.path());
    ApiError::new(StatusCode::NOT_FOUND, uri.path(), "NotFound", "routing", error)
}

pub(super) async fn no_method(method: Method, uri: Uri) -> ApiError {
    let error = format!("{} does not take {method}\nhint: GET /docs says what it takes", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, uri.path(), "MethodNotAllowed", "routing", error)
}
