//! One client connection, from its first byte to its last.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use hyper::{
    Request,
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite;

use super::{
    client::Client,
    headers::Origin,
    io::ClientIo,
    pool::Pool,
    proxy::answer,
    watch::{End, Watch},
};
use crate::{
    ctx::Ctx,
    net::{Io, OpenConnection, keepalive},
};

/// What is answered to half a request.
const TOO_SLOW: &str =
    "HTTP/1.1 408 Request Timeout\r\nserver: dormouse\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What one thread needs to serve HTTP.
#[derive(Debug)]
pub(crate) struct Http1 {
    ctx: Rc<Ctx>,
    /// Connections to instances.
    pub(crate) pool: Pool,
    /// Connections of clients.
    pub(crate) watch: Watch,
}

impl Http1 {
    pub(crate) fn new(ctx: Rc<Ctx>) -> Rc<Self> {
        let (pool, watch) = (Pool::new(ctx.clone()), Watch::new(ctx.clone()));
        Rc::new(Self { ctx, pool, watch })
    }
}

/// Serve requests until the client leaves, is too slow, or we drain.
pub(crate) async fn serve(http: Rc<Http1>, stream: Box<dyn Io>, open: OpenConnection) {
    let (Ok(peer), Ok(local)) = (stream.socket().peer_addr(), stream.socket().local_addr()) else {
        return;
    };
    let settings = http.ctx.settings();
    keepalive::of_visitor(stream.socket(), settings.stall_timeout);
    let open = Rc::new(open);
    let watched = http.watch.watch(open.clone());
    let state = watched.state.clone();
    let mut builder = http1::Builder::new();
    builder.max_headers(settings.max_headers).max_buf_size(settings.max_header_bytes);
    // Ours is cheaper: see `Watch`.
    builder.header_read_timeout(None);
    let client = Rc::new(Client {
        origin: Origin::new(peer, local, settings),
        state: state.clone(),
        open,
        pool: http.pool.clone(),
        ctx: http.ctx.clone(),
    });
    let service = service_fn(move |request: Request<Incoming>| {
        let client = client.clone();
        // Now, and not when the answer is first asked for: before that, hyper reads on.
        client.state.busy();
        if request.body().is_end_stream() {
            client.state.heard();
        }
        async move { Ok::<_, Infallible>(answer(client, request).await) }
    });
    let io = TokioIo::new(ClientIo::new(stream, state.clone()));
    let mut connection = Some(builder.serve_connection(io, service).with_upgrades());
    let mut ending = false;
    let slow = poll_fn(|cx| {
        let Some(served) = connection.as_mut() else {
            return Poll::Ready(None);
        };
        let mut pinned = Pin::new(served);
        match state.end(cx.waker()) {
            Some(End::SlowHead) => return Poll::Ready(connection.take()),
            Some(End::Gracefully) if !ending => {
                ending = true;
                pinned.as_mut().graceful_shutdown();
            }
            Some(End::Gracefully) | None => {}
        }
        pinned.poll(cx).map(|ended| {
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "client connection ended");
            }
            None
        })
    })
    .await;
    if let Some(parts) = slow.and_then(hyper::server::conn::http1::UpgradeableConnection::into_parts) {
        // Nothing waits for it: a client that does not read either gets nothing.
        let mut io = parts.io.into_inner();
        let mut cx = Context::from_waker(Waker::noop());
        let _ = Pin::new(&mut io).poll_write(&mut cx, TOO_SLOW.as_bytes());
    }
    drop(watched);
}
