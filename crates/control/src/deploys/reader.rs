//! Reading a deploy's events from a cursor on, and following it.

use std::{
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::PathBuf,
    sync::Arc,
};

use tokio::sync::watch;

use super::{
    DeployEvent, DeployStep,
    log::{EventLog, Live},
};

/// Events read at once.
const BATCH: usize = 500;

/// Bytes of the file after which no further one is read at once.
const BATCH_BYTES: usize = 256 << 10;

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
    /// What is written to it while it goes on; keeps it, and so its followers, alive.
    log: Option<Arc<EventLog>>,
}

impl EventReader {
    pub(crate) fn new(path: PathBuf, log: Option<Arc<EventLog>>, from: u64) -> Self {
        let live = log.as_ref().map(|log| log.follow());
        let path = log.as_ref().map_or(path, |log| log.path().to_owned());
        let file = File::open(&path).ok();
        Self { path, file, from, position: 0, live, ended: false, fresh: false, log }
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

    /// What is there from the cursor on, some of it.
    fn read(&mut self) -> std::io::Result<Vec<DeployEvent>> {
        let log = self.log.clone();
        // As long as it is held, nothing goes from what waits into the file.
        let written = log.as_ref().map(|log| log.written());
        let mut events = Vec::new();
        let mut is_end = self.read_file(&mut events)?;
        // What comes before the cursor may be long.
        while events.is_empty() && !is_end {
            is_end = self.read_file(&mut events)?;
        }
        if is_end && let Some(written) = &written {
            for event in written.waiting.events(self.from) {
                if events.len() >= BATCH {
                    break;
                }
                self.take(event, &mut events);
            }
        }
        Ok(events)
    }

    /// The same of the file; whether that has no more.
    fn read_file(&mut self, events: &mut Vec<DeployEvent>) -> std::io::Result<bool> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => File::open(&self.path)?,
        };
        file.seek(SeekFrom::Start(self.position))?;
        let mut reader = BufReader::new(&mut file);
        let mut line = Vec::new();
        let mut bytes = 0;
        let mut is_end = false;
        while events.len() < BATCH && bytes < BATCH_BYTES && !is_end {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            is_end = read == 0 || line.last() != Some(&b'\n');
            if !is_end {
                self.position += u64::try_from(read).unwrap_or(u64::MAX);
                bytes += read;
                self.take(serde_json::from_slice(&line)?, events);
            }
        }
        self.file = Some(file);
        Ok(is_end)
    }

    /// Hand an event out, unless it was.
    fn take(&mut self, mut event: DeployEvent, events: &mut Vec<DeployEvent>) {
        if event.seq < self.from {
            return;
        }
        if let DeployStep::LeftOut { lines, bytes } = &mut event.step {
            // Of what is missing now, some may have been there.
            let missed = (*lines).min(event.seq + 1 - self.from);
            *bytes = bytes.checked_div(*lines).unwrap_or(0) * missed + bytes.checked_rem(*lines).unwrap_or(0);
            *lines = missed;
        }
        self.from = event.seq + 1;
        events.push(event);
    }
}

#[cfg(test)]
mod tests {
    use dormouse_model::Clock;
    use expect_test::expect;

    use super::*;
    use crate::ballast::tests::SmallDisk;

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
        // Past whatever the one that was killed had said and not written.
        assert!(last.seq > 1 << 32 && last.step.is_last());
        let (seen, last) = (all.next().await.unwrap().unwrap(), last.seq);
        assert!(seen.iter().any(|e| e.seq == last));
        assert_eq!(all.next().await.unwrap(), None);
    }

    /// All that a reader has to say, in short: of output how many lines one after the other, and the newest.
    async fn summary(mut reader: EventReader) -> String {
        let (mut out, mut lines, mut newest) = (String::new(), 0, String::new());
        while let Some(events) = reader.next().await.unwrap() {
            for event in events {
                if let DeployStep::Output { text, .. } = event.step {
                    (lines, newest) = (lines + 1, text[..6].to_owned());
                    continue;
                }
                if lines > 0 {
                    out += &format!("{lines} lines, to {newest}\n");
                }
                lines = 0;
                out += &format!("{:?}\n", event.step);
            }
        }
        out
    }

    /// A build that says so many lines of so many bytes.
    fn talk(log: &EventLog, lines: u32, width: usize) {
        for n in 0..lines {
            log.say(None, output(&format!("{n:06}{}", ".".repeat(width - 7))));
        }
        log.say(None, DeployStep::PhaseDone { name: "compile".to_owned(), ms: 1 });
    }

    /// Bug: 250 MB of output made 436 MB of log.
    #[tokio::test]
    async fn the_middle_of_much_output_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1.log");
        let log = Arc::new(EventLog::open(path.clone(), Clock::system()).unwrap());
        let live = EventReader::new(path.clone(), Some(log.clone()), 0);
        let far = EventReader::new(path.clone(), Some(log.clone()), 50_000);
        talk(&log, 100_000, 100);
        let size = std::fs::metadata(&path).unwrap().len();
        assert!(size < 5 << 20, "{size}");
        log.say(None, DeployStep::Failed { reason: "x".to_owned() });
        let expected = expect![[r#"
            24170 lines, to 024169
            LeftOut { lines: 72817, bytes: 7281700 }
            3013 lines, to 099999
            PhaseDone { name: "compile", ms: 1 }
            Failed { reason: "x" }
        "#]];
        expected.assert_eq(&summary(live).await);
        expected.assert_eq(&summary(EventReader::new(path.clone(), None, 0)).await);
        // Who has seen the rest is told of what it missed.
        expect![[r#"
            LeftOut { lines: 46987, bytes: 4698700 }
            3013 lines, to 099999
            PhaseDone { name: "compile", ms: 1 }
            Failed { reason: "x" }
        "#]]
        .assert_eq(&summary(far).await);
    }

    /// Each phase keeps its end; when there are many that say much, less of it.
    #[test]
    fn many_phases_are_bounded_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1.log");
        let log = EventLog::open(path.clone(), Clock::system()).unwrap();
        (0..60).for_each(|_| talk(&log, 600, 1000));
        let size = std::fs::metadata(&path).unwrap().len();
        assert!((16 << 20..18 << 20).contains(&size), "{size}");
    }

    /// Bug: on a full disk nobody was told how a deploy ended.
    #[tokio::test]
    async fn who_follows_hears_the_end_though_the_disk_is_full() {
        let Some(disk) = SmallDisk::new("size=1m") else { return };
        let path = disk.path().join("1.log");
        let log = Arc::new(EventLog::open(path.clone(), Clock::system()).unwrap());
        let early = EventReader::new(path.clone(), Some(log.clone()), 0);
        talk(&log, 100, 100);
        disk.fill();
        talk(&log, 40_000, 100);
        log.say(None, DeployStep::Failed { reason: "x".to_owned() });
        let expected = expect![[r#"
            100 lines, to 000099
            PhaseDone { name: "compile", ms: 1 }
            19 lines, to 000018
            LeftOut { lines: 36968, bytes: 3696800 }
            3013 lines, to 039999
            PhaseDone { name: "compile", ms: 1 }
            Failed { reason: "x" }
        "#]];
        expected.assert_eq(&summary(early).await);
        expected.assert_eq(&summary(EventReader::new(path.clone(), Some(log.clone()), 0)).await);
        // With room again it is written down.
        let logs = super::super::Logs::default();
        logs.add(crate::DeployId(1), &log);
        std::fs::remove_file(disk.path().join("hog")).unwrap();
        drop(log);
        logs.add(
            crate::DeployId(2),
            &Arc::new(EventLog::open(disk.path().join("2.log"), Clock::system()).unwrap()),
        );
        assert!(EventLog::has_end(&path).unwrap());
        expected.assert_eq(&summary(EventReader::new(path, None, 0)).await);
    }
}
