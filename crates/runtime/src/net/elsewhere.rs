//! A host of its own for a test.

use nix::sched::{CloneFlags, unshare};

/// Runs in a network namespace of its own, as root.
pub(super) fn within(test: impl AsyncFnOnce() + Send) {
    if let Some(why) = dormouse_trials::lacks_root() {
        dormouse_trials::skip(why);
        return;
    }
    std::thread::scope(|threads| {
        threads.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(test());
        });
    });
}
