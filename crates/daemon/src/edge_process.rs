//! The edge process: what must go on while control is away.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use dormouse_dns::Inherited as NameSockets;
use dormouse_edge::{Counting, Ending, Pulse, TrafficStats};
use dormouse_model::{Classes, RouteTable};
use dormouse_runtime::{machine, tag, unconfirmed};
use nix::sys::resource::{Resource, getrlimit};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    given::Given,
    line::{BEAT, FromChild, Upward},
    link::EdgeLink,
    memory,
    settings::{Inherited, Typed},
    state::StateDir,
    stop::Asked,
};

/// How long control may take to show its first table before the one that an earlier edge saved is used, and what that does
/// not name is held.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the last report may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serve until told to end.
pub(crate) fn run() -> Result<()> {
    let mut given = Given::read();
    let parent = Upward::new(given.parent()?);
    parent.tell_panic()?;
    let ended = be_edge(&mut given, &parent);
    if let Err(error) = &ended {
        parent.say(&FromChild::Failed { why: format!("{error:#}") });
    }
    ended
}

fn be_edge(given: &mut Given, parent: &Upward) -> Result<()> {
    let Inherited { state, listen, .. } = Inherited::read()?;
    let state = StateDir::open(&state)?;
    let settings = Typed::read(&state.settings())?.resolve(listen, state.root())?;
    let (files, _) = getrlimit(Resource::RLIMIT_NOFILE).context("cannot tell how many files may be open")?;
    let mut edge = settings.edge.settings(listen.port(), files, machine::whole(state.root()).memory);
    tracing::info!(
        files,
        visitors = edge.max_connections,
        between_services = edge.max_private,
        "most connections"
    );
    if settings.bandwidth.is_some() {
        let classes = Classes::of(&tag(state.root())?);
        edge.counting = Some(Counting { classes, unconfirmed });
    }
    let mut sockets = given.edge()?;
    let (udp, tcp) = given.names()?;
    let (keep, told) = std::sync::mpsc::channel();
    sockets.keep = Some(keep.clone());
    let line = parent.again()?;
    // A thread of its own: the parent may be busy for a while.
    std::thread::Builder::new().name("keep".into()).spawn(move || line.keep(&told))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let Asked { stop, leave } = Asked::listen()?;
        let traffic = Arc::new(TrafficStats::new());
        let link = EdgeLink::new(state.edge_socket(), state.routes(), traffic.clone())
            .context("cannot tell which process this is")?;
        let (mut tables, wake) = (link.tables(), Arc::new(link.remote()));
        let finished = CancellationToken::new();
        let line = tokio::spawn(link.run(finished.clone()));
        tokio::spawn(memory::give_back_when_large());
        tokio::select! {
            () = first_table(&mut tables) => {}
            // Nothing is carried yet.
            () = stop.cancelled() => return Ok(()),
            () = leave.cancelled() => return Ok(()),
        }
        let names = names(
            tables.clone(),
            NameSockets { udp, tcp, keep: Some(keep) },
            Asked { stop: stop.clone(), leave: leave.clone() },
        );
        let names = tokio::spawn(names);
        let (pulses, asked) = mpsc::unbounded_channel();
        let ready = async {
            traffic.applied(1).await;
            parent.say(&FromChild::Serving);
            pulse(pulses, parent).await;
            std::future::pending().await
        };
        let ending = Ending { stop, hand_over: leave };
        let served = tokio::select! {
            served = dormouse_edge::run(edge, sockets, tables, wake, traffic.clone(), ending, asked) => served,
            () = ready => Ok(()),
        };
        names.abort();
        // What was carried last counts too.
        finished.cancel();
        let _ = tokio::time::timeout(LAST_WORDS, line).await;
        served.context("the edge failed")
    })
}

/// Let the parent know that we work, for as long as every thread that carries something does what it is asked.
async fn pulse(pulses: mpsc::UnboundedSender<Pulse>, parent: &Upward) {
    loop {
        let (asked, mut all_worked) = mpsc::channel(1);
        if pulses.send(asked).is_err() {
            return;
        }
        // Nothing is ever sent: its end is the answer.
        let _ = all_worked.recv().await;
        parent.beat();
        tokio::time::sleep(BEAT).await;
    }
}

/// Until control shows its first table connections wait to be accepted. While it is away for longer, what was served before is
/// served on, and the rest is held by the edge itself.
async fn first_table(tables: &mut watch::Receiver<Arc<RouteTable>>) {
    // Either way it is time to begin.
    let _ = tokio::time::timeout(PATIENCE, tables.wait_for(|table| table.generation > 0)).await;
}

async fn names(mut tables: watch::Receiver<Arc<RouteTable>>, sockets: NameSockets, asked: Asked) {
    // Without any table there would be nobody to keep the sockets for, and no name.
    if tables.wait_for(|table| **table != RouteTable::default()).await.is_err() {
        return;
    }
    let end = CancellationToken::new();
    let (ends, upstreams) = (end.clone(), dormouse_dns::host_upstreams());
    tokio::spawn(async move {
        asked.either().await;
        ends.cancel();
    });
    if let Err(error) = dormouse_dns::serve(tables, upstreams, sockets, end).await {
        tracing::error!(%error, "private names are not answered");
    }
}
