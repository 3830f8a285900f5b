//! Which bytes of an event stream are events, and which only keep the line open.

/// Follows the lines of an event stream (HTML Standard §9.2.6) without touching a byte.
#[derive(Debug, Default)]
pub(crate) struct Events {
    at: Line,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    #[default]
    Start,
    /// In a line that begins with a colon.
    Comment,
    /// In a line that is part of an event.
    Field,
    /// Nowhere: the stream is compressed.
    Opaque,
}

impl Events {
    /// Of a stream that is compressed: no byte can be told from another, and all count.
    pub(crate) fn opaque() -> Self {
        Self { at: Line::Opaque }
    }

    /// Whether any of these bytes belongs to an event. Comments do not, nor do empty lines.
    pub(crate) fn scan(&mut self, mut bytes: &[u8]) -> bool {
        let mut any = false;
        while let Some((first, rest)) = bytes.split_first() {
            self.at = match (self.at, *first) {
                (Line::Opaque, _) => return true,
                (Line::Start, b'\r' | b'\n') => {
                    bytes = rest;
                    continue;
                }
                (Line::Start, b':') => Line::Comment,
                (Line::Start, _) => Line::Field,
                (at @ (Line::Comment | Line::Field), _) => at,
            };
            any |= self.at == Line::Field;
            let Some(end) = bytes.iter().position(|b| matches!(b, b'\r' | b'\n')) else { break };
            self.at = Line::Start;
            bytes = &bytes[end + 1..];
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_count() {
        for (text, counts) in [
            ("", false),
            ("\n", false),
            ("\r\n\r\n", false),
            (":\n\n", false),
            (": ping - 2030-01-01 00:00:00\r\n\r\n", false),
            (":data: 1\n\n", false),
            ("data: 1\n\n", true),
            ("data:\n\n", true),
            ("event: ping\r\n", true),
            (": comment\ndata: :\n\n", true),
            ("data: 1\r\r: comment\r\r", true),
        ] {
            assert_eq!(Events::default().scan(text.as_bytes()), counts, "{text:?}");
        }
    }

    #[test]
    fn lines_are_followed_however_they_are_cut() {
        let comments = ": one\r\n\r\n:two : three\n\n\r";
        let stream = format!("{comments}data: a\r\nid: b:\r\n\r\n{comments}");
        let event = comments.len()..stream.len() - comments.len();
        // What separates the event from the comment behind it is an empty line.
        let event = event.start..event.end - "\r\n".len();
        for cut in 1..=stream.len() {
            let (mut events, mut at) = (Events::default(), 0);
            for chunk in stream.as_bytes().chunks(cut) {
                let range = at..at + chunk.len();
                at = range.end;
                // The line feed of a pair that was cut is an empty line to us.
                let overlaps = (range.clone()).any(|i| event.contains(&i) && stream.as_bytes()[i] != b'\n');
                assert_eq!(events.scan(chunk), overlaps, "cut by {cut} at {range:?}");
            }
        }
    }
}
