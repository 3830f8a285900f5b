//! One request, one connection.

use std::{io, path::Path, time::Duration};

use bytes::Bytes;
use futures_util::{Stream as Streaming, StreamExt, TryStreamExt};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;

use super::NdJson;
use crate::{Error, ErrorBody, GIVEN_AND_TAR, Given};

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An answer that is not a stream is small; more than this is not ours.
const MAX_JSON: usize = 16 << 20;

/// How often a question is asked whose answer breaks off, and the pause in between.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// A path segment, percent-encoded: a name typed by a user may hold anything.
pub(super) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-_~".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

/// `?a=b&c=d` of a flat structure; fields that are null are left out.
fn query_string(query: &impl Serialize) -> Result<String, Error> {
    let value = serde_json::to_value(query).map_err(Error::broken)?;
    let pairs = value.as_object().into_iter().flatten().filter_map(|(k, v)| {
        let text = match v {
            serde_json::Value::String(s) => s.clone(),
            serde_json::Value::Null => return None,
            serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::Array(_)
            | serde_json::Value::Object(_) => v.to_string(),
        };
        Some(format!("{}={}", segment(k), segment(&text)))
    });
    let joined = pairs.collect::<Vec<_>>().join("&");
    Ok(if joined.is_empty() { joined } else { format!("?{joined}") })
}

pub(super) async fn json<T: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
    query: &impl Serialize,
) -> Result<T, Error> {
    let mut tries = 1;
    loop {
        let asked =
            async { read_json(send(socket, method.clone(), path, query, None, empty()).await?).await };
        match asked.await {
            Err(error) if tries < LOOKS && passes(&error, &method) => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

/// Whether asking again may help, and does no harm. A server that was killed while it answered is started again at once, and
/// looking changes nothing. One that is stopping, as when another takes over, refuses what its successor does a moment later.
fn passes(error: &Error, method: &Method) -> bool {
    match error {
        Error::Broken { .. } => *method == Method::GET,
        Error::Server { status, .. } => *status == 503,
        Error::Unreachable { .. } => false,
    }
}

pub(super) async fn upload<T: DeserializeOwned>(
    socket: &Path,
    path: &str,
    query: &impl Serialize,
    given: &Given,
    tar: impl Streaming<Item = io::Result<Bytes>> + Send + 'static,
) -> Result<T, Error> {
    let json = serde_json::to_vec(given).map_err(Error::broken)?;
    let size = u32::try_from(json.len()).map_err(Error::broken)?;
    let head = [&size.to_be_bytes()[..], &json].concat();
    let whole = futures_util::stream::iter([Ok(Bytes::from(head))]).chain(tar);
    let body = StreamBody::new(whole.map_ok(Frame::data)).boxed_unsync();
    let answer = send(socket, Method::POST, path, query, Some(GIVEN_AND_TAR), body).await?;
    read_json(answer).await
}

pub(super) async fn stream<T>(socket: &Path, path: &str, query: &impl Serialize) -> Result<NdJson<T>, Error> {
    let answer = send(socket, Method::GET, path, query, None, empty()).await?;
    Ok(NdJson::new(answer.into_body()))
}

pub(super) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Send, and turn an answer that is not a success into an error.
pub(super) async fn send(
    socket: &Path,
    method: Method,
    path: &str,
    query: &impl Serialize,
    content: Option<&str>,
    body: Body,
) -> Result<Response<Incoming>, Error> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|source| Error::Unreachable { socket: socket.to_owned(), source })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(Error::broken)?;
    // Ends when the answer's body has been read or dropped.
    tokio::spawn(connection);
    let mut request = Request::builder();
    if let Some(content) = content {
        request = request.header(http::header::CONTENT_TYPE, content);
    }
    let request = request
        .method(method)
        .uri(format!("{path}{}", query_string(query)?))
        .header(http::header::HOST, "dormouse")
        .header(http::header::CONNECTION, "close")
        .body(body)
        .map_err(Error::broken)?;
    let answer = sender.send_request(request).await.map_err(Error::broken)?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status();
    let bytes = read(answer).await?;
    let body: ErrorBody = serde_json::from_slice(&bytes).unwrap_or_else(|_| ErrorBody {
        error: format!("the server answered {status}"),
        hint: None,
        code: None,
    });
    Err(Error::Server { status: status.as_u16(), error: body.error, hint: body.hint, code: body.code })
}

pub(super) async fn read(answer: Response<Incoming>) -> Result<Bytes, Error> {
    let body = http_body_util::Limited::new(answer.into_body(), MAX_JSON);
    Ok(body.collect().await.map_err(Error::broken)?.to_bytes())
}

async fn read_json<T: DeserializeOwned>(answer: Response<Incoming>) -> Result<T, Error> {
    serde_json::from_slice(&read(answer).await?).map_err(Error::broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogQuery;

    #[test]
    fn queries() {
        let query = LogQuery {
            service: Some("a b&c".into()),
            since_ms: Some(5),
            follow: true,
            ..LogQuery::default()
        };
        assert_eq!(query_string(&query).unwrap(), "?follow=true&platform=false&service=a%20b%26c&since_ms=5");
        assert_eq!(segment("../x"), "%2E%2E%2Fx");
    }
}
