//! A request that comes again, because its answer broke off, is not carried out again.

use std::time::Duration;

use dormouse_backend::{Builds, Workloads};
use dormouse_model::{DeploymentId, ServiceKey};

use crate::{Control, OpError};

/// A name of a client's own choice for one request, the same each time it asks; letters, digits and dashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

/// Longest of them.
const LONGEST: usize = 64;

/// For how long they are remembered. A client asks again for a minute.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// Why a text is no [`RequestId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a request's name has one to {LONGEST} letters, digits and dashes")]
pub struct NoRequestId;

impl std::str::FromStr for RequestId {
    type Err = NoRequestId;

    fn from_str(text: &str) -> Result<Self, NoRequestId> {
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(good);
        fits.then(|| Self(text.to_owned())).ok_or(NoRequestId)
    }
}

impl RequestId {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How far a request has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Come {
    /// It was never heard of.
    New,
    /// What it keeps is kept; nothing was replaced for it yet.
    Kept,
    /// These deployments are on their way because of it, or were.
    Replaces(Vec<(ServiceKey, DeploymentId)>),
}

impl<W: Workloads, B: Builds> Control<W, B> {
    /// How far a request has come. Two of the same name are not looked at at the same time: whoever asks has the turn.
    pub(super) async fn come(&self, request: Option<&RequestId>) -> Result<Come, OpError> {
        let Some(request) = request.cloned() else { return Ok(Come::New) };
        Ok(self.store.write(move |tx| tx.come(&request)).await?)
    }
}
