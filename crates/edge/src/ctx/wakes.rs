//! One wake call for everybody who waits for the same service.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use dormouse_model::{ServiceKey, Target, WakeRefused};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use crate::Wake;

pub(crate) type Answer = Result<Arc<[Target]>, WakeRefused>;
type Call = BoxFuture<'static, Answer>;

/// Only met by requests for services that are not awake, so a lock does no harm here.
pub(crate) struct Wakes {
    ask: Box<dyn Fn(ServiceKey) -> Call + Send + Sync>,
    running: Mutex<HashMap<ServiceKey, WeakShared<Call>>>,
}

impl fmt::Debug for Wakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakes").finish_non_exhaustive()
    }
}

impl Wakes {
    /// Calls run on `runtime`, not on the workers: their sockets and timers outlive whoever waits first.
    pub(crate) fn new<W: Wake>(wake: Arc<W>, runtime: Handle) -> Self {
        let ask = move |key: ServiceKey| {
            let wake = wake.clone();
            let call = AbortOnDropHandle::new(runtime.spawn(async move { wake.wake(&key).await }));
            // A call that panicked or was cancelled with its runtime never answers; its waiters time out.
            let answer = |joined: Result<Result<Vec<Target>, _>, _>| match joined {
                Ok(answer) => answer.map(Arc::from),
                Err(_) => Err(WakeRefused::TimedOut),
            };
            call.map(answer).boxed()
        };
        Self { ask: Box::new(ask), running: Mutex::default() }
    }

    /// Join the call that runs for this service, or make one. It ends when the last who waits for it is dropped.
    pub(crate) fn wake(&self, key: &ServiceKey) -> Shared<Call> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // An answered call may be held on to by somebody slow; its answer is too old for who comes now.
        if let Some(call) =
            running.get(key).and_then(WeakShared::upgrade).filter(|call| call.peek().is_none())
        {
            return call;
        }
        running.retain(|_, call| call.upgrade().is_some());
        let call = (self.ask)(key.clone()).shared();
        if let Some(weak) = call.downgrade() {
            running.insert(key.clone(), weak);
        }
        call
    }
}
