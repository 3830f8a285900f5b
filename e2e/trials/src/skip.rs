//! Tests of libraries, which find out only when they run that this host cannot run them.

use std::{io::Write, thread};

/// Say that the test that calls this is skipped, and why; it returns then. The usual harness calls it passed, and keeps what
/// it prints to itself: so this goes past it, in a line that `scripts/test` shows again at the end.
pub fn skip(why: &str) {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    // Nobody is left to tell when this fails.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}
