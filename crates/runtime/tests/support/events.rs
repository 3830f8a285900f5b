//! Waiting for what happens by itself.
#![allow(unreachable_pub)]

use dormouse_backend::WorkloadEvent;
use tokio::sync::mpsc;

pub type Events = mpsc::UnboundedReceiver<WorkloadEvent>;

/// The next event of a kind; others are passed over.
pub async fn next<T>(events: &mut Events, pick: impl Fn(WorkloadEvent) -> Option<T>) -> T {
    loop {
        if let Some(found) = pick(events.recv().await.expect("somebody tells")) {
            return found;
        }
    }
}
