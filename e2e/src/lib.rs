//! What an end-to-end test or a benchmark needs: a server in a folder of its own, its command line, and a visitor.
#![forbid(unsafe_code)]

mod browser;
mod server;
mod visitor;

pub use browser::{Browser, Session};
pub use server::{Server, binary, target, workspace};
pub use visitor::{Reply, Visitor};

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Ask again until it holds, or fail with what was last seen.
///
/// # Panics
/// When `limit` passes; the limit is generous, and is no claim about speed.
#[track_caller]
pub fn eventually<T: std::fmt::Debug>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match ask() {
            Ok(value) => return value,
            Err(seen) if Instant::now() > deadline => {
                panic!("{what}: still not after {limit:?}; last seen: {seen}")
            }
            Err(_) => sleep(Duration::from_millis(50)),
        }
    }
}
