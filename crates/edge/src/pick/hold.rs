//! What cannot go on is held until a table lets it, or a wake does.

use std::sync::Arc;

use dormouse_model::{ServiceKey, Target, WakeRefused};
use tokio::time::{Instant, error::Elapsed, timeout_at};

use crate::ctx::{Ctx, Table};

/// What has ended a hold.
#[derive(Debug)]
pub(crate) enum Released<T> {
    /// A table, in which this was seen.
    Shown(T),
    /// The answer to the call for a wake, which knows more than the table in use.
    Answered(Arc<[Target]>),
}

/// Hold until a table shows what is looked for, the one in use included.
pub(crate) async fn hold<T>(
    ctx: &Ctx,
    until: Instant,
    shows: impl Fn(&Table) -> Option<T>,
) -> Result<T, Elapsed> {
    timeout_at(until, async {
        loop {
            let shown = shows(&ctx.table());
            match shown {
                Some(shown) => return shown,
                None => ctx.next_table().await,
            }
        }
    })
    .await
}

/// The same, and have the service woken meanwhile.
pub(crate) async fn wake<T>(
    ctx: &Ctx,
    service: &ServiceKey,
    until: Instant,
    shows: impl Fn(&Table) -> Option<T>,
) -> Result<Released<T>, WakeRefused> {
    tokio::select! {
        answer = ctx.wakes().wake(service) => answer.map(Released::Answered),
        shown = hold(ctx, until, shows) => shown.map(Released::Shown).map_err(|_| WakeRefused::TimedOut),
    }
}
