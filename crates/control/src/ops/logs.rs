//! `dormouse logs`.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use dormouse_backend::{Builds, Stream, Workloads};
use dormouse_model::{InstanceId, ServiceKey, Time};

use crate::{Control, OpError, events::Cursor};

/// Lines held in memory at most, before they are handed out; older ones are left out.
const MOST: usize = 200_000;
/// Between two looks for new lines, while somebody follows.
const LOOK: Duration = Duration::from_millis(250);
/// Instances of a service that are looked at while following, beside those that are there: the newest.
const FOLLOWED: usize = 3;

/// Which lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogWanted {
    /// Nothing older.
    pub since: Option<Time>,
    /// At most so many of the newest, before following.
    pub tail: Option<usize>,
    /// Whether to stay and hand out lines as they are written.
    pub follow: bool,
    /// Whether the platform's own lines are wanted too.
    pub platform: bool,
}

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSource {
    /// An instance's standard output.
    Out,
    /// Its standard error.
    Err,
    /// Something the platform did to it.
    Platform,
}

impl From<Stream> for LogSource {
    fn from(stream: Stream) -> Self {
        match stream {
            Stream::Out => Self::Out,
            Stream::Err => Self::Err,
        }
    }
}

/// A line and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Which service.
    pub key: ServiceKey,
    /// Which instance; `None` for what concerns none, or no single one.
    pub instance: Option<InstanceId>,
    /// When it was written, or happened.
    pub at: Time,
    /// Where it comes from.
    pub source: LogSource,
    /// What it says, without the newline.
    pub text: String,
}

/// Hands out log lines.
pub struct LogReader<W, B> {
    control: Arc<Control<W, B>>,
    keys: Vec<ServiceKey>,
    wanted: LogWanted,
    positions: HashMap<InstanceId, u64>,
    events: HashMap<ServiceKey, Cursor>,
    begun: bool,
}

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Log lines of a service, or of all of a project, oldest first.
    ///
    /// # Errors
    /// When it is not known.
    pub async fn logs(
        self: &Arc<Self>,
        project: &str,
        service: Option<&str>,
        wanted: LogWanted,
    ) -> Result<LogReader<W, B>, OpError> {
        let keys = self.keys(project, service).await?;
        Ok(LogReader {
            control: self.clone(),
            keys,
            wanted,
            positions: HashMap::new(),
            events: HashMap::new(),
            begun: false,
        })
    }
}

impl<W: Workloads, B: Builds> LogReader<W, B> {
    /// The next lines; `None` when there are no more and nobody follows, or the project is gone.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<LogEntry>>, OpError> {
        loop {
            if self.begun && !self.wanted.follow {
                return Ok(None);
            }
            if self.begun {
                tokio::time::sleep(LOOK).await;
            }
            let newest = if self.begun { FOLLOWED } else { usize::MAX };
            let instances = self.instances(newest).await?.unwrap_or_else(|| {
                // The project is gone: what is left to say is how.
                self.wanted.follow = false;
                Vec::new()
            });
            let mut lines = VecDeque::new();
            for (key, id) in instances {
                self.read(&key, id, &mut lines).await?;
            }
            if self.wanted.platform {
                self.read_events(&mut lines)?;
            }
            let first = !std::mem::replace(&mut self.begun, true);
            let mut lines = Vec::from(lines);
            // An instance's last words stay before its end.
            lines.sort_by_key(|e| e.at);
            if let Some(tail) = self.wanted.tail.filter(|_| first) {
                let surplus = lines.len().saturating_sub(tail);
                lines.drain(..surplus);
            }
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
        }
    }

    async fn instances(&self, newest: usize) -> Result<Option<Vec<(ServiceKey, InstanceId)>>, OpError> {
        let keys = self.keys.clone();
        self.control
            .call(move |state| {
                state.projects.contains_key(&keys.first()?.project).then(|| {
                    let of = |key: &ServiceKey| {
                        let ids = state.history.get(key).map_or(&[][..], Vec::as_slice);
                        let skip = ids.len().saturating_sub(newest);
                        let there = |id: &InstanceId| state.observed.instances.contains_key(id);
                        let old = ids[..skip].iter().filter(|id| there(id));
                        old.chain(&ids[skip..]).map(|id| (key.clone(), *id)).collect::<Vec<_>>()
                    };
                    keys.iter().flat_map(of).collect()
                })
            })
            .await
    }

    async fn read(
        &mut self,
        key: &ServiceKey,
        id: InstanceId,
        lines: &mut VecDeque<LogEntry>,
    ) -> Result<(), OpError> {
        let position = self.positions.entry(id).or_default();
        loop {
            let chunk = self.control.workloads.read_log(key, id, *position).await?;
            if chunk.next <= *position {
                return Ok(());
            }
            *position = chunk.next;
            let new = chunk.lines.into_iter().map(|line| LogEntry {
                key: key.clone(),
                instance: Some(id),
                at: line.at,
                source: line.stream.into(),
                text: line.text,
            });
            let since = self.wanted.since;
            lines.extend(new.filter(|l| since.is_none_or(|since| l.at >= since)));
            let surplus = lines.len().saturating_sub(MOST);
            lines.drain(..surplus);
        }
    }

    fn read_events(&mut self, lines: &mut VecDeque<LogEntry>) -> Result<(), OpError> {
        for key in &self.keys {
            let dir = self.control.settings.service_logs(key);
            let cursor = self.events.entry(key.clone()).or_default();
            let file = |source| OpError::File { what: "read what happened to a service".to_owned(), source };
            let new = cursor.next(&dir).map_err(file)?.into_iter().map(|line| LogEntry {
                key: key.clone(),
                instance: line.instance,
                at: line.at,
                source: LogSource::Platform,
                text: line.text,
            });
            let since = self.wanted.since;
            lines.extend(new.filter(|l| since.is_none_or(|since| l.at >= since)));
        }
        Ok(())
    }
}
