//! A client's socket that notices when a request begins to arrive, and who ends only its side.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::watch::{ConnState, Ended};
use crate::net::Io;

#[derive(Debug)]
pub(crate) struct ClientIo {
    pub(crate) stream: Box<dyn Io>,
    pub(crate) state: Arc<ConnState>,
    /// Whether it takes no more for now.
    full: bool,
}

impl ClientIo {
    pub(crate) fn new(stream: Box<dyn Io>, state: Arc<ConnState>) -> Self {
        Self { stream, state, full: false }
    }

    /// What hyper is told of a client that has ended its side: not before it has the answer that it waits for. That it has
    /// gone altogether shows as an error of the socket, by what is sent to it or by the socket's keep-alive.
    fn poll_end(&self) -> Poll<io::Result<()>> {
        match self.state.ended() {
            // The rest of the answer is in hyper's hands, who would throw it away.
            Ended::Left if self.full && self.state.is_half_closed() => {}
            Ended::Left => return Poll::Ready(Ok(())),
            Ended::Waits => {}
        }
        match self.stream.socket().take_error()? {
            Some(error) => Poll::Ready(Err(error)),
            // The next tick looks again: see `ConnState::tick`.
            None => Poll::Pending,
        }
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() == before && buf.remaining() > 0 {
            return self.poll_end();
        }
        self.state.bytes();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.state.class.on_write(self.stream.socket());
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.full = written.is_pending();
        written
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.state.class.on_write(self.stream.socket());
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.full = written.is_pending();
        written
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.class.on_flush(self.stream.socket());
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
