//! The edge process: what must go on while control is away.

use std::{net::TcpListener, sync::Arc};

use anyhow::{Context, Result};
use dormouse_edge::{EdgeSettings, TrafficBook};
use listenfd::ListenFd;
use tokio_util::sync::CancellationToken;

use crate::{
    link::EdgeLink,
    settings::{self, Typed},
    state::StateDir,
    stop,
};

/// Serve until told to end.
pub(crate) fn run() -> Result<()> {
    let (dir, listen) = settings::inherited()?;
    let state = StateDir::open(&dir)?;
    let domain = Typed::read(&state.settings())?.resolve(listen)?.domain;
    // Whoever sees `localhost` sits at this machine, or has been let in.
    let settings = EdgeSettings { show_logs: domain == "localhost", ..EdgeSettings::default() };
    let public = sockets()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = stop::token()?;
        let traffic = Arc::new(TrafficBook::new());
        let link = EdgeLink::new(state.edge_socket(), state.routes(), traffic.clone());
        let (tables, wake) = (link.tables(), Arc::new(link.remote()));
        let line = tokio::spawn(link.run());
        let names = tokio::spawn(names(tables.clone(), shutdown.clone()));
        let served = dormouse_edge::run(settings, public, tables, wake, traffic, shutdown).await;
        line.abort();
        names.abort();
        served.context("the edge failed")
    })
}

async fn names(
    tables: tokio::sync::watch::Receiver<Arc<dormouse_model::RouteTable>>,
    shutdown: CancellationToken,
) {
    if let Err(error) = dormouse_dns::serve(tables, dormouse_dns::host_upstreams(), shutdown).await {
        tracing::error!(%error, "private names are not answered");
    }
}

fn sockets() -> Result<Vec<TcpListener>> {
    let mut inherited = ListenFd::from_env();
    let mut listeners = Vec::new();
    for i in 0..inherited.len() {
        listeners
            .extend(inherited.take_tcp_listener(i).context("an inherited socket is not a TCP listener")?);
    }
    anyhow::ensure!(
        !listeners.is_empty(),
        "no listener was inherited: this command is run by `dormouse serve`"
    );
    Ok(listeners)
}
