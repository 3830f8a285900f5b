//! What an instance's traffic says of those who use it.

use dormouse_model::{InstanceRecord, SleepPolicy, Streams, Time};

use crate::clock::Clock;

/// Until when who has said something hopes for a word. What an instance says by itself prolongs nothing: a page that ticks
/// would be looked in on for ever.
pub(crate) fn hopes_until(i: &InstanceRecord, policy: &SleepPolicy) -> Option<Time> {
    let said = i.traffic.last_client_byte.filter(|_| policy.streams == Streams::Count)?;
    Some(said.after(policy.patience))
}

/// Whether a visitor has a connection to it.
pub(crate) fn is_listened_to(i: &InstanceRecord) -> bool {
    i.traffic.connections > i.traffic.private
}

/// Whether an answer to another service has begun and not ended. Who listens for ever holds nobody awake for ever: it counts
/// from what was last asked.
pub(crate) fn unfinished(i: &InstanceRecord, policy: &SleepPolicy, clock: &Clock) -> bool {
    let asked = i.traffic.last_client_byte;
    i.traffic.answers > 0 && asked.is_some_and(|at| !clock.passed(at, policy.patience))
}
