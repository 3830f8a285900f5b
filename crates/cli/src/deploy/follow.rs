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
    let mut absence = Absence::default();
    loop {
        match client.deploy_events(id, next).await {
            Ok(mut events) => {
                while let Some(event) = events.next().await {
                    // Up to now it was there, however long it had nothing to say.
                    absence = Absence::default();
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
                        | DeployStep::LeftOut { .. }
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
        if absence.is_too_long(Instant::now()) {
            bail!(
                "the server has been away for {} s\n  hint: the deploy goes on when it is back; `dormouse ps` tells how it went",
                PATIENCE.as_secs()
            );
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Since when a server has been away, if it is.
#[derive(Debug, Default)]
struct Absence(Option<Instant>);

impl Absence {
    /// It is away now.
    fn is_too_long(&mut self, now: Instant) -> bool {
        now.duration_since(*self.0.get_or_insert(now)) > PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bug: a server killed in the middle of a build that had said nothing for a minute was never asked again.
    #[test]
    fn a_silent_build_is_no_absence() {
        let begin = Instant::now();
        let mut absence = Absence::default();
        for (seconds, too_long) in [(600, false), (601, false), (660, false), (661, true)] {
            assert_eq!(absence.is_too_long(begin + Duration::from_secs(seconds)), too_long, "{seconds}");
        }
    }
}
