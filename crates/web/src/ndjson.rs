//! Answers that go on: a line of JSON for each thing.

use std::{future::Future, io};

use axum::{
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;

/// Something that hands out items in batches, until it has no more.
pub(crate) trait Batches: Send + 'static {
    type Item: Serialize;
    fn next(&mut self) -> impl Future<Output = io::Result<Option<Vec<Self::Item>>>> + Send;
}

/// An answer that goes on until `batches` has no more or the client has left.
pub(crate) fn answer(batches: impl Batches) -> Response {
    let lines = stream::try_unfold(batches, |mut batches| async move {
        let Some(items) = batches.next().await? else { return Ok::<_, io::Error>(None) };
        let mut text = Vec::new();
        for item in items {
            serde_json::to_writer(&mut text, &item)?;
            text.push(b'\n');
        }
        Ok(Some((Bytes::from(text), batches)))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}
