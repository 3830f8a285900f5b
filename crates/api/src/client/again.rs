//! Asking until there is an answer: a server whose control was killed works on, and is asked again once it is back.

use std::{
    hash::{BuildHasher, RandomState},
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt, Full};
use serde::{Serialize, de::DeserializeOwned};

use super::send::{empty, read, send};
use crate::{Affected, Error};

/// Pause before asking again.
const PAUSE: Duration = Duration::from_millis(300);

/// How long a server may be away before nobody asks any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that has worked on a request for this long was there.
const THERE: Duration = Duration::from_secs(10);

/// A name for one request, which no other has.
pub(super) fn name() -> String {
    // Each of these has keys from the system's source of random numbers.
    let part = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", part(), part())
}

/// Ask until there is an answer. Only for what may be asked twice: because it is the same then, or because it has a name.
pub(super) async fn until_answered<T: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
    query: &impl Serialize,
    json: Option<Bytes>,
) -> Result<T, Error> {
    let (answer, _) = ask(socket, method, path, query, json).await;
    serde_json::from_slice(&answer?).map_err(Error::broken)
}

/// The same of something that is to go. When it is not there any more once the server is back, it has gone.
pub(super) async fn until_gone(
    socket: &Path,
    path: &str,
    query: &impl Serialize,
    project: &str,
) -> Result<Affected, Error> {
    match ask(socket, Method::DELETE, path, query, None).await {
        (Err(Error::Server { status: 404, .. }), true) => {
            Ok(Affected { project: project.to_owned(), services: Vec::new() })
        }
        (answer, _) => serde_json::from_slice(&answer?).map_err(Error::broken),
    }
}

/// The answer, and whether it was asked for more than once.
async fn ask(
    socket: &Path,
    method: Method,
    path: &str,
    query: &impl Serialize,
    json: Option<Bytes>,
) -> (Result<Bytes, Error>, bool) {
    let (mut away, mut again) = (None, false);
    loop {
        let (body, kind) = match &json {
            Some(json) => {
                let body = Full::new(json.clone()).map_err(|never| match never {}).boxed_unsync();
                (body, Some("application/json"))
            }
            None => (empty(), None),
        };
        let begun = Instant::now();
        let asked = async { read(send(socket, method.clone(), path, query, kind, body).await?).await };
        match asked.await {
            Err(error) if passes(&error, again) => {
                again = true;
                if begun.elapsed() >= THERE {
                    away = None;
                }
                if away.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    return (Err(error), again);
                }
                tokio::time::sleep(PAUSE).await;
            }
            answer => return (answer, again),
        }
    }
}

/// Whether asking again may help: it was killed, or is stopping because another takes over. Where none was there at first, none
/// will come.
fn passes(error: &Error, again: bool) -> bool {
    match error {
        Error::Broken { .. } => true,
        Error::Server { status, .. } => *status == 503,
        Error::Unreachable { .. } => again,
    }
}
