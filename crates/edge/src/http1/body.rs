//! Bodies on their way through, counted and never collected.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::{pool::Lent, watch::ConnState};
use crate::tally::{Lease, Tally};

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
}

impl Download {
    pub(crate) fn new(body: Incoming, lease: Lease, lent: Lent) -> Self {
        let mut download = Self { body, lease: Some(lease), lent: Some(lent) };
        if download.body.is_end_stream() {
            download.end();
        }
        download
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
                    Some(Ok(_)) => {
                        if let Some(lease) = &download.lease {
                            lease.tally().instance_byte();
                        }
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
