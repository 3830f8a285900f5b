//! Control's end of the line: sends tables, takes traffic, answers calls for wakes.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use dormouse_backend::{Builds, Workloads};
use dormouse_control::Control;
use dormouse_model::EdgeId;
use dormouse_runtime::Process;
use futures_util::{Stream, StreamExt};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{Notify, mpsc},
    time::timeout,
};
use tokio_util::bytes::BytesMut;
use tracing::{info, warn};

use super::{
    identity::Identities,
    message::{ToControl, ToEdge, VERSION, line, next, send},
    told::Told,
};

/// Before another attempt when a connection could not be taken: no descriptor was free, say.
const PAUSE: Duration = Duration::from_millis(50);

/// How long an edge may take to say who it is.
const GREETING: Duration = Duration::from_secs(5);

/// The edges that live, each of them watched, so that its death is heard of.
type Watched = Arc<Mutex<Identities>>;

/// Talk to every edge that connects, an old one that is draining included. `expected` are those that an earlier control
/// has talked to and that still live.
pub(crate) async fn serve<W: Workloads, B: Builds>(
    listener: UnixListener,
    control: Arc<Control<W, B>>,
    expected: Vec<Process>,
) {
    let watched = Watched::default();
    for process in expected {
        let id = known(&watched).of(&process, None);
        control.edge_expected(id);
        watch(process, id, &control, &watched);
    }
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "cannot take a connection of the edge's; trying again");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (control, watched) = (control.clone(), watched.clone());
        tokio::spawn(async move {
            if let Err(error) = talk(stream, control, watched).await {
                warn!(%error, "lost the edge");
            }
        });
    }
}

/// Tell control when this edge has died, however often it connects.
fn watch<W: Workloads, B: Builds>(
    process: Process,
    id: EdgeId,
    control: &Arc<Control<W, B>>,
    watched: &Watched,
) {
    if !known(watched).watch(&process, id) {
        return;
    }
    let (control, watched) = (control.clone(), watched.clone());
    tokio::spawn(async move {
        if let Err(error) = process.ended().await {
            // It counts as alive for good, and nothing falls asleep: better than the opposite.
            warn!(%id, %error, "cannot watch an edge");
            return;
        }
        control.edge_gone(id);
        known(&watched).forget(id);
    });
}

fn known(watched: &Watched) -> MutexGuard<'_, Identities> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wait for the edge to say who it is.
async fn greeted(
    rx: &mut (impl Stream<Item = std::io::Result<BytesMut>> + Unpin),
) -> std::io::Result<Option<(u32, Process, Option<EdgeId>)>> {
    while let Some(message) = next::<ToControl>(rx).await? {
        match message {
            ToControl::Hello { version, process, edge } => return Ok(Some((version, process, edge))),
            ToControl::Traffic(_) | ToControl::Resync | ToControl::Wake { .. } => {}
        }
    }
    Ok(None)
}

async fn talk<W: Workloads, B: Builds>(
    stream: UnixStream,
    control: Arc<Control<W, B>>,
    watched: Watched,
) -> std::io::Result<()> {
    let (mut tx, mut rx) = line(stream).split();
    let Some((version, process, said)) = timeout(GREETING, greeted(&mut rx)).await?? else { return Ok(()) };
    let id = known(&watched).of(&process, said);
    info!(%id, pid = process.pid(), version, "edge connected");
    // From here on it counts, before it can know any table.
    control.edge_connected(id);
    watch(process, id, &control, &watched);
    send(&mut tx, &ToEdge::Hello { version: VERSION }).await?;
    let (answers, mut answered) = mpsc::unbounded_channel();
    let mut tables = control.routes();
    tables.mark_changed();
    let (mut told, resync) = (Told::to(version), Notify::new());

    let speak = async {
        loop {
            tokio::select! {
                // Tables first: an answer to a wake must not overtake the table that shows the instance awake.
                biased;
                () = resync.notified() => {
                    warn!(%id, "a change of the routes did not fit; telling all of them");
                    told.forget();
                    tables.mark_changed();
                }
                changed = tables.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    let table = tables.borrow_and_update().clone();
                    send(&mut tx, &told.next(table)).await?;
                }
                Some((call, result)) = answered.recv() => {
                    send(&mut tx, &ToEdge::Woken { call, result }).await?;
                }
            }
        }
    };
    let listen = async {
        while let Some(message) = next::<ToControl>(&mut rx).await? {
            match message {
                ToControl::Hello { .. } => {}
                ToControl::Traffic(report) => control.report(id, report),
                ToControl::Resync => resync.notify_one(),
                ToControl::Wake { call, service } => {
                    let (control, answers) = (control.clone(), answers.clone());
                    tokio::spawn(async move {
                        let result = control.wake(&service).await;
                        // A line that is gone needs no answer: the edge asks again on the next one.
                        drop(answers.send((call, result)));
                    });
                }
            }
        }
        Ok(())
    };
    tokio::select! { r = speak => r, r = listen => r }
}
