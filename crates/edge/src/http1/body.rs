//! Bodies on their way through, counted and never collected.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::{pool::Lent, watch::ConnState};
use crate::{
    events::Events,
    tally::{Lease, Owed, Tally},
};

/// A client's body on its way to an instance; `None` when there is none.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) body: Option<Incoming>,
    tally: Arc<Tally>,
}

impl Upload {
    pub(crate) fn new(body: Option<Incoming>, tally: Arc<Tally>) -> Self {
        Self { body, tally }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if let Some(Ok(_)) = &frame {
            self.tally.client_byte();
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

/// An instance's body on its way to a client. Its request is in flight, and its connection lent, until it ends.
#[derive(Debug)]
pub(crate) struct Download {
    body: Incoming,
    lease: Option<Lease>,
    lent: Option<Lent>,
    /// Set for a stream of events, which is open as long as somebody listens: not the stream is activity, its events are.
    events: Option<Events>,
}

impl Download {
    pub(crate) fn new(body: Incoming, mut lease: Lease, lent: Lent, events: Option<Events>) -> Self {
        if events.is_some() {
            lease.set_owed(Owed::Nothing);
        }
        let mut download = Self { body, lease: Some(lease), lent: Some(lent), events };
        if download.body.is_end_stream() {
            download.end();
        }
        download
    }

    /// Count what came from the instance.
    fn said(&mut self, frame: &Frame<Bytes>) {
        let Some(lease) = &self.lease else { return };
        let event = |events: &mut Events| frame.data_ref().is_some_and(|bytes| events.scan(bytes));
        if self.events.as_mut().is_some_and(event) {
            lease.tally().event();
        } else {
            lease.tally().instance_byte();
        }
    }

    // A body that is dropped before its end takes its connection with it: what is left of the answer is unread.
    fn end(&mut self) {
        self.lease = None;
        if let Some(lent) = self.lent.take() {
            lent.give_back();
        }
    }
}

/// What a client gets.
#[derive(Debug)]
pub(crate) struct Reply {
    content: Content,
    client: Arc<ConnState>,
}

#[derive(Debug)]
enum Content {
    /// Our own words.
    Page(Option<Bytes>),
    Download(Download),
}

impl Reply {
    pub(crate) fn page(text: Bytes, client: Arc<ConnState>) -> Self {
        Self { content: Content::Page(Some(text).filter(|text| !text.is_empty())), client }
    }
    pub(crate) fn download(download: Download, client: Arc<ConnState>) -> Self {
        Self { content: Content::Download(download), client }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.client.idle();
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.content {
            Content::Page(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Content::Download(download) => {
                let frame = ready!(Pin::new(&mut download.body).poll_frame(cx));
                match &frame {
                    Some(Ok(part)) => {
                        download.said(part);
                        if download.body.is_end_stream() {
                            download.end();
                        }
                    }
                    None => download.end(),
                    Some(Err(_)) => {}
                }
                Poll::Ready(frame)
            }
        }
    }
    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Page(text) => text.is_none(),
            Content::Download(download) => download.body.is_end_stream(),
        }
    }
    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Page(text) => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
            Content::Download(download) => download.body.size_hint(),
        }
    }
}
