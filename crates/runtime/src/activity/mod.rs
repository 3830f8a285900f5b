//! What an instance does by itself, as the kernel tells it: the connections it has opened, which way the last bytes on
//! them went, whether one of its threads waits for the next, and which of them sleep by the clock.

mod calls;
mod naps;
mod threads;

pub(crate) use calls::{calls, unread};
pub(crate) use naps::naps;
