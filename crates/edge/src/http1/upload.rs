//! Bodies of clients on their way to an instance, counted and never collected.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::timeout;

use super::{headers::clean_trailers, pace::Pace, watch::ConnState};
use crate::{EdgeSettings, ctx::InstanceStats};

/// Longest wait for the first bytes of a body before an instance is woken for it; who wants an answer first gets one.
const FIRST: Duration = Duration::from_secs(1);
/// Longest wait for what comes right behind them.
const NEXT: Duration = Duration::from_millis(5);
/// Most bytes read ahead.
const AHEAD: usize = 64 * 1024;

/// A client's body, perhaps with its beginning read ahead.
#[derive(Debug)]
pub(crate) struct ClientBody {
    ahead: VecDeque<Frame<Bytes>>,
    rest: Incoming,
    pace: Pace,
    client: Arc<ConnState>,
    /// Set when the client is at fault. Outlives the body: whoever sent it on has it no more when that shows.
    fault: Arc<OnceLock<Fault>>,
}

/// What a client may do wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What it sends is none.
    Broken,
    TooSlow,
}

/// Why an instance does not get the rest of a body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CutOff {
    #[error(transparent)]
    Broken(#[from] hyper::Error),
    #[error("it comes too slowly")]
    TooSlow,
}

impl ClientBody {
    pub(crate) fn new(rest: Incoming, client: Arc<ConnState>, settings: &EdgeSettings) -> Self {
        Self { ahead: VecDeque::new(), rest, pace: Pace::new(settings), client, fault: Arc::default() }
    }

    pub(crate) fn fault(&self) -> Arc<OnceLock<Fault>> {
        self.fault.clone()
    }

    /// Read what is there of a body in chunks, so that nobody is woken for one that is not.
    pub(crate) async fn read_ahead(&mut self) -> hyper::Result<()> {
        let (mut left, mut patience) = (AHEAD, FIRST);
        while self.rest.size_hint().exact().is_none() && left > 0 {
            let frame = match timeout(patience, self.rest.frame()).await {
                Ok(Some(frame)) => frame?,
                Ok(None) => {
                    self.client.heard();
                    break;
                }
                Err(_) => break,
            };
            self.mark_end();
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len).max(1));
            self.ahead.push_back(frame);
            patience = NEXT;
        }
        Ok(())
    }

    fn mark_end(&self) {
        if self.rest.is_end_stream() {
            self.client.heard();
        }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        if let Some(frame) = self.ahead.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        let (fault, cut) = match Pin::new(&mut self.rest).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.pace.came(frame.data_ref().map_or(0, Bytes::len));
                self.mark_end();
                return Poll::Ready(Some(Ok(frame)));
            }
            Poll::Ready(None) => {
                self.client.heard();
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Err(error))) => (Fault::Broken, CutOff::Broken(error)),
            Poll::Pending => {
                ready!(self.pace.poll_too_slow(cx));
                (Fault::TooSlow, CutOff::TooSlow)
            }
        };
        // The first is what counts.
        let _ = self.fault.set(fault);
        Poll::Ready(Some(Err(cut)))
    }
    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.rest.size_hint()
    }
}

/// A client's body on its way to an instance; `None` when there is none.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) body: Option<ClientBody>,
    stats: Arc<InstanceStats>,
}

impl Upload {
    pub(crate) fn new(body: Option<ClientBody>, stats: Arc<InstanceStats>) -> Self {
        Self { body, stats }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let mut frame = ready!(Pin::new(body).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame {
            self.stats.client_byte();
            if let Some(trailers) = frame.trailers_mut() {
                clean_trailers(trailers);
            }
        }
        Poll::Ready(frame)
    }
    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }
    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
