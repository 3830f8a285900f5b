//! What rows hold as JSON, with the version of its shape beside it, and how an older one becomes a newer one.
//!
//! Whoever changes what a body looks like gives it the next version here and a step from the one before, and freezes what it looks
//! like then (`frozen/`); a test says so. A body of a newer version than this one is set aside like any that cannot be read.

use dormouse_model::{
    Ask, Serves,
    server::{How, Server},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::StoreError;

/// A kind of body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// What is deployed of a project, or was to be.
    Project,
    /// Where it came from.
    Origin,
    /// What a build made.
    Outcome,
    Deployment,
    /// How instances ended.
    Ends,
    /// How a service notices sleep: by its processes or by its pages.
    Watchdog,
    /// What its versions answered.
    Answers,
}

impl Body {
    #[cfg(test)]
    pub(super) const ALL: [Self; 7] = [
        Self::Project,
        Self::Origin,
        Self::Outcome,
        Self::Deployment,
        Self::Ends,
        Self::Watchdog,
        Self::Answers,
    ];

    /// The version that is written. 0 is what was written before there were any, whatever its shape.
    pub(super) const fn version(self) -> u32 {
        match self {
            Self::Project
            | Self::Origin
            | Self::Outcome
            | Self::Deployment
            | Self::Ends
            | Self::Watchdog
            | Self::Answers => 1,
        }
    }

    /// From one version to the next.
    fn step(self, from: u32, mut body: Value) -> Value {
        match (self, from) {
            (Self::Project, 0) => {
                let services = body.get_mut("services").and_then(Value::as_object_mut);
                services.into_iter().flat_map(Map::values_mut).for_each(asks);
            }
            (Self::Deployment, 0) => body.get_mut("spec").into_iter().for_each(asks),
            // Fields that were not written yet have defaults where they are declared.
            (
                Self::Project
                | Self::Origin
                | Self::Outcome
                | Self::Deployment
                | Self::Ends
                | Self::Watchdog
                | Self::Answers,
                _,
            ) => {}
        }
        body
    }
}

/// Health was a path and a flag.
fn asks(service: &mut Value) {
    let Some(health) = service.get_mut("health").and_then(Value::as_object_mut) else { return };
    if health.contains_key("ask") {
        return;
    }
    let speaks = health.remove("speaks_http") == Some(Value::Bool(true));
    let (ask, server) = match health.remove("path") {
        Some(Value::String(path)) => (Ask::Path(path), None),
        Some(_) | None if speaks => (Ask::default(), Some(Serves { by: Server::Other, how: How::Command })),
        Some(_) | None => (Ask::Connection, None),
    };
    // What cannot be written is missed when it is read.
    health.extend(serde_json::to_value(ask).map(|ask| ("ask".to_owned(), ask)));
    health.extend(serde_json::to_value(server).map(|server| ("server".to_owned(), server)));
}

/// What a row holds, and the version of its shape.
pub(super) fn write<T: Serialize + ?Sized>(body: Body, value: &T) -> Result<(String, u32), StoreError> {
    Ok((serde_json::to_string(value)?, body.version()))
}

/// What a row of this version holds, in today's shape.
///
/// # Errors
/// When it is of a newer version, or of another shape than it says.
pub(super) fn read<T: DeserializeOwned>(body: Body, version: u32, text: &str) -> Result<T, StoreError> {
    match version {
        // The usual case without the detour.
        same if same == body.version() => Ok(serde_json::from_str(text)?),
        _ => of_value(body, version, serde_json::from_str(text)?),
    }
}

/// The same of what is JSON already.
pub(super) fn of_value<T: DeserializeOwned>(
    body: Body,
    version: u32,
    mut value: Value,
) -> Result<T, StoreError> {
    let known = body.version();
    if version > known {
        return Err(StoreError::NewerBody { found: version, known });
    }
    for from in version..known {
        value = body.step(from, value);
    }
    Ok(serde_json::from_value(value)?)
}
