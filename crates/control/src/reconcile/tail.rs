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

async fn read<W: Workloads>(workloads: &W, key: &ServiceKey, id: InstanceId) -> Vec<String> {
    let mut last = VecDeque::new();
    let mut from = 0;
    loop {
        match workloads.read_log(key, id, from).await {
            Ok(chunk) => {
                last.extend(chunk.lines.into_iter().map(|l| l.text));
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
