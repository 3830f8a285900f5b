//! HTTP/1 between clients and instances. Everything that knows hyper is in here: the rest of the edge finds
//! instances, holds, counts and carries bytes without knowing how they are framed.

mod class;
mod client;
mod download;
mod events;
mod headers;
mod host;
mod io;
mod pace;
mod pool;
mod proxy;
mod serve;
mod upgrade;
mod upload;
mod watch;

pub(crate) use serve::{Http1, serve};
