//! Control's end of the line: sends tables, takes traffic, answers calls for wakes.

use std::{sync::Arc, time::Duration};

use dormouse_backend::{Builds, Workloads};
use dormouse_control::Control;
use futures_util::StreamExt;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::mpsc,
};
use tracing::{info, warn};

use super::message::{ToControl, ToEdge, line, next, send};

/// Before another attempt when a connection could not be taken: no descriptor was free, say.
const PAUSE: Duration = Duration::from_millis(50);

/// Talk to every edge that connects, an old one that is draining included.
pub(crate) async fn serve<W: Workloads, B: Builds>(listener: UnixListener, control: Arc<Control<W, B>>) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "cannot take a connection of the edge's; trying again");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        info!("edge connected");
        let control = control.clone();
        tokio::spawn(async move {
            if let Err(error) = talk(stream, control).await {
                warn!(%error, "lost the edge");
            }
        });
    }
}

async fn talk<W: Workloads, B: Builds>(
    stream: UnixStream,
    control: Arc<Control<W, B>>,
) -> std::io::Result<()> {
    let (mut tx, mut rx) = line(stream).split();
    let (answers, mut answered) = mpsc::unbounded_channel();
    let mut tables = control.routes();
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
                ToControl::Traffic(report) => control.report(report),
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
