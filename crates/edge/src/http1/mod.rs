//! HTTP/1 between clients and instances. Everything that knows hyper is in here: the rest of the edge finds
//! instances, holds, counts and carries bytes without knowing how they are framed.

mod body;
mod class;
mod headers;
mod host;
mod io;
mod pace;
mod pool;
mod proxy;
mod serve;
mod upgrade;
mod watch;

pub(crate) use pool::Pool;
pub(crate) use serve::serve;
pub(crate) use watch::Watch;
