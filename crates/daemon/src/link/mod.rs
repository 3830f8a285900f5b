//! The line between the control and the edge process: a Unix socket with length-prefixed JSON messages.
//!
//! Either end may die at any moment. The edge reconnects; on every connection control first sends the whole table and
//! the edge its whole traffic, so that nothing depends on what was said on another; what follows is what is different.

mod control_end;
mod edge_end;
mod identity;
mod message;
mod told;

pub(crate) use control_end::serve;
pub(crate) use edge_end::EdgeLink;
