//! What carries the bytes of a client: TCP by itself, or something on top of it.

use std::fmt;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// A connection that bytes are read from and written to.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {
    /// The TCP below it, for what the kernel knows of a connection. Nothing is read from it or written to it.
    fn socket(&self) -> &TcpStream;
}

impl Io for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl<I: Io + ?Sized> Io for Box<I> {
    fn socket(&self) -> &TcpStream {
        (**self).socket()
    }
}
