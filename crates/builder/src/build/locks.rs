//! Two builds that need the same layer make it once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// One lock per cache key, for as long as somebody wants it.
#[derive(Debug, Default)]
pub(crate) struct Locks(Mutex<HashMap<String, Weak<Turn<()>>>>);

impl Locks {
    /// Wait until nobody else is making this layer. `busy` hears of it when somebody is.
    pub(crate) async fn take(&self, key: String, busy: impl FnOnce()) -> OwnedMutexGuard<()> {
        let lock = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|_, lock| lock.strong_count() > 0);
            let known = all.get(&key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::new(Turn::new(()));
                all.insert(key, Arc::downgrade(&lock));
                lock
            })
        };
        match lock.clone().try_lock_owned() {
            Ok(free) => free,
            Err(_) => {
                busy();
                lock.lock_owned().await
            }
        }
    }
}
