//! All sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Session, SessionId};
use crate::settings::Limits;

/// The sessions, bounded in number and bytes. Nothing expires: a session goes only when the bound is reached and it is
/// the one longest unused, so that an app that slept for a week remembers.
#[derive(Debug)]
pub struct Store {
    limits: Limits,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Counts uses: an order that needs no clock.
    uses: u64,
    sessions: HashMap<SessionId, Entry>,
}

#[derive(Debug)]
struct Entry {
    used: u64,
    session: Arc<Session>,
}

impl Store {
    /// An empty store.
    pub fn new(limits: Limits) -> Self {
        Self { limits, inner: Mutex::default() }
    }

    /// A session by name, which counts as a use. A name that is not known is never taken on: else whoever could plant a
    /// cookie would share the session.
    pub fn get(&self, id: SessionId) -> Option<Arc<Session>> {
        let mut inner = self.inner();
        inner.uses += 1;
        let uses = inner.uses;
        let entry = inner.sessions.get_mut(&id)?;
        entry.used = uses;
        Some(Arc::clone(&entry.session))
    }

    /// A new session under a new name.
    pub fn create(&self) -> Result<(SessionId, Arc<Session>), getrandom::Error> {
        let id = SessionId::random()?;
        let session = Arc::new(Session::new(self.limits));
        let mut inner = self.inner();
        inner.uses += 1;
        let entry = Entry { used: inner.uses, session: Arc::clone(&session) };
        inner.sessions.insert(id, entry);
        while inner.sessions.len() > self.limits.sessions && inner.evict() {}
        Ok((id, session))
    }

    /// Brings the bytes back under their bound. The session used last stays.
    pub fn enforce(&self) {
        let mut inner = self.inner();
        let mut bytes: usize = inner.sessions.values().map(|entry| entry.session.bytes()).sum();
        while bytes > self.limits.bytes && inner.sessions.len() > 1 {
            let before = inner.sessions.len();
            if !inner.evict() || inner.sessions.len() == before {
                return;
            }
            bytes = inner.sessions.values().map(|entry| entry.session.bytes()).sum();
        }
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.inner().sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Drops the session longest unused, one that waits for no answer if there is any.
    fn evict(&mut self) -> bool {
        let oldest = self.sessions.iter().min_by_key(|(_, entry)| (entry.session.is_running(), entry.used));
        let Some(id) = oldest.map(|(id, _)| *id) else { return false };
        self.sessions.remove(&id).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::Question;

    #[test]
    fn only_the_session_longest_unused_goes() {
        let store = Store::new(Limits { sessions: 3, ..Limits::default() });
        let mut ids: Vec<_> = (0..3).map(|_| store.create().expect("random").0).collect();
        assert!(store.get(ids[0]).is_some());
        ids.push(store.create().expect("random").0);
        let left: Vec<_> = ids.iter().map(|id| store.get(*id).is_some()).collect();
        assert_eq!(left, [true, false, true, true]);
        assert!(store.get(SessionId::random().expect("random")).is_none());
        assert_eq!(store.len(), 3);
    }

    #[test]
    fn bytes_are_bounded_and_the_last_session_stays() {
        let store = Store::new(Limits { bytes: 20_000, ..Limits::default() });
        let ids: Vec<_> = (0..8)
            .map(|number| {
                let (id, session) = store.create().expect("random");
                session
                    .ask(Question::parse(&format!("{number}").repeat(3_000)).expect("fits"), None)
                    .expect("asked");
                store.enforce();
                id
            })
            .collect();
        let left: Vec<_> = ids.iter().map(|id| store.get(*id).is_some()).collect();
        assert!(left[7], "{left:?}");
        assert!(store.len() < 8 && !left[0], "{left:?}");
    }
}
