//! Where events are said. Nobody who says one waits for the disk.

use std::{iter, path::PathBuf, sync::Arc, sync::mpsc, thread, time::Duration};

use dormouse_model::{InstanceId, ServiceKey, Time};
use tokio::sync::oneshot;
use tracing::warn;

use super::{
    Event,
    file::{self, Line},
};
use crate::ControlSettings;

/// Time that whoever woke something has the processor for himself.
const MOMENT: Duration = Duration::from_millis(20);

/// The way to the thread that writes events.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    settings: Arc<ControlSettings>,
    jobs: mpsc::Sender<Job>,
}

#[derive(Debug)]
enum Job {
    Write {
        dir: PathBuf,
        at: Time,
        instance: Option<InstanceId>,
        event: Event,
    },
    /// Tell when everything before it is written.
    Flush(oneshot::Sender<()>),
}

impl Events {
    /// Begin a thread that writes them.
    pub(crate) fn open(settings: Arc<ControlSettings>) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        thread::Builder::new().name("events".to_owned()).spawn(move || {
            // Ends when the last sender is gone, with everything written.
            while let Ok(first) = inbox.recv() {
                if first.can_wait() {
                    thread::sleep(MOMENT);
                }
                iter::once(first).chain(inbox.try_iter()).for_each(Job::run);
            }
        })?;
        Ok(Self { settings, jobs })
    }

    /// Something happened to a service, or to an instance of it.
    pub(crate) fn say(&self, key: &ServiceKey, instance: Option<InstanceId>, at: Time, event: Event) {
        let dir = self.settings.service_logs(key);
        // The thread ends after everybody who says something.
        drop(self.jobs.send(Job::Write { dir, at, instance, event }));
    }

    /// Wait until everything said so far is written.
    pub(crate) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.jobs.send(Job::Flush(done)).is_ok() {
            // Fails only when the thread is gone, and then there is nothing to wait for.
            let _ = written.await;
        }
    }
}

impl Job {
    fn can_wait(&self) -> bool {
        match self {
            Self::Write { event, .. } => event.can_wait(),
            Self::Flush(_) => false,
        }
    }

    fn run(self) {
        match self {
            Self::Write { dir, at, instance, event } => {
                let line = Line { at, instance, once: event.once(instance), text: event.to_string() };
                if let Err(error) = file::append(&dir, &line) {
                    warn!(dir = %dir.display(), %error, event = line.text, "cannot write down an event");
                }
            }
            // Whoever waited may have left.
            Self::Flush(done) => drop(done.send(())),
        }
    }
}
