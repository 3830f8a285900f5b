//! Watching the host's disk for those who write to it without knowing it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};

use dormouse_backend::{HostDisk, WorkloadEvent};
use dormouse_model::InstanceId;
use rustix::fs::statvfs;
use tokio::{task::spawn_blocking, time::sleep};
use tracing::{info, warn};

use super::{
    Inner, Networks, lock,
    takers::{takers, told},
};
use crate::disk::{Divided, Held, Shortage, padding};

/// Faster than disks write.
const BYTES_A_SECOND: u64 = 4 << 30;

/// Pauses between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Between two tellings of one shortage.
const TELL_AGAIN: Duration = Duration::from_secs(600);

/// What is remembered from one look to the next.
#[derive(Default)]
struct Seen {
    shortage: Option<Shortage>,
    real: BTreeMap<InstanceId, u64>,
    told: Option<Instant>,
}

impl<N: Networks> Inner<N> {
    /// Keep what instances write within what the host has, for as long as this lives.
    pub(super) fn watch_disk(self: &Arc<Self>) {
        let mut inner = Arc::downgrade(self);
        tokio::spawn(async move {
            let (mut seen, mut pause) = (Seen::default(), PAUSES.0);
            loop {
                sleep(pause).await;
                let looking =
                    spawn_blocking(move || look(&inner, seen).map(|(seen, pause)| (inner, seen, pause)));
                let Ok(Some((again, so_far, next))) = looking.await else { return };
                (inner, seen, pause) = (again, so_far, next);
            }
        });
    }
}

/// `None` when there is nobody to look for any more.
fn look<N: Networks>(inner: &Weak<Inner<N>>, mut seen: Seen) -> Option<(Seen, Duration)> {
    let inner = inner.upgrade()?;
    let state = &inner.settings.state;
    let Ok(host) = statvfs(state.join("run")) else { return Some((seen, PAUSES.1)) };
    let all: Vec<_> = lock(&inner.instances).iter().map(|(id, i)| (*id, i.clone())).collect();
    let mut disks: Vec<_> =
        all.into_iter().filter_map(|(id, i)| Some((id, i.with_disk(Held::divided)?, i))).collect();
    let owed: u64 = disks.iter().map(|(_, disk, _)| disk.owed).sum();
    let left = (host.f_bavail * host.f_frsize).saturating_sub(owed);

    let before = seen.shortage.unwrap_or_else(|| Shortage::of(host.f_blocks * host.f_frsize));
    let now = before.after(left);
    let share = now.share(left, disks.len());
    // Who writes most first: each takes a moment.
    let grown = |id: &InstanceId, disk: &Divided| {
        (disk.real + disk.owed).saturating_sub(seen.real.get(id).copied().unwrap_or(0))
    };
    disks.sort_by_key(|(id, disk, _)| std::cmp::Reverse(grown(id, disk)));
    for (_, disk, instance) in &disks {
        if let Some(bytes) = padding(*disk, share) {
            instance.with_disk(|held| held.withhold(bytes));
        }
    }
    seen.real = disks.iter().map(|(id, disk, _)| (*id, disk.real + disk.owed)).collect();
    seen.shortage = Some(now);
    match share {
        Some(share) if seen.told.is_none_or(|at| at.elapsed() >= TELL_AGAIN) => {
            seen.told = Some(Instant::now());
            inner.events.tell(WorkloadEvent::Disk(HostDisk::Short { left, each: share }));
            let (state, instances) = (state.clone(), disks.len());
            // Looking who has taken it takes a while.
            thread::spawn(move || {
                warn!(
                    "the disk of {} is nearly full: {} MiB are left, so each of {instances} instances may write no more \
                     than {} MiB; most was taken by {}\n  hint: make room, or `dormouse down` what is not needed",
                    state.display(),
                    left >> 20,
                    share >> 20,
                    told(&takers(&state))
                );
            });
        }
        None if before.is_on() => {
            seen.told = None;
            inner.events.tell(WorkloadEvent::Disk(HostDisk::Enough));
            info!("there is room again on the disk of {}: {} MiB", state.display(), left >> 20);
        }
        Some(_) | None => {}
    }
    let millis = left.saturating_sub(now.kept()) * 1000 / BYTES_A_SECOND;
    Some((seen, Duration::from_millis(millis).clamp(PAUSES.0, PAUSES.1)))
}
