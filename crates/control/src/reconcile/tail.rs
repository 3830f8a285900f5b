//! The last words of what keeps ending.

use std::collections::VecDeque;

use dormouse_backend::Workloads;
use dormouse_model::{InstanceId, ServiceKey};
use tracing::warn;

use super::{Msg, Reconciler};
use crate::error::chain;

/// Lines told to whoever deploys it.
const LINES: usize = 20;

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
                let surplus = last.len().saturating_sub(LINES);
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
