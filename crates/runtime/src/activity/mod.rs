//! What an instance does by itself, as the kernel tells it: the connections it has opened, which way the last bytes on
//! them went, and whether one of its threads waits for the next.

mod calls;
mod threads;

pub(crate) use calls::{calls, unread};
