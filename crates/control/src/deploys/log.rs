//! Events of a deploy: one JSON line each, appended to a file that outlives the process.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use dormouse_model::{Clock, ServiceName};
use tokio::sync::watch;
use tracing::warn;

use super::{DeployEvent, DeployStep};
use crate::DeployId;

/// Bytes at the end of a log in which its last event is looked for.
const LAST: u64 = 64 << 10;

/// What followers are told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    /// Events in the file.
    pub(crate) kept: u64,
    /// The newest that is not kept.
    pub(crate) progress: Option<Arc<DeployEvent>>,
}

/// The events of a deploy that is under way.
#[derive(Debug)]
pub(crate) struct EventLog {
    path: PathBuf,
    clock: Clock,
    file: Mutex<File>,
    live: watch::Sender<Live>,
}

impl EventLog {
    /// Create it, or go on with what an earlier process began; half a line at its end is cut off.
    pub(crate) fn open(path: PathBuf, clock: Clock) -> std::io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        file.set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
        file.seek(SeekFrom::End(0))?;
        let kept = text[..whole].iter().filter(|b| **b == b'\n').count();
        let kept = u64::try_from(kept).unwrap_or(u64::MAX);
        let (live, _) = watch::channel(Live { kept, progress: None });
        Ok(Self { path, clock, file: Mutex::new(file), live })
    }

    /// Whether the log of a deploy says how it ended.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub(crate) fn has_end(path: &Path) -> std::io::Result<bool> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(LAST)))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        // Half a line is none.
        let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let last = text[..whole].trim_ascii_end().rsplit(|b| *b == b'\n').next().unwrap_or_default();
        Ok(serde_json::from_slice(last).is_ok_and(|event: DeployEvent| event.step.is_last()))
    }

    /// Something happened.
    pub(crate) fn say(&self, service: Option<&ServiceName>, step: DeployStep) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self.live.borrow().kept;
        let fleeting = matches!(step, DeployStep::Progress { .. });
        let seq = if fleeting { kept.saturating_sub(1) } else { kept };
        let event = DeployEvent { seq, at: self.clock.wall(), service: service.cloned(), step };
        if fleeting {
            self.live.send_modify(|live| live.progress = Some(Arc::new(event)));
            return;
        }
        let written = serde_json::to_vec(&event).map_err(std::io::Error::other).and_then(|mut line| {
            line.push(b'\n');
            let before = file.stream_position()?;
            // Half a line on a full disk would spoil the next one.
            file.write_all(&line)
                .inspect_err(|_| drop(file.set_len(before).and_then(|()| file.seek(SeekFrom::Start(before)))))
        });
        match written {
            Ok(()) => self.live.send_modify(|live| {
                live.kept += 1;
                live.progress = None;
            }),
            Err(error) => warn!(%error, path = %self.path.display(), "cannot write down what a deploy does"),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn follow(&self) -> watch::Receiver<Live> {
        self.live.subscribe()
    }
}

/// The logs of all deploys that are under way.
#[derive(Debug, Default)]
pub(crate) struct Logs(Mutex<BTreeMap<DeployId, Arc<EventLog>>>);

impl Logs {
    pub(crate) fn add(&self, id: DeployId, log: &Arc<EventLog>) {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody writes to any more have said their last.
        logs.retain(|_, log| Arc::strong_count(log) > 1);
        logs.insert(id, log.clone());
    }

    pub(crate) fn get(&self, id: DeployId) -> Option<Arc<EventLog>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}
