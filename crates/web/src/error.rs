//! The one place where a refusal becomes HTTP.

use axum::{
    Json,
    extract::rejection::{JsonRejection, PathRejection, QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use dormouse_api::{ErrorBody, ErrorCode};
use dormouse_control::OpError;
use dormouse_model::WakeRefused;

/// An answer that is not a success.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    body: ErrorBody,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, message: &str) -> Self {
        Self { status, body: ErrorBody::from_message(message) }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

impl From<OpError> for Refused {
    fn from(error: OpError) -> Self {
        let mut refused = Self::new(status(&error), &error.to_string());
        refused.body.code = matches!(error, OpError::NameTaken { .. }).then_some(ErrorCode::NameTaken);
        refused
    }
}

fn status(error: &OpError) -> StatusCode {
    match error {
        OpError::Name(_) | OpError::Manifest(_) | OpError::Variable(_) => StatusCode::UNPROCESSABLE_ENTITY,
        OpError::Source(_) => StatusCode::BAD_REQUEST,
        OpError::NoSuchProject { .. }
        | OpError::NoSuchService { .. }
        | OpError::NoSuchDeploy(_)
        | OpError::NeverDeployed(_) => StatusCode::NOT_FOUND,
        OpError::Wake { refused, .. } | OpError::Replace { refused, .. } => match refused {
            WakeRefused::Unknown => StatusCode::NOT_FOUND,
            WakeRefused::Crashed { .. } => StatusCode::CONFLICT,
            WakeRefused::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        },
        OpError::Removing(_)
        | OpError::NameTaken { .. }
        | OpError::DeployOver(_)
        | OpError::NothingBuilt(_)
        | OpError::Job(_)
        | OpError::StaysAwake { .. } => StatusCode::CONFLICT,
        OpError::Kept(failed) => status(failed),
        OpError::Full(_) | OpError::DiskFull { .. } => StatusCode::INSUFFICIENT_STORAGE,
        OpError::Store(_) | OpError::Workload(_) | OpError::File { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        OpError::StillRuns(_) => StatusCode::GATEWAY_TIMEOUT,
        OpError::Closing => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl From<QueryRejection> for Refused {
    fn from(error: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, &error.body_text())
    }
}

impl From<JsonRejection> for Refused {
    fn from(error: JsonRejection) -> Self {
        Self::new(error.status(), &error.body_text())
    }
}

impl From<PathRejection> for Refused {
    fn from(error: PathRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, &error.body_text())
    }
}

pub(crate) async fn no_such_call() -> Refused {
    let message =
        "there is no such call\n  hint: the client may be newer than the server; restart the server";
    Refused::new(StatusCode::NOT_FOUND, message)
}
