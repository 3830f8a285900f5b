//! What each service has used, hour by hour: a ledger that outlives instances, control and deploys.
//!
//! What the kernel counts from the start of an instance (processor time) is taken as the difference to the last mark that was
//! written; time and memory are counted from one look to the next, and from the last mark on by a control that has adopted an
//! instance. Marks and what they led to are written in one transaction, once a minute: whenever control is killed, nothing is
//! counted twice, and only what is not cumulative, how memory was filled, is not known better than to the minute.

mod ledger;
mod metered;

pub(crate) use ledger::{Ledger, Mark, Page};
pub(crate) use metered::Metered;
