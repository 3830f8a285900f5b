//! Control's end of the line: sends tables, takes traffic, answers calls for wakes.

use std::{future::Future, sync::Arc};

use dormouse_model::{RouteTable, ServiceKey, Target, TrafficReport, WakeRefused};
use futures_util::StreamExt;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{mpsc, watch},
};
use tracing::{info, warn};

use super::message::{ToControl, ToEdge, line, next, send};

/// What the line needs from control. Only the composition root knows both.
pub(crate) trait Mind: Send + Sync + 'static {
    fn wake(&self, service: &ServiceKey) -> impl Future<Output = Result<Vec<Target>, WakeRefused>> + Send;
    fn report(&self, report: TrafficReport);
    fn routes(&self) -> watch::Receiver<Arc<RouteTable>>;
}

/// Talk to every edge that connects, an old one that is draining included.
pub(crate) async fn serve(listener: UnixListener, mind: Arc<impl Mind>) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        info!("edge connected");
        let mind = mind.clone();
        tokio::spawn(async move {
            if let Err(error) = talk(stream, mind).await {
                warn!(%error, "lost the edge");
            }
        });
    }
}

async fn talk(stream: UnixStream, mind: Arc<impl Mind>) -> std::io::Result<()> {
    let (mut tx, mut rx) = line(stream).split();
    let (answers, mut answered) = mpsc::unbounded_channel();
    let mut tables = mind.routes();
    tables.mark_changed();

    let speak = async {
        loop {
            tokio::select! {
                // Tables first: an answer to a wake must not overtake the table that shows the instance awake.
                biased;
                changed = tables.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    let table = tables.borrow_and_update().clone();
                    send(&mut tx, &ToEdge::Table(table)).await?;
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
                ToControl::Traffic(report) => mind.report(report),
                ToControl::Wake { call, service } => {
                    let (mind, answers) = (mind.clone(), answers.clone());
                    tokio::spawn(async move {
                        let result = mind.wake(&service).await;
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
