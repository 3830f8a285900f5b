//! Test programs with a main of their own: one set-up for all of their tests, or a first line that must run before any thread
//! exists.
//!
//! Tests run one after the other, in the main thread. What the host cannot run is shown as ignored, with the reason: a test
//! that returns at once would look like one that passed. How long each took is told at the end, in a line a test that
//! `scripts/slowest` reads.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it is what a test program does")]

mod nearly;
mod skip;

use std::{
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Completion, Trial};
pub use nearly::nearly;
pub use skip::skip;

/// The static busybox that the sandboxes of tests are filled with, where there is one.
#[must_use]
pub fn busybox() -> Option<&'static Path> {
    ["/bin/busybox", "/usr/bin/busybox"].into_iter().map(Path::new).find(|p| p.exists())
}

/// Why this process cannot make sandboxes, networks and mounts, if it cannot.
#[must_use]
pub fn lacks_root() -> Option<&'static str> {
    (!nix::unistd::geteuid().is_root()).then_some("needs root")
}

/// Why this process cannot run the tests that fill their sandboxes with busybox, if it cannot.
#[must_use]
pub fn lacks_sandboxes() -> Option<&'static str> {
    lacks_root()
        .or_else(|| busybox().is_none().then_some("needs a static busybox: apt-get install busybox-static"))
}

type Times = Arc<Mutex<Vec<(String, Duration)>>>;

/// The tests of one program.
pub struct Trials {
    args: Arguments,
    lacks: Option<&'static str>,
    trials: Vec<Trial>,
    times: Times,
}

impl Trials {
    /// None yet, and the arguments that cargo passes on. `lacks` says why none of them can run here, if none can.
    #[must_use]
    pub fn new(lacks: Option<&'static str>) -> Self {
        Self::of(Arguments::from_args(), lacks)
    }

    fn of(mut args: Arguments, lacks: Option<&'static str>) -> Self {
        // Side by side they would only measure each other, and what they share is one host.
        args.test_threads = Some(1);
        Self { args, lacks, trials: Vec::new(), times: Times::default() }
    }

    /// Whether tests will run, so that what they share has to be set up.
    #[must_use]
    pub fn will_run(&self) -> bool {
        !self.args.list && self.lacks.is_none()
    }

    /// One more.
    pub fn add(&mut self, name: &str, test: impl FnOnce() + Send + 'static) {
        let trial = self.trial(name, test);
        self.trials.push(trial);
    }

    /// One more, which runs only when `asked` or with `--ignored`.
    pub fn add_long(&mut self, asked: bool, name: &str, test: impl FnOnce() + Send + 'static) {
        let trial = self.trial(name, test).with_ignored_flag(!asked);
        self.trials.push(trial);
    }

    fn trial(&self, name: &str, test: impl FnOnce() + Send + 'static) -> Trial {
        if let Some(reason) = self.lacks {
            return Trial::ignorable_test(name, move || Ok(Completion::ignored_with(reason)));
        }
        let (times, called) = (self.times.clone(), name.to_owned());
        Trial::test(name, move || {
            let _timed = Timed { times, name: called, began: Instant::now() };
            test();
            Ok(())
        })
    }

    /// Run those that the arguments ask for, and tell whether one failed.
    #[must_use]
    pub fn run(self) -> bool {
        let conclusion = libtest_mimic::run(&self.args, self.trials);
        for (name, time) in self.times.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            println!("test {name} took <{:.3}s>", time.as_secs_f64());
        }
        conclusion.has_failed()
    }
}

/// Notes the time when a test ends, also by a panic.
struct Timed {
    times: Times,
    name: String,
    began: Instant,
}

impl Drop for Timed {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        self.times.lock().unwrap_or_else(PoisonError::into_inner).push((name, self.began.elapsed()));
    }
}

/// Run tests that share nothing.
#[must_use]
pub fn run(lacks: Option<&'static str>, tests: &[(&str, fn())]) -> ExitCode {
    let mut trials = Trials::new(lacks);
    for (name, test) in tests {
        trials.add(name, *test);
    }
    ExitCode::from(u8::from(trials.run()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never() {
        panic!("it ran");
    }

    /// Bug: what was skipped was run with nothing to run on, and shown as passed.
    #[test]
    fn what_the_host_lacks_is_ignored_and_not_run() {
        for args in [vec!["test"], vec!["test", "--ignored"], vec!["test", "--include-ignored"]] {
            let args = Arguments::from_iter(args);
            let only_ignored = args.ignored;
            let mut trials = Trials::of(args.clone(), Some("needs root"));
            assert!(!trials.will_run());
            trials.add("short", never);
            trials.add_long(false, "long", never);
            let conclusion = libtest_mimic::run(&trials.args, trials.trials);
            let ignored = if only_ignored { 1 } else { 2 };
            assert_eq!((conclusion.num_passed, conclusion.num_failed), (0, 0), "{args:?}");
            assert_eq!(conclusion.num_ignored, ignored, "{args:?}");
        }
    }

    #[test]
    fn a_time_is_noted_of_what_passes_and_of_what_fails() {
        let mut trials = Trials::of(Arguments::default(), None);
        trials.add("passes", || ());
        trials.add("fails", never);
        trials.add_long(false, "long", never);
        let times = trials.times.clone();
        assert!(trials.will_run() && trials.run());
        let names: Vec<_> = times.lock().unwrap().iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names, ["passes", "fails"]);
    }
}
