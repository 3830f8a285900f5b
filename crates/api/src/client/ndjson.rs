//! A body of JSON lines.

use std::{
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use futures_util::Stream;
use hyper::body::{Body, Incoming};
use serde::de::DeserializeOwned;

use crate::Error;

/// Items as they arrive. Ends when the server has no more; dropping it tells the server to stop.
#[derive(Debug)]
pub struct NdJson<T> {
    body: Incoming,
    buffer: BytesMut,
    /// Bytes at the front of the buffer known to hold no newline.
    scanned: usize,
    ended: bool,
    item: PhantomData<fn() -> T>,
}

impl<T> NdJson<T> {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, buffer: BytesMut::new(), scanned: 0, ended: false, item: PhantomData }
    }

    fn take_line(&mut self) -> Option<BytesMut> {
        let at = self.buffer[self.scanned..].iter().position(|b| *b == b'\n');
        match at {
            Some(at) => {
                let line = self.buffer.split_to(self.scanned + at + 1);
                self.scanned = 0;
                Some(line)
            }
            None => {
                self.scanned = self.buffer.len();
                None
            }
        }
    }
}

impl<T: DeserializeOwned> Stream for NdJson<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            while let Some(line) = this.take_line() {
                // An empty line only shows that the server is still there.
                if !line.trim_ascii().is_empty() {
                    return Poll::Ready(Some(serde_json::from_slice(&line).map_err(Error::broken)));
                }
            }
            if this.ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        this.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(e)) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(Error::broken(e))));
                }
                None => {
                    this.ended = true;
                    if !this.buffer.is_empty() {
                        return Poll::Ready(Some(Err(Error::broken("half a line"))));
                    }
                }
            }
        }
    }
}
