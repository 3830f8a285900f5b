//! What is said on the line.
//!
//! The two ends may be of different releases: while a server takes over from another, the old edge goes on with the new
//! control. So a field that is not known is ignored, one that is new has a default, and a message that cannot be read is
//! skipped by who reads it. Who cannot do without the other's answer to something new asks for its version first.

use std::sync::Arc;

use dormouse_model::{EdgeId, RouteChange, RouteTable, ServiceKey, Target, TrafficReport, WakeRefused};
use dormouse_runtime::Process;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;
use tokio_util::{
    bytes::{Bytes, BytesMut},
    codec::{Framed, LengthDelimitedCodec},
};
use tracing::warn;

/// A table of ten thousand services is about 4 MB of JSON.
const MAX_MESSAGE: usize = 64 << 20;

/// What we speak. Grows when a message is added that the other end must understand.
pub(crate) const VERSION: u32 = 2;

/// Edges that speak this, or more, understand [`ToEdge::Change`].
pub(crate) const CHANGES: u32 = 2;

/// Control speaks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToEdge {
    /// The first message.
    Hello {
        /// What control speaks.
        version: u32,
    },
    /// Serve by this from now on.
    Table(Arc<RouteTable>),
    /// The same, told by what is different from the table that was told last.
    Change(RouteChange),
    /// The answer to a call for a wake.
    Woken { call: u64, result: Result<Vec<Target>, WakeRefused> },
}

/// The edge speaks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToControl {
    /// The first message: who speaks. Control shows no table before it.
    Hello {
        /// What the edge speaks.
        version: u32,
        /// The edge itself: its connections are known to be gone when it is.
        process: Process,
        /// Which edge it is: a number that it has drawn. Releases that draw none are known by their process.
        #[serde(default)]
        edge: Option<EdgeId>,
    },
    /// What was carried, and which table is in force.
    Traffic(TrafficReport),
    /// A change did not fit: tell the whole table.
    Resync,
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

/// The next message that we understand; `None` when the other end has gone.
pub(crate) async fn next<M: DeserializeOwned>(
    stream: &mut (impl Stream<Item = std::io::Result<BytesMut>> + Unpin),
) -> std::io::Result<Option<M>> {
    while let Some(frame) = stream.next().await {
        match serde_json::from_slice(&frame?) {
            Ok(message) => return Ok(Some(message)),
            Err(error) => warn!(%error, "the other end says something we do not understand"),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// Frames as another release may send them, and what is understood.
    async fn check<M: DeserializeOwned>(frames: &[&str], show: impl Fn(M) -> String, expected: &Expect) {
        let (mine, theirs) = UnixStream::pair().unwrap();
        let (mut theirs, mut mine) = (line(theirs), line(mine));
        for frame in frames {
            theirs.send(Bytes::copy_from_slice(frame.as_bytes())).await.unwrap();
        }
        drop(theirs);
        let mut out = String::new();
        while let Some(message) = next(&mut mine).await.unwrap() {
            out += &(show(message) + "\n");
        }
        expected.assert_eq(&out);
    }

    #[tokio::test]
    async fn what_another_release_says() {
        check(
            &[
                r#"{"hello":{"version":9,"process":{"pid":7,"start_ticks":8,"boot":"b","cgroup":"new"},"colour":"new"}}"#,
                r#"{"hello":{"version":9,"process":{"pid":7,"start_ticks":8,"boot":"b"},"edge":18446744073709551615}}"#,
                r#"{"sing":{"song":"new"}}"#,
                r#"{"traffic":{"generation":5,"instances":{"1":{"in_flight":1,"connections":2,
                   "last_client_byte":3,"last_instance_byte":null,"smell":"new"}},"weather":"new"}}"#,
                r#""resync""#,
                r#"{"wake":{"call":1,"service":"shop/web","why":"new"}}"#,
            ],
            |message| match message {
                ToControl::Hello { version, process, edge } => {
                    format!("hello {version} of {}, {edge:?}", process.pid())
                }
                ToControl::Traffic(report) => {
                    let one = report.instances[&dormouse_model::InstanceId(1)];
                    format!("{}: {} in flight, {:?}", report.generation, one.in_flight, one.last_client_byte)
                }
                ToControl::Resync => "resync".to_owned(),
                ToControl::Wake { call, service } => format!("{call}: wake {service}"),
            },
            &expect![[r#"
                hello 9 of 7, None
                hello 9 of 7, Some(e18446744073709551615)
                5: 1 in flight, Some(Time(3))
                resync
                1: wake shop/web
            "#]],
        )
        .await;
        check(
            &[
                r#"{"hello":{"version":9,"colour":"new"}}"#,
                r#"{"drum":{}}"#,
                r#"{"table":{"generation":5,"hosts":{"a.localhost":{"service":"shop/web","tls":"new"}},"listeners":[],
                   "endpoints":{"shop/web":{"state":"ready","targets":[
                   {"instance":1,"addr":"10.0.0.1:80","asleep":false,"weight":"new"}],"policy":"new"}},"zones":[],"certs":"new"}}"#,
                r#"{"change":{"from":5,"to":6,"endpoints":{"shop/web":null},"certs":{"a":"new"}}}"#,
                r#"{"woken":{"call":1,"result":{"Ok":[]},"how":"new"}}"#,
            ],
            |message| match message {
                ToEdge::Hello { version } => format!("hello {version}"),
                ToEdge::Table(table) => format!("table {}: {:?}", table.generation, table.endpoints),
                ToEdge::Change(change) => format!("{} to {}: {:?}", change.from, change.to, change.endpoints),
                ToEdge::Woken { call, result } => format!("{call}: {result:?}"),
            },
            &expect![[r#"
                hello 9
                table 5: {shop/web: Ready { targets: [Target { instance: i1, addr: 10.0.0.1:80, asleep: false }] }}
                5 to 6: {shop/web: None}
                1: Ok([])
            "#]],
        )
        .await;
    }
}
