//! What the other services of a project do, for which one of them may be needed.

use std::time::Duration;

use dormouse_model::InstanceRecord;

use crate::{
    traffic::{hopes_until, is_listened_to, unfinished},
    view::{View, asleep},
};

/// Whether another service of its project works on a request or a message.
pub(crate) fn work(view: &View<'_>) -> bool {
    view.others().any(|i| i.traffic.in_flight > 0 || i.traffic.messages > 0)
}

/// Whether another service of its project works on a visitor's request or message.
pub(crate) fn serve(view: &View<'_>, patience: Duration) -> bool {
    let hopes = |i: &InstanceRecord| {
        let said = i.traffic.last_client_byte.max(i.traffic.last_event);
        i.traffic.messages > 0 && said.is_some_and(|at| !view.clock.passed(at, patience))
    };
    view.others().any(|i| i.traffic.visits() > 0 || hopes(i))
}

/// Whether a visitor listens to another service of its project, which may have asked it for what he waits for.
pub(crate) fn are_listened_to(view: &View<'_>) -> bool {
    view.others()
        .filter(|i| is_listened_to(i))
        .filter_map(|i| hopes_until(i, view.sleep_of(i)?))
        .any(|until| !view.clock.reached(until))
}

/// Whether another service of its project has begun an answer to a third, or to it, that has not ended.
pub(crate) fn answer(view: &View<'_>) -> bool {
    view.others()
        .filter(|i| asleep(i).is_none())
        .any(|i| view.sleep_of(i).is_some_and(|sleep| unfinished(i, sleep, view.clock)))
}
