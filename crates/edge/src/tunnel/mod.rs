//! Bytes between a client and one instance, in both directions, also while the instance sleeps.

mod answers;
mod frames;
#[cfg(test)]
pub mod fuzzing;
mod heartbeat;
mod kind;
mod meter;
mod responses;
mod streams;

use std::{
    cell::{Cell, RefCell},
    future::{pending, poll_fn},
    io,
    net::Shutdown,
    os::fd::AsFd,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use dormouse_model::{InstanceId, ServiceKey, WakeRefused};
use frames::pongs;
use kind::{Asked, Said};
pub(crate) use meter::Meter;
use socket2::SockRef;
use tokio::{
    io::{Interest, ReadBuf},
    net::TcpStream,
    sync::{Mutex, MutexGuard},
    task::coop::consume_budget,
    time::{Instant, sleep, timeout},
};

use crate::{
    ctx::{ActiveConnection, Ctx, InstanceStats, Owed, Table},
    net::Io,
    pick::{Released, wake},
};

/// How long one side of a WebSocket may go on after the other has ended: enough for what is on its way.
const LINGER: Duration = Duration::from_secs(5);

/// How long to wait before asking again after an answer that shows our instance still asleep.
const PAUSE: Duration = Duration::from_millis(100);

/// One end of a tunnel, and what was read from it already.
#[derive(Debug)]
pub(crate) struct Side<S> {
    pub(crate) stream: S,
    pub(crate) early: Bytes,
}

/// What is answered in the place of an instance that sleeps.
struct InPlace<'a> {
    pongs: Vec<u8>,
    turn: MutexGuard<'a, ()>,
    /// What is passed on all the same: his answers to its own questions.
    rest: Vec<u8>,
}

/// What a client has said.
enum Heard<'a> {
    /// That it says no more.
    End,
    /// Something that the instance has.
    Passed,
    /// Something of which this does not go without waiting.
    Rest { rest: Vec<u8>, asked: Asked },
    /// Something that an instance that sleeps is not bothered with.
    Upkeep(InPlace<'a>),
}

#[derive(Debug)]
pub(crate) struct Tunnel {
    ctx: Rc<Ctx>,
    service: ServiceKey,
    instance: InstanceId,
    stats: Arc<InstanceStats>,
    active: RefCell<ActiveConnection>,
    meter: RefCell<Meter>,
    /// The generation under which a wake was granted: it shows the instance asleep, and we know better.
    granted: Cell<Option<u64>>,
    /// Held by whoever writes to the client.
    to_client: Mutex<()>,
    /// Whether the instance has ended its side, or all of it.
    hung_up: Cell<bool>,
}

impl Tunnel {
    pub(crate) fn new(ctx: Rc<Ctx>, service: ServiceKey, active: ActiveConnection, meter: Meter) -> Self {
        let stats = active.stats().clone();
        let instance = stats.instance;
        let (active, meter) = (RefCell::new(active), RefCell::new(meter));
        Self {
            ctx,
            service,
            instance,
            stats,
            active,
            meter,
            granted: Cell::new(None),
            hung_up: Cell::new(false),
            to_client: Mutex::default(),
        }
    }

    /// Carry until both have ended, or either breaks.
    pub(crate) async fn carry<C: Io>(self, client: Side<C>, instance: Side<TcpStream>) {
        let full_duplex = matches!(*self.meter.borrow(), Meter::Bytes(_));
        let (from_client, from_instance) = (client.early, instance.early);
        let (client, instance) = (RefCell::new(client.stream), instance.stream);
        let mut up = std::pin::pin!(self.up(&client, &instance, from_client));
        let mut down = std::pin::pin!(self.down(&client, &instance, from_instance));
        let ended = tokio::select! {
            ended = &mut up => match ended {
                // It left, and what is on its way from somebody asleep is nothing.
                Ok(()) if !full_duplex && self.asleep() => Ok(()),
                Ok(()) => {
                    end_writes(&instance);
                    tokio::select! {
                        ended = linger(full_duplex, down) => ended,
                        // It reads no more either; only the keep-alive of the socket can tell.
                        () = broken(&client) => Ok(()),
                    }
                }
                Err(error) => {
                    self.look_who_is_gone();
                    Err(error)
                }
            },
            ended = &mut down => match ended {
                Ok(()) => {
                    self.look_who_is_gone();
                    let rest = async {
                        // It may be gone already.
                        let _ = poll_fn(|cx| Pin::new(&mut *client.borrow_mut()).poll_shutdown(cx)).await;
                        up.await
                    };
                    linger(full_duplex, rest).await
                }
                Err(error) => {
                    self.look_who_is_gone();
                    Err(error)
                }
            },
        };
        if let Err(error) = ended {
            tracing::debug!(instance = %self.instance, %error, "tunnel ended");
        }
    }

    async fn up<C: Io>(&self, client: &RefCell<C>, instance: &TcpStream, early: Bytes) -> io::Result<()> {
        if !early.is_empty() {
            let asked = self.meter.borrow_mut().up(&early);
            self.deliver(instance, &early, asked).await?;
        }
        drop(early);
        loop {
            consume_budget().await;
            let heard = poll_fn(|cx| {
                let mut buffer = self.ctx.scratch();
                let mut read = ReadBuf::new(&mut buffer);
                ready!(Pin::new(&mut *client.borrow_mut()).poll_read(cx, &mut read))?;
                Poll::Ready(self.heard(instance, read.filled()))
            });
            match heard.await? {
                Heard::End => return Ok(()),
                Heard::Passed => {}
                Heard::Rest { rest, asked } => self.deliver(instance, &rest, asked).await?,
                Heard::Upkeep(InPlace { pongs, turn, rest }) => {
                    write_all(client, &pongs).await?;
                    drop(turn);
                    self.deliver(instance, &rest, Asked::Nothing).await?;
                }
            }
        }
    }

    /// What is left to do about something that the client has said. As much as goes without waiting has gone.
    fn heard(&self, instance: &TcpStream, chunk: &[u8]) -> io::Result<Heard<'_>> {
        if chunk.is_empty() {
            return Ok(Heard::End);
        }
        if let Some(upkeep) = self.for_a_sleeper(chunk) {
            return Ok(Heard::Upkeep(upkeep));
        }
        let asked = self.meter.borrow_mut().up(chunk);
        Ok(match self.push(instance, chunk, asked)? {
            written if written == chunk.len() => Heard::Passed,
            // Seldom: the instance sleeps, or reads more slowly than the client writes.
            written => Heard::Rest { rest: chunk[written..].to_vec(), asked },
        })
    }

    /// What to do with what a client says, if he asks a sleeper whether the line still stands. He would take a missing answer
    /// for a dead server.
    fn for_a_sleeper(&self, bytes: &[u8]) -> Option<InPlace<'_>> {
        if !self.asleep() || !self.meter.borrow().is_between_frames() {
            return None;
        }
        let turn = self.to_client.try_lock().ok()?;
        let (pongs, rest) = pongs(bytes)?;
        Some(InPlace { pongs, turn, rest })
    }

    /// Write what goes without waiting. Nothing goes to an instance that sleeps, unless it is upkeep.
    // Looking at the table, counting and writing happen in one step: see `Picker::look`.
    fn push(&self, instance: &TcpStream, bytes: &[u8], asked: Asked) -> io::Result<usize> {
        if asked != Asked::Nothing {
            if self.asleep() {
                return Ok(0);
            }
            self.stats.client_byte();
        }
        if let Asked::Question(owed) = asked {
            self.active.borrow_mut().set_owed(owed);
        }
        match instance.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => {
                self.hung_up.set(true);
                Err(error)
            }
            Ok(written) => Ok(written),
        }
    }

    /// Write all of it, and wake the instance for it when needed.
    async fn deliver(&self, instance: &TcpStream, mut rest: &[u8], mut asked: Asked) -> io::Result<()> {
        while !rest.is_empty() {
            if asked != Asked::Nothing && self.asleep() {
                self.wake().await?;
            }
            let written = self.push(instance, rest, asked)?;
            rest = &rest[written..];
            if written == 0 && !rest.is_empty() {
                if self.asleep() {
                    // Full, and only an instance that runs makes room: even upkeep has to wake it now, or what
                    // comes behind it would be stuck.
                    asked = Asked::Something;
                } else {
                    tokio::select! {
                        writable = instance.writable() => writable?,
                        () = self.ctx.next_table() => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn asleep(&self) -> bool {
        self.sleeps_by(&self.ctx.table())
    }

    fn sleeps_by(&self, table: &Table) -> bool {
        table.asleep(self.instance) && self.granted.get() != Some(table.generation)
    }

    async fn wake(&self) -> io::Result<()> {
        let until = Instant::now() + self.ctx.settings().hold_timeout;
        let shown_awake = |table: &Table| (!self.sleeps_by(table)).then_some(());
        loop {
            // Only this table is known to be outdated by the answer.
            let generation = self.ctx.table().generation;
            let targets = match wake(&self.ctx, &self.service, until, shown_awake).await {
                Ok(Released::Answered(targets)) => targets,
                Ok(Released::Shown(())) => return Ok(()),
                Err(WakeRefused::TimedOut) => return Err(io::ErrorKind::TimedOut.into()),
                Err(refused) => return Err(io::Error::other(refused)),
            };
            // One that is not in the answer is being drained: it is running.
            if targets.iter().any(|target| target.instance == self.instance && target.asleep) {
                sleep(PAUSE).await;
                continue;
            }
            self.granted.set(Some(generation));
            return Ok(());
        }
    }

    async fn down<C: Io>(&self, client: &RefCell<C>, instance: &TcpStream, early: Bytes) -> io::Result<()> {
        {
            let _turn = self.to_client.lock().await;
            self.said(&early);
            write_all(client, &early).await?;
        }
        drop(early);
        loop {
            consume_budget().await;
            instance.readable().await?;
            let _turn = self.to_client.lock().await;
            match poll_fn(|cx| Poll::Ready(self.pass_down(client, instance, cx))).await? {
                Some(rest) => write_all(client, &rest).await?,
                None => return Ok(()),
            }
        }
    }

    /// Pass on what the instance has said, as far as that goes without waiting: what is left of it, or nothing at its end.
    fn pass_down<C: Io>(
        &self,
        client: &RefCell<C>,
        instance: &TcpStream,
        cx: &mut Context<'_>,
    ) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = self.ctx.scratch();
        let read = match instance.try_read(&mut buffer) {
            Ok(0) => {
                self.hung_up.set(true);
                return Ok(None);
            }
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Some(Vec::new())),
            Err(error) => {
                self.hung_up.set(true);
                return Err(error);
            }
        };
        self.said(&buffer[..read]);
        let written = match Pin::new(&mut *client.borrow_mut()).poll_write(cx, &buffer[..read]) {
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        Ok(Some(buffer[written..read].to_vec()))
    }

    /// Whether the instance has just taken the client for gone, although that has not ended anything.
    fn look_who_is_gone(&self) {
        let owes = self.active.borrow().owes_reply();
        if let Some(gone) = self.meter.borrow().taken_for_gone(self.hung_up.get(), owes) {
            self.stats.cut(gone.pings);
        }
    }

    /// Count what came from the instance.
    fn said(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        // First what it said, then what it owes: the other way round an answer could be seen neither owed nor begun.
        let said = self.meter.borrow_mut().down(bytes);
        let owed = match said {
            Said::Nothing => {
                self.look_who_is_gone();
                return self.stats.instance_byte();
            }
            Said::Message => {
                self.stats.event();
                Owed::Nothing
            }
            // Where its answer ends we may not see: it goes on until the instance is silent.
            Said::Bytes(owed) => {
                self.stats.answer_byte();
                owed
            }
        };
        self.active.borrow_mut().set_owed(owed);
    }
}

async fn write_all<C: Io>(client: &RefCell<C>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = poll_fn(|cx| Pin::new(&mut *client.borrow_mut()).poll_write(cx, bytes)).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
    }
    poll_fn(|cx| Pin::new(&mut *client.borrow_mut()).poll_flush(cx)).await
}

/// Returns when the kernel knows that nobody is there any more. Seldom waited for, so it has a descriptor of its own: the
/// client's is in use by those who read and write.
async fn broken<C: Io>(client: &RefCell<C>) {
    let own = client.borrow().socket().as_fd().try_clone_to_owned();
    match own.and_then(|own| TcpStream::from_std(own.into())) {
        // It has no other end than the error.
        Ok(own) => drop(own.ready(Interest::ERROR).await),
        Err(error) => {
            tracing::debug!(%error, "who vanishes is not noticed");
            pending().await
        }
    }
}

/// One side has ended. What else a WebSocket carries then is only what was on its way; other protocols may go on.
async fn linger(full_duplex: bool, rest: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    if full_duplex {
        return rest.await;
    }
    timeout(LINGER, rest).await.unwrap_or(Ok(()))
}

/// Pass on that one side has ended. It may be gone already.
fn end_writes(stream: &TcpStream) {
    let _ = SockRef::from(stream).shutdown(Shutdown::Write);
}
