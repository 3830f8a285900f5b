//! Connections to instances, kept between requests. One pool per worker, so nothing is locked.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    net::SocketAddrV4,
    rc::Rc,
    time::Duration,
};

use dormouse_model::InstanceId;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{
    task::spawn_local,
    time::{Instant, sleep},
};

use super::upload::Upload;
use crate::{ctx::Ctx, net::dial};

/// A request that must not be sent twice only takes a connection used this recently: the instance is unlikely to be
/// closing it at this moment.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(crate) struct Pool(Rc<Idles>);

#[derive(Debug)]
struct Idles {
    ctx: Rc<Ctx>,
    idle: RefCell<HashMap<InstanceId, Vec<Idle>>>,
    reaping: Cell<bool>,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<Upload>,
    since: Instant,
}

impl Pool {
    pub(crate) fn new(ctx: Rc<Ctx>) -> Self {
        Self(Rc::new(Idles { ctx, idle: RefCell::default(), reaping: Cell::new(false) }))
    }

    /// Close what is kept for instances that are not to keep any.
    pub(crate) fn retain(&self, keep: impl Fn(InstanceId) -> bool) {
        self.0.idle.borrow_mut().retain(|instance, _| keep(*instance));
    }

    pub(crate) fn clear(&self) {
        self.0.idle.borrow_mut().clear();
    }

    /// The connection used last, if there is one that still works.
    pub(crate) fn take(&self, instance: InstanceId, can_send_again: bool) -> Option<Lent> {
        let mut idle = self.0.idle.borrow_mut();
        let kept = idle.get_mut(&instance)?;
        while let Some(Idle { sender, since }) = kept.pop() {
            if sender.is_closed() || !sender.is_ready() {
                continue;
            }
            if !can_send_again && since.elapsed() >= FRESH {
                // The ones below have been idle for longer.
                kept.push(Idle { sender, since });
                return None;
            }
            return Some(Lent { pool: self.clone(), instance, sender, reused: true });
        }
        None
    }

    /// A new connection.
    pub(crate) async fn connect(&self, instance: InstanceId, addr: SocketAddrV4) -> io::Result<Lent> {
        let stream = dial(addr, self.0.ctx.settings().connect_timeout).await?;
        let (sender, connection) = Builder::new()
            .max_headers(256)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        spawn_local(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%instance, %error, "connection to instance ended");
            }
        });
        Ok(Lent { pool: self.clone(), instance, sender, reused: false })
    }

    fn put(&self, instance: InstanceId, sender: SendRequest<Upload>) {
        if !self.0.ctx.keeps(instance) || sender.is_closed() {
            return;
        }
        self.0.idle.borrow_mut().entry(instance).or_default().push(Idle { sender, since: Instant::now() });
        if !self.0.reaping.replace(true) {
            spawn_local(reap(self.clone()));
        }
    }

    /// Close what has been idle for too long; true while something is left.
    fn reap(&self, age: Duration) -> bool {
        let mut idle = self.0.idle.borrow_mut();
        idle.retain(|_, kept| {
            kept.retain(|idle| !idle.sender.is_closed() && idle.since.elapsed() < age);
            !kept.is_empty()
        });
        !idle.is_empty()
    }
}

/// Runs only while something is idle, so that a sleeping machine is left alone.
async fn reap(pool: Pool) {
    let age = pool.0.ctx.settings().pool_idle;
    loop {
        sleep(age / 4).await;
        if !pool.reap(age) {
            pool.0.reaping.set(false);
            return;
        }
    }
}

/// A connection to an instance, in use by one request.
#[derive(Debug)]
pub(crate) struct Lent {
    pool: Pool,
    instance: InstanceId,
    pub(crate) sender: SendRequest<Upload>,
    /// Whether it carried a request before.
    pub(crate) reused: bool,
}

impl Lent {
    /// Its answer has been read to the end: keep it for the next request.
    pub(crate) fn give_back(self) {
        let Self { pool, instance, mut sender, .. } = self;
        if sender.is_ready() {
            pool.put(instance, sender);
            return;
        }
        // Seldom: the answer ended before the request did, or hyper has not come round to notice the end.
        spawn_local(async move {
            if sender.ready().await.is_ok() {
                pool.put(instance, sender);
            }
        });
    }
}
