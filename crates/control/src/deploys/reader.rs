//! Reading a deploy's events from a cursor on, and following it.

use std::{
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::PathBuf,
    sync::Arc,
};

use tokio::sync::watch;

use super::{
    DeployEvent,
    log::{EventLog, Live},
};

/// Events read at once.
const BATCH: usize = 500;

/// Reads a deploy's events, and waits for more while it goes on.
#[derive(Debug)]
pub struct EventReader {
    path: PathBuf,
    /// Open from the beginning where it is there: the log of a project taken down is gone by its name, and still has to be
    /// read to its end.
    file: Option<File>,
    from: u64,
    position: u64,
    live: Option<watch::Receiver<Live>>,
    ended: bool,
    /// Whether something happened since progress was last told.
    fresh: bool,
    /// Keeps the log, and so its followers, alive.
    _log: Option<Arc<EventLog>>,
}

impl EventReader {
    pub(crate) fn new(path: PathBuf, log: Option<Arc<EventLog>>, from: u64) -> Self {
        let live = log.as_ref().map(|log| log.follow());
        let path = log.as_ref().map_or(path, |log| log.path().to_owned());
        let file = File::open(&path).ok();
        Self { path, file, from, position: 0, live, ended: false, fresh: false, _log: log }
    }

    /// The next events, in order; `None` after the last one, and when a deploy that is over has no more.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn next(&mut self) -> std::io::Result<Option<Vec<DeployEvent>>> {
        loop {
            if self.ended {
                return Ok(None);
            }
            let fresh = std::mem::take(&mut self.fresh);
            let progress = self.live.as_ref().filter(|_| fresh).and_then(|l| l.borrow().progress.clone());
            let mut events = self.read()?;
            if events.is_empty() {
                events.extend(progress.filter(|p| p.seq + 1 >= self.from).map(|p| (*p).clone()));
            }
            if !events.is_empty() {
                self.ended = events.iter().any(|e| e.step.is_last());
                return Ok(Some(events));
            }
            match &mut self.live {
                Some(live) => {
                    self.fresh = true;
                    self.ended = live.changed().await.is_err();
                }
                None => self.ended = true,
            }
        }
    }

    fn read(&mut self) -> std::io::Result<Vec<DeployEvent>> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(File::open(&self.path)?),
        };
        file.seek(SeekFrom::Start(self.position))?;
        let mut reader = BufReader::new(file);
        let mut events = Vec::new();
        let mut line = Vec::new();
        while events.len() < BATCH {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            if read == 0 || line.last() != Some(&b'\n') {
                break;
            }
            self.position += u64::try_from(read).unwrap_or(u64::MAX);
            let event: DeployEvent = serde_json::from_slice(&line)?;
            if event.seq >= self.from {
                events.push(event);
            }
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use dormouse_model::Clock;

    use super::*;
    use crate::deploys::DeployStep;

    fn output(text: &str) -> DeployStep {
        DeployStep::Output { stream: dormouse_backend::Stream::Out, text: text.to_owned() }
    }

    #[tokio::test]
    async fn a_log_goes_on_after_a_restart_and_is_read_from_a_cursor() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/builds/1.log");
        let log = EventLog::open(path.clone(), Clock::system()).unwrap();
        log.say(None, DeployStep::Queued { waits: None });
        log.say(None, output("one"));
        drop(log);
        // Killed in the middle of a line.
        let torn = [std::fs::read(&path).unwrap(), b"{\"seq\":2,".to_vec()].concat();
        std::fs::write(&path, torn).unwrap();

        let log = Arc::new(EventLog::open(path.clone(), Clock::system()).unwrap());
        let mut all = EventReader::new(path.clone(), Some(log.clone()), 0);
        let mut later = EventReader::new(path, Some(log.clone()), 2);
        assert_eq!(all.next().await.unwrap().unwrap().len(), 2);
        let waiting = tokio::spawn(async move { (later.next().await.unwrap().unwrap(), later) });
        tokio::task::yield_now().await;
        log.say(None, DeployStep::Progress { done: 1, total: None });
        log.say(None, DeployStep::Failed { reason: "x".to_owned() });
        let (mut seen, mut later) = waiting.await.unwrap();
        while let Some(more) = later.next().await.unwrap() {
            seen.extend(more);
        }
        let last = seen.last().unwrap();
        assert_eq!((last.seq, last.step.is_last()), (2, true));
        assert!(all.next().await.unwrap().unwrap().iter().any(|e| e.seq == 2));
        assert_eq!(all.next().await.unwrap(), None);
    }
}
