//! What is said on the line.

use std::sync::Arc;

use dormouse_model::{RouteTable, ServiceKey, Target, TrafficReport, WakeRefused};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;
use tokio_util::{
    bytes::{Bytes, BytesMut},
    codec::{Framed, LengthDelimitedCodec},
};

/// A table of ten thousand services is about 4 MB of JSON.
const MAX_MESSAGE: usize = 64 << 20;

/// Control speaks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToEdge {
    /// Serve by this from now on.
    Table(Arc<RouteTable>),
    /// The answer to a call for a wake.
    Woken { call: u64, result: Result<Vec<Target>, WakeRefused> },
}

/// The edge speaks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToControl {
    /// What was carried, and which table is in force.
    Traffic(TrafficReport),
    /// A request is held for this service.
    Wake { call: u64, service: ServiceKey },
}

pub(crate) type Line = Framed<UnixStream, LengthDelimitedCodec>;

pub(crate) fn line(stream: UnixStream) -> Line {
    LengthDelimitedCodec::builder().max_frame_length(MAX_MESSAGE).new_framed(stream)
}

/// Send one message.
pub(crate) async fn send<M: Serialize>(
    sink: &mut (impl Sink<Bytes, Error = std::io::Error> + Unpin),
    message: &M,
) -> std::io::Result<()> {
    let frame = serde_json::to_vec(message).map_err(std::io::Error::other)?;
    sink.send(frame.into()).await
}

/// The next message; `None` when the other end has gone.
pub(crate) async fn next<M: DeserializeOwned>(
    stream: &mut (impl Stream<Item = std::io::Result<BytesMut>> + Unpin),
) -> std::io::Result<Option<M>> {
    match stream.next().await {
        None => Ok(None),
        Some(frame) => serde_json::from_slice(&frame?).map(Some).map_err(std::io::Error::other),
    }
}
