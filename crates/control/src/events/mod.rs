//! What the platform does to services, as lines of their logs.
//!
//! [`Event`] is everything there is to say and says it, [`Events`] is where it is said, and [`file`] how it lies on disk:
//! beside the logs of a service's instances, in a file of its own, because those are written by the instances' own init.

mod event;
mod file;
mod writer;

pub(crate) use event::{Event, Rest, Waker};
pub(crate) use file::Cursor;
pub(crate) use writer::Events;
