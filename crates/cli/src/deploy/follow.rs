//! A deploy's events until the last, whatever happens to the connection.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use dormouse_api::{Client, DeployEvent, DeployStep, Error};
use futures_util::StreamExt;

use super::served::Served;

/// Pause before asking again.
const RETRY: Duration = Duration::from_millis(300);

/// How long a server may be away before we stop asking.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a deploy ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The project's URLs, the front one first.
    Done(Vec<String>),
    /// Why not, and which versions serve, where that differs from service to service.
    Failed {
        /// One line, perhaps with more below it.
        reason: String,
        /// A line each.
        serves: Vec<String>,
    },
}

/// Hand every event over once, in order. When the connection breaks, go on after the last event seen.
pub(crate) async fn follow(
    client: &Client,
    id: u64,
    mut show: impl FnMut(&DeployEvent) -> Result<()>,
) -> Result<End> {
    let (mut next, mut served) = (0, Served::default());
    let mut heard = Instant::now();
    loop {
        match client.deploy_events(id, next).await {
            Ok(mut events) => {
                while let Some(event) = events.next().await {
                    heard = Instant::now();
                    let Ok(event) = event else { break };
                    // Progress is not kept, so its number may come again.
                    if !matches!(event.step, DeployStep::Progress { .. }) {
                        if event.seq < next {
                            continue;
                        }
                        next = event.seq + 1;
                    }
                    show(&event)?;
                    served.hear(&event);
                    match event.step {
                        DeployStep::Done { urls } => return Ok(End::Done(urls)),
                        DeployStep::Failed { reason } => {
                            return Ok(End::Failed { reason, serves: served.mixture(id) });
                        }
                        DeployStep::Queued { .. }
                        | DeployStep::Building
                        | DeployStep::Phase { .. }
                        | DeployStep::PhaseDone { .. }
                        | DeployStep::Progress { .. }
                        | DeployStep::Output { .. }
                        | DeployStep::Image { .. }
                        | DeployStep::BuildFailed { .. }
                        | DeployStep::Unchanged
                        | DeployStep::Applied { .. }
                        | DeployStep::Starting { .. }
                        | DeployStep::Waiting { .. }
                        | DeployStep::Ready { .. }
                        | DeployStep::RolloutFailed { .. }
                        | DeployStep::Superseded { .. }
                        | DeployStep::TakenDown
                        | DeployStep::Cancelled => {}
                    }
                }
            }
            // The server itself may be on its way back.
            Err(Error::Server { status: 500.., .. } | Error::Broken { .. } | Error::Unreachable { .. }) => {}
            Err(e @ Error::Server { .. }) => return Err(e.into()),
        }
        if heard.elapsed() > PATIENCE {
            bail!(
                "the server has been away for {} s\n  hint: the deploy goes on when it is back; `dormouse ps` tells how it went",
                PATIENCE.as_secs()
            );
        }
        tokio::time::sleep(RETRY).await;
    }
}
