//! Who asks, and what they may.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};

use dormouse_control::DeployId;

use crate::error::Refused;

/// Who asks. Whoever can open the socket owns the server; there is nobody else yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Principal {
    /// The user the server runs as.
    LocalOwner,
}

impl Principal {
    /// Whether it may bring projects here.
    pub(crate) fn may_deploy(self) -> Result<(), Refused> {
        match self {
            Self::LocalOwner => Ok(()),
        }
    }

    /// Whether it may see what a deploy does.
    pub(crate) fn may_follow(self, _deploy: DeployId) -> Result<(), Refused> {
        match self {
            Self::LocalOwner => Ok(()),
        }
    }

    /// Every handler asks here before it touches a project.
    pub(crate) fn may_use(self, _project: &str) -> Result<(), Refused> {
        match self {
            Self::LocalOwner => Ok(()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Infallible;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::LocalOwner)
    }
}
