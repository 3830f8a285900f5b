//! The last words of what keeps ending.

use std::collections::VecDeque;

use dormouse_backend::Workloads;
use dormouse_model::{InstanceId, ServiceKey};
use tracing::warn;

use super::{Msg, Reconciler};
use crate::error::chain;

/// Lines told to whoever deploys it.
const LINES: usize = 20;
/// Lines in which the cause is looked for: a supervisor says much of its own after it.
const SEARCHED: usize = 200;

/// Among so many lines a kind of line is kept only so often: a server that notes each request that it fails would
/// push out why it fails.
const AMONG: usize = 12;
const OFTEN: usize = 3;

/// The lines to be told: the last ones, and where what tells the cause stands above these, what led to it and how it ended.
pub(super) fn told(said: &[String], tells: impl Fn(&String) -> bool) -> Vec<String> {
    let last = said.len().saturating_sub(LINES);
    let Some(cause) = said.iter().rposition(tells).filter(|cause| *cause < last) else {
        return said[last..].to_vec();
    };
    let above = &said[(cause + 1).saturating_sub(LINES / 2)..=cause];
    let below = &said[said.len() - (LINES / 2 - 1)..];
    [above, &["...".to_owned()], below].concat()
}

impl<W: Workloads> Reconciler<W> {
    pub(super) fn read_tail(&mut self, key: &ServiceKey, id: InstanceId) {
        self.tails.insert(key.clone(), id);
        let (workloads, outbox, key) = (self.workloads.clone(), self.outbox.clone(), key.clone());
        self.tasks.spawn(async move {
            let lines = read(&*workloads, &key, id).await;
            drop(outbox.send(Msg::Tail { key, id, lines }));
        });
    }

    pub(super) fn tail(&mut self, key: &ServiceKey, id: InstanceId, lines: Vec<String>) {
        if self.tails.get(key) == Some(&id) {
            self.tails.remove(key);
            self.state.log_tails.insert(key.clone(), lines);
        }
    }
}

/// Keep a line, in the place of an older one where there are enough of its kind: those that differ in numbers only.
fn keep(last: &mut VecDeque<String>, line: String) {
    let kind =
        |line: &str| line.split(|c: char| c.is_ascii_digit()).filter(|s| !s.is_empty()).collect::<String>();
    let (this, from) = (kind(&line), last.len().saturating_sub(AMONG));
    let alike: Vec<_> = (from..last.len()).filter(|at| kind(&last[*at]) == this).collect();
    if alike.len() >= OFTEN {
        last.remove(alike[0]);
    }
    last.push_back(line);
}

async fn read<W: Workloads>(workloads: &W, key: &ServiceKey, id: InstanceId) -> Vec<String> {
    let mut last = VecDeque::new();
    let mut from = 0;
    loop {
        match workloads.read_log(key, id, from).await {
            Ok(chunk) => {
                chunk.lines.into_iter().for_each(|line| keep(&mut last, line.text));
                let surplus = last.len().saturating_sub(SEARCHED);
                last.drain(..surplus);
                if chunk.next <= from {
                    return last.into();
                }
                from = chunk.next;
            }
            Err(error) => {
                warn!(%key, %id, error = %chain(&error), "cannot read the log");
                return last.into();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bug: what uWSGI said of an app that cannot be imported was pushed out by what it noted of each probe.
    #[test]
    fn what_is_noted_time_and_again_pushes_nothing_out() {
        let mut last = VecDeque::new();
        for line in ["Traceback (most recent call last):", "ModuleNotFoundError: No module named 'x'"] {
            keep(&mut last, line.to_owned());
        }
        for second in 0..120 {
            keep(&mut last, "--- no python application found ---".to_owned());
            keep(
                &mut last,
                format!("[pid: 7] 10.0.0.1 [12:00:{second:02}] GET / => 21 bytes in {} ms", second % 3),
            );
        }
        let told = told(&last.into_iter().collect::<Vec<_>>(), |_| false);
        assert_eq!(told.len(), 2 + 2 * OFTEN, "{told:?}");
        assert!(told[1].starts_with("ModuleNotFoundError") && told[7].contains("12:00:119"), "{told:?}");
    }

    /// Bug: of a module that gunicorn's workers did not find only the master's own traceback was told.
    #[test]
    fn the_cause_is_among_them() {
        let check = |lines: usize, cause: usize, expected: &str| {
            let said: Vec<_> = (1..=lines).map(|n| n.to_string()).collect();
            assert_eq!(told(&said, |line| *line == cause.to_string()).join(" "), expected);
        };
        check(3, 0, "1 2 3");
        check(22, 0, "3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22");
        check(22, 3, "3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22");
        check(22, 2, "1 2 ... 14 15 16 17 18 19 20 21 22");
        check(90, 40, "31 32 33 34 35 36 37 38 39 40 ... 82 83 84 85 86 87 88 89 90");
    }
}
