//! Server-Sent Events, read as they arrive.
//!
//! After the WHATWG HTML standard, section 9.2.6, of which `id`, `retry` and the byte order mark are left out: nothing
//! here reconnects to a backend's stream.

use thiserror::Error;

/// The most bytes one event may take: a whole answer with its sources fits many times over.
const LARGEST_EVENT: usize = 8 << 20;

/// An event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawEvent {
    /// Its type; `message` where it named none.
    pub(super) event: String,
    /// Its data lines, joined.
    pub(super) data: String,
}

/// An event grew past all measure.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("an event is larger than {LARGEST_EVENT} bytes")]
pub(super) struct TooLarge;

/// Takes chunks, gives events.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    after_cr: bool,
    event: String,
    data: Option<String>,
}

impl Reader {
    /// Takes the next chunk, cut anywhere, and returns the events that it completed.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Result<Vec<RawEvent>, TooLarge> {
        let mut events = Vec::new();
        for &byte in chunk {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                byte => self.line.push(byte),
            }
        }
        if self.line.len() + self.data.as_ref().map_or(0, String::len) > LARGEST_EVENT {
            return Err(TooLarge);
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<RawEvent> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            let data = self.data.take()?;
            return Some(RawEvent { event: if event.is_empty() { "message".into() } else { event }, data });
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(event: &str, data: &str) -> RawEvent {
        RawEvent { event: event.into(), data: data.into() }
    }

    #[test]
    fn events_are_the_same_however_the_stream_is_cut() {
        let stream = ": hello\n\nevent: token\ndata: {\"text\":\"é…\"}\n\ndata:a\r\ndata: b\r\n\r\nevent: x\n\nid: 7\ndata\n\nevent: done\ndata: cut";
        let wanted = vec![raw("token", "{\"text\":\"é…\"}"), raw("message", "a\nb"), raw("message", "")];
        for size in 1..stream.len() {
            let mut reader = Reader::default();
            let events: Vec<_> =
                stream.as_bytes().chunks(size).flat_map(|chunk| reader.feed(chunk).expect("small")).collect();
            assert_eq!(events, wanted, "in chunks of {size}");
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut reader = Reader::default();
        let chunk = vec![b'a'; 1 << 20];
        let refused = (0..9).map(|_| reader.feed(&chunk)).find(Result::is_err);
        assert_eq!(refused, Some(Err(TooLarge)));
    }
}
