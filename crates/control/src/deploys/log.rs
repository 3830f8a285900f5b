//! Events of a deploy: one JSON line each, appended to a file that outlives the process.
//!
//! A build may say more than anybody reads. The file takes the first of it as it comes; from then on output waits in memory, where the
//! newest of it stays, and is written whenever something else happens: so each phase keeps its beginning or its end, and what is
//! left out between them is an event of its own. What a full disk does not take waits there too, and whoever follows reads both.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dormouse_model::{Clock, ServiceName};
use tokio::sync::watch;
use tracing::warn;

use super::{DeployEvent, DeployStep, waiting::Waiting};
use crate::DeployId;

/// Bytes at the end of a log in which its last event is looked for.
const LAST: u64 = 64 << 10;

/// Bytes of the file up to which output goes straight into it.
const FIRST: u64 = 4 << 20;

/// Bytes of the newest output that wait, and are written with what happens next.
const NEWEST: usize = 512 << 10;

/// Bytes of the file from which on less is written: many services say much.
const MUCH: u64 = 16 << 20;

/// Bytes of the newest output that are written then.
const LEAST: usize = 32 << 10;

/// What a killed control had not written down had numbers too, and who followed has seen them.
const UNWRITTEN: u64 = 1 << 32;

/// What followers are told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    /// The number of the next event.
    pub(crate) next: u64,
    /// The newest that is not kept.
    pub(crate) progress: Option<Arc<DeployEvent>>,
}

/// The events of a deploy that is under way.
#[derive(Debug)]
pub(crate) struct EventLog {
    path: PathBuf,
    clock: Clock,
    written: Mutex<Written>,
    live: watch::Sender<Live>,
}

/// The file, and what is not in it.
#[derive(Debug)]
pub(super) struct Written {
    file: File,
    size: u64,
    pub(super) waiting: Waiting,
    /// Whether the disk refused the last of it.
    refused: bool,
}

impl Written {
    /// Write what waits, if anything does.
    fn flush(&mut self) -> std::io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        if self.size >= MUCH {
            self.waiting.keep(LEAST);
        }
        let text = self.waiting.text()?;
        self.append(&text)?;
        self.waiting = Waiting::default();
        Ok(())
    }

    fn append(&mut self, text: &[u8]) -> std::io::Result<()> {
        let before = self.size;
        // Half a line on a full disk would spoil the next one.
        self.file.write_all(text).inspect_err(|_| {
            drop(self.file.set_len(before).and_then(|()| self.file.seek(SeekFrom::Start(before))));
        })?;
        self.size += u64::try_from(text.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

impl EventLog {
    /// Create it, or go on with what an earlier process began; half a line at its end is cut off.
    pub(crate) fn open(path: PathBuf, clock: Clock) -> std::io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        let (mut size, mut next) = (0, 0);
        let mut lines = BufReader::new(&mut file);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            size += u64::try_from(line.len()).unwrap_or(u64::MAX);
            next = serde_json::from_slice(&line).map_or(next, |Numbered { seq }| seq + 1 + UNWRITTEN);
            line.clear();
        }
        file.set_len(size)?;
        file.seek(SeekFrom::Start(size))?;
        let (live, _) = watch::channel(Live { next, progress: None });
        let written = Mutex::new(Written { file, size, waiting: Waiting::default(), refused: false });
        Ok(Self { path, clock, written, live })
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
        let mut written = self.written();
        let next = self.live.borrow().next;
        let fleeting = matches!(step, DeployStep::Progress { .. });
        let is_output = matches!(step, DeployStep::Output { .. });
        let seq = if fleeting { next.saturating_sub(1) } else { next };
        let event = DeployEvent { seq, at: self.clock.wall(), service: service.cloned(), step };
        if fleeting {
            self.live.send_modify(|live| live.progress = Some(Arc::new(event)));
            return;
        }
        match serde_json::to_vec(&event) {
            Ok(mut line) => {
                line.push(b'\n');
                written.waiting.push(event, line, NEWEST);
            }
            Err(error) => {
                return warn!(%error, path = %self.path.display(), "cannot write down what a deploy does");
            }
        }
        if !is_output || (written.size < FIRST && !written.refused) {
            self.flush(&mut written);
        }
        // Not before it can be read.
        self.live.send_modify(|live| {
            live.next += 1;
            live.progress = None;
        });
    }

    /// Whether all of it is in the file, after one more try.
    fn is_written(&self) -> bool {
        let mut written = self.written();
        self.flush(&mut written);
        !written.refused
    }

    fn flush(&self, written: &mut Written) {
        let refused = written.flush().err();
        if let Some(error) = refused.as_ref().filter(|_| !written.refused) {
            warn!(%error, path = %self.path.display(), "cannot write down what a deploy does, and try again");
        }
        written.refused = refused.is_some();
    }

    /// The file and what waits, as they are: nothing goes from one to the other meanwhile.
    pub(super) fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn follow(&self) -> watch::Receiver<Live> {
        self.live.subscribe()
    }
}

/// An event's number.
#[derive(serde::Deserialize)]
struct Numbered {
    seq: u64,
}

/// The logs of all deploys that are under way.
#[derive(Debug, Default)]
pub(crate) struct Logs(Mutex<BTreeMap<DeployId, Arc<EventLog>>>);

impl Logs {
    pub(crate) fn add(&self, id: DeployId, log: &Arc<EventLog>) {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody writes to any more have said their last, unless the disk did not take it.
        logs.retain(|_, log| Arc::strong_count(log) > 1 || !log.is_written());
        logs.insert(id, log.clone());
    }

    pub(crate) fn get(&self, id: DeployId) -> Option<Arc<EventLog>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}
