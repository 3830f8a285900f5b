//! Logs of instances long gone: a service that crashes again and again would fill the disk with them.

use std::path::PathBuf;

use dormouse_backend::Workloads;
use dormouse_model::{InstanceId, ServiceKey};
use tracing::warn;

use super::Reconciler;
use crate::store::REMEMBERED;

impl<W: Workloads> Reconciler<W> {
    /// Remove the logs of all but the newest instances of a service; what still runs keeps its own.
    pub(super) fn forget_old_logs(&mut self, key: &ServiceKey) {
        let Some(history) = self.state.history.get_mut(key) else { return };
        let observed = &self.state.observed.instances;
        let old = surplus(history, |id| observed.contains_key(&id) || self.starting.contains_key(&id));
        history.retain(|id| !old.contains(id));
        let dir = self.state.settings.service_logs(key);
        let files: Vec<PathBuf> = old
            .iter()
            .flat_map(|id| [format!("{id}.log"), format!("{id}.log.1")])
            .map(|f| dir.join(f))
            .collect();
        if files.is_empty() {
            return;
        }
        self.tasks.spawn(async move {
            for file in files {
                match tokio::fs::remove_file(&file).await {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        warn!(file = %file.display(), %error, "cannot remove an old log");
                    }
                    Ok(()) | Err(_) => {}
                }
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
