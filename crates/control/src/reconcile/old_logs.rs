//! Logs of instances long gone: a service that crashes again and again would fill the disk with them.

use dormouse_backend::Workloads;
use dormouse_model::{InstanceId, ServiceKey};
use tracing::warn;

use super::Reconciler;
use crate::{error::chain, store::REMEMBERED};

impl<W: Workloads> Reconciler<W> {
    /// Remove the logs of all but the newest instances of a service; what still runs keeps its own.
    pub(super) fn forget_old_logs(&mut self, key: &ServiceKey) {
        let Some(history) = self.state.history.get_mut(key) else { return };
        let observed = &self.state.observed.instances;
        let old = surplus(history, |id| observed.contains_key(&id) || self.starting.contains(&id));
        if old.is_empty() {
            return;
        }
        history.retain(|id| !old.contains(id));
        let (workloads, key) = (self.workloads.clone(), key.clone());
        self.tasks.spawn(async move {
            if let Err(error) = workloads.remove_logs(&key, &old).await {
                warn!(%key, error = %chain(&error), "cannot remove old logs");
            }
        });
    }
}

/// Those that are too many, oldest first, and not alive.
fn surplus(history: &[InstanceId], alive: impl Fn(InstanceId) -> bool) -> Vec<InstanceId> {
    let many = history.len().saturating_sub(REMEMBERED);
    history[..many].iter().copied().filter(|id| !alive(*id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_and_the_living_stay() {
        let history: Vec<_> = (1..=53).map(InstanceId).collect();
        assert_eq!(surplus(&history, |_| false), [1, 2, 3].map(InstanceId));
        assert_eq!(surplus(&history, |id| id.0 == 2), [1, 3].map(InstanceId));
        assert_eq!(surplus(&history[..50], |_| false), []);
        assert_eq!(surplus(&[], |_| false), []);
    }
}
