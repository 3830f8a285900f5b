//! Events that are not in a deploy's file: output past the file's first part, of which only the newest is wanted, and
//! whatever a full disk does not take.

use std::{collections::VecDeque, io};

use super::{DeployEvent, DeployStep};

/// What waits, in order. Of output only so much is held; what else happens is never given up.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: VecDeque<Entry>,
    /// Bytes of output among them.
    output: usize,
}

#[derive(Debug)]
struct Entry {
    event: DeployEvent,
    /// It as a line of the file.
    line: Vec<u8>,
    /// Output given up between the entry before and this one.
    lines_before: u64,
    bytes_before: u64,
}

impl Entry {
    fn is_output(&self) -> bool {
        matches!(self.event.step, DeployStep::Output { .. })
    }

    /// What tells that output is missing before it.
    fn gap(&self) -> Option<DeployEvent> {
        let (lines, bytes) = (self.lines_before, self.bytes_before);
        let seq = self.event.seq.saturating_sub(1);
        let (at, service) = (self.event.at, self.event.service.clone());
        (lines > 0).then_some(DeployEvent { seq, at, service, step: DeployStep::LeftOut { lines, bytes } })
    }
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Take one more; of output so many bytes stay.
    pub(super) fn push(&mut self, event: DeployEvent, line: Vec<u8>, most: usize) {
        let entry = Entry { event, line, lines_before: 0, bytes_before: 0 };
        self.output += if entry.is_output() { entry.line.len() } else { 0 };
        self.entries.push_back(entry);
        self.keep(most);
    }

    /// Give up the oldest output until no more than so many bytes of it are left.
    pub(super) fn keep(&mut self, most: usize) {
        while self.output > most {
            // Few of anything else are ever before it. The newest entry stays, so that there is one to tell of the others.
            let oldest = self.entries.iter().position(Entry::is_output);
            let Some(at) = oldest.filter(|at| at + 1 < self.entries.len()) else { return };
            let Some(old) = self.entries.remove(at) else { return };
            self.output -= old.line.len();
            if let Some(next) = self.entries.get_mut(at) {
                next.lines_before += old.lines_before + 1;
                next.bytes_before += old.bytes_before + u64::try_from(said(&old.event)).unwrap_or(u64::MAX);
            }
        }
    }

    /// All of it as lines of the file.
    pub(super) fn text(&self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        for entry in &self.entries {
            if let Some(gap) = entry.gap() {
                serde_json::to_writer(&mut text, &gap)?;
                text.push(b'\n');
            }
            text.extend_from_slice(&entry.line);
        }
        Ok(text)
    }

    /// It as it is read, from this number on.
    pub(super) fn events(&self, from: u64) -> impl Iterator<Item = DeployEvent> {
        let wanted = self.entries.iter().filter(move |entry| entry.event.seq >= from);
        wanted.flat_map(|entry| entry.gap().into_iter().chain([entry.event.clone()]))
    }
}

/// Bytes that a line of output has for whoever reads it, with its newline.
fn said(event: &DeployEvent) -> usize {
    let DeployStep::Output { text, .. } = &event.step else { return 0 };
    text.len() + 1
}

#[cfg(test)]
mod tests {
    use dormouse_backend::Stream;
    use dormouse_model::Time;
    use expect_test::expect;

    use super::*;

    #[test]
    fn only_old_output_is_given_up_and_the_gap_is_told() {
        let mut waiting = Waiting::default();
        let output = || DeployStep::Output { stream: Stream::Out, text: "0123456".to_owned() };
        let steps =
            [DeployStep::Building, output(), output(), DeployStep::Cancelled, output(), output(), output()];
        for (seq, step) in (0..).zip(steps) {
            let event = DeployEvent { seq, at: Time(0), service: None, step };
            // As if each line was ten bytes long.
            waiting.push(event, vec![b'.'; 10], 20);
        }
        let show = |waiting: &Waiting| {
            let words = waiting.events(0).map(|e| {
                if let DeployStep::LeftOut { lines, bytes } = e.step {
                    return format!("({lines} lines, {bytes} bytes)");
                }
                let is_output = matches!(e.step, DeployStep::Output { .. });
                if is_output { format!("{} output", e.seq) } else { format!("{} {:?}", e.seq, e.step) }
            });
            words.collect::<Vec<_>>().join(", ") + "\n"
        };
        let mut said = show(&waiting);
        waiting.keep(0);
        said += &show(&waiting);
        expect![[r"
            0 Building, (2 lines, 16 bytes), 3 Cancelled, (1 lines, 8 bytes), 5 output, 6 output
            0 Building, (2 lines, 16 bytes), 3 Cancelled, (2 lines, 16 bytes), 6 output
        "]]
        .assert_eq(&said);
    }
}
