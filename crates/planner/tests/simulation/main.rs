//! Random histories, in which the rules have to hold whatever happens.
//!
//! A small control, written as plainly as possible, carries out what the planner says on the simulated hands; a small
//! edge sends requests and tells what it carried. Deployments, crashes, sleeps, wakes, traffic, failing operations and
//! restarts of control and edges that hand over or die come at random. [`rules`] says what must hold at every step, [`history`] what must hold when
//! everything has calmed down.
//!
//! `DORMOUSE_SEED=7 cargo test -p dormouse-planner --test simulation` replays one history and tells what happened;
//! `DORMOUSE_HISTORIES=100000` runs more of them.

mod apply;
mod chaos;
mod control;
mod edge;
mod edges;
mod history;
mod outside;
mod rules;
mod store;

use std::{collections::BTreeMap, env, thread};

use history::History;

/// Histories in one run.
const HISTORIES: u64 = 10_000;

/// A rule that was broken, and what led to it.
struct Broken {
    seed: u64,
    why: String,
    story: Vec<String>,
}

/// How often each kind of thing happened.
type Tally = BTreeMap<&'static str, u64>;

fn run(seeds: impl Iterator<Item = u64>, tell: bool) -> Result<Tally, Box<Broken>> {
    let mut tally = Tally::new();
    for seed in seeds {
        for (what, n) in History::new(seed, tell).run()? {
            *tally.entry(what).or_default() += n;
        }
    }
    Ok(tally)
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|v| v.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

#[test]
fn the_rules_hold_in_random_histories() {
    let result = if let Some(seed) = number("DORMOUSE_SEED") {
        run(std::iter::once(seed), true).map(|_| ())
    } else {
        let count = number("DORMOUSE_HISTORIES").unwrap_or(HISTORIES);
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let parts: Vec<_> = (0..threads)
            .map(|part| thread::spawn(move || run((0..count).skip(part).step_by(threads), false)))
            .collect();
        let mut tally = Tally::new();
        let mut first: Option<Box<Broken>> = None;
        for part in parts {
            match part.join().expect("a thread panicked") {
                Ok(part) => part.into_iter().for_each(|(what, n)| *tally.entry(what).or_default() += n),
                Err(broken) if first.as_ref().is_none_or(|f| broken.seed < f.seed) => first = Some(broken),
                Err(_later) => {}
            }
        }
        eprintln!("{count} histories: {tally:#?}");
        match first {
            Some(broken) => Err(broken),
            None => {
                covered(&tally);
                Ok(())
            }
        }
    };
    if let Err(broken) = result {
        let story = broken.story.join("\n");
        let Broken { seed, why, .. } = *broken;
        panic!("{story}\nin the history of seed {seed}: {why}\n  rerun it: DORMOUSE_SEED={seed}");
    }
}

/// A simulation in which something never happens would say nothing about it.
fn covered(tally: &Tally) {
    for what in [
        "wake",
        "start",
        "promote",
        "fail",
        "roll back",
        "drain",
        "set limits",
        "limits failed",
        "deployed without a restart",
        "scaled",
        "rolled one of several",
        "served by several",
        "sleep",
        "stop: replaced",
        "stop: surplus",
        "stop: removed",
        "stop: idle",
        "stop: never ready",
        "stop: unhealthy",
        "stop: hung",
        "remove",
        "request answered",
        "request held",
        "request refused",
        "control restarted",
        "start failed",
        "only frozen",
        "frame held",
        "message answered",
        "look",
        "stir",
        "out of patience",
        "wake cut in",
        "dark wake",
        "looked in",
        "found at work",
        "sleep noticed",
        "sleep called off",
        "edge handed over",
        "edge drained",
        "edge killed",
        "crash",
    ] {
        assert!(tally.contains_key(what), "it never came to `{what}`");
    }
}
