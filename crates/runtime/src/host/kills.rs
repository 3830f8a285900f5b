//! Telling that the kernel has killed some of an instance's processes.

use std::{
    io,
    sync::{Arc, Weak},
    time::Duration,
};

use dormouse_backend::WorkloadEvent;
use tokio::{task::spawn_blocking, time::sleep};

use super::{Inner, Networks, instance::Instance};
use crate::cgroup::{Group, Listening};

/// The kernel says that there is no memory left before it kills, and who ends of it does so a moment later.
const SETTLE: Duration = Duration::from_millis(300);
/// What is killed again and again is told together.
const PAUSE: Duration = Duration::from_secs(10);

impl<N: Networks> Inner<N> {
    /// Tell of processes that are killed from now on because the instance has reached its limit of memory, as long as it goes on.
    pub(super) fn watch_kills(self: &Arc<Self>, instance: &Arc<Instance>) {
        let Some(group) = instance.group.clone() else { return };
        let (inner, id) = (Arc::downgrade(self), instance.record.spec.id);
        let ended = instance.ended();
        tokio::spawn(async move {
            let watched = async {
                let of = group.clone();
                let begun = spawn_blocking(move || Ok::<_, io::Error>((of.alarm()?, of.oom_kills()?)));
                let (alarm, seen) = begun.await.map_err(io::Error::other)??;
                Self::tell_kills(&inner, id, &group, (alarm.listen()?, seen)).await
            };
            tokio::select! {
                () = ended => {}
                result = watched => if let Err(e) = result {
                    tracing::debug!("instance {id} is not watched for want of memory: {e}");
                }
            }
        });
    }

    async fn tell_kills(
        inner: &Weak<Self>,
        id: dormouse_model::InstanceId,
        group: &Arc<dyn Group>,
        (alarm, mut seen): (Listening, u64),
    ) -> io::Result<()> {
        loop {
            alarm.rings().await?;
            sleep(SETTLE).await;
            let of = group.clone();
            let now = spawn_blocking(move || of.oom_kills()).await.map_err(io::Error::other)??;
            if now > seen {
                let Some(inner) = inner.upgrade() else { return Ok(()) };
                inner.events.tell(WorkloadEvent::Killed(id, now - seen));
                seen = now;
                drop(inner);
                sleep(PAUSE).await;
            }
        }
    }
}
