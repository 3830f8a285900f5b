//! The lifecycle rules, one row each: a situation, and what follows from it.

mod answers;
mod awake;
mod deadlines;
mod draining;
mod dsl;
mod endpoints;
mod healing;
mod health;
mod inside;
mod jobs;
mod look_in;
mod probing;
mod replicas;
mod rollout;
mod sleeping;
mod trial;
mod trust;
mod watchdog;

use dormouse_planner::plan;
use expect_test::Expect;

use dsl::{NOW, situation};

/// What is planned in a situation, one line.
#[track_caller]
fn check(what: &str, text: &str, want: &Expect) {
    let s = situation(text);
    let actions: Vec<String> = plan(&s.desired, &s.observed, NOW).iter().map(ToString::to_string).collect();
    let got = if actions.is_empty() { "nothing".to_owned() } else { actions.join("; ") };
    eprintln!("{what}: {got}");
    want.assert_eq(&got);
}
