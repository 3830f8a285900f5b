//! Connections as the kernel gives them: taking them, bounding how many there are, and refusing what is more. Knows nothing of
//! what is served.

mod accept;
mod admission;
mod dial;
mod io;
pub(crate) mod keepalive;
mod limit;
mod turn_away;

pub(crate) use accept::{Accepted, accept};
pub(crate) use admission::{Admission, Load, OpenConnection};
pub(crate) use dial::dial;
pub(crate) use io::Io;
pub(crate) use limit::{ConnectionLimit, Full, Owner};
pub(crate) use turn_away::TurnAway;
