//! Bodies of instances on their way to a client, counted and never collected.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::{events::Events, pool::Lent, watch::ConnState};
use crate::ctx::{ActiveConnection, Owed};

/// An instance's body on its way to a client. Its request is in flight, and its connection lent, until it ends.
#[derive(Debug)]
pub(crate) struct Download {
    body: Incoming,
    active: Option<ActiveConnection>,
    lent: Option<Lent>,
    /// Set for a stream of events, which is open as long as somebody listens: not the stream is activity, its events are.
    events: Option<Events>,
}

impl Download {
    pub(crate) fn new(
        body: Incoming,
        mut active: ActiveConnection,
        lent: Lent,
        events: Option<Events>,
    ) -> Self {
        if events.is_some() {
            active.set_owed(Owed::Nothing);
        }
        let mut download = Self { body, active: Some(active), lent: Some(lent), events };
        if download.body.is_end_stream() {
            download.end();
        }
        download
    }

    /// Count what came from the instance.
    fn said(&mut self, frame: &Frame<Bytes>) {
        let Some(active) = &self.active else { return };
        let event = |events: &mut Events| frame.data_ref().is_some_and(|bytes| events.scan(bytes));
        if self.events.as_mut().is_some_and(event) {
            active.stats().event();
        } else {
            active.stats().instance_byte();
        }
    }

    fn broke_off(&self) {
        if let Some(active) = &self.active {
            active.stats().broke_off();
        }
    }

    // A body that is dropped before its end takes its connection with it: what is left of the answer is unread.
    fn end(&mut self) {
        self.active = None;
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
                    Some(Err(_)) => download.broke_off(),
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
