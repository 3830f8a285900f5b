//! Where an answer between services ends, if they speak HTTP: in its pauses it looks like one that has ended.

use crate::{
    frames::{FrameKind, Frames},
    meter::{Asked, Said},
    streams::Streams,
    tally::Owed,
};

/// Longest head that is looked into.
const HEAD: usize = 16 * 1024;
/// Most fields of a head that is looked into.
const FIELDS: usize = 100;
/// What requests begin with.
const METHODS: [&[u8]; 7] = [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ", b"OPTIONS "];

/// Follows one connection without touching a byte. What it does not understand it takes for another protocol.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    at: At,
}

#[derive(Debug, Default)]
enum At {
    /// Everything that was asked is answered.
    #[default]
    Between,
    /// In the head of an answer.
    Head { has_body: bool, head: Vec<u8> },
    /// So many bytes are to come.
    Body(u64),
    /// The length of a chunk is to come, or the rest of it.
    Size { size: u64, extension: bool },
    /// So many bytes of a chunk are to come, and the end of its line.
    Chunk(u64),
    /// Behind the last chunk; whether anything is in this line.
    Trailer { empty: bool },
    /// The answer ends with the connection.
    UntilClosed,
    /// So does a WebSocket, of which nobody can tell which message is the last.
    Frames { up: Frames, down: Frames },
    /// HTTP/2, which tells of each call.
    Calls(Streams),
    /// Who knows.
    Opaque,
}

impl Answers {
    /// What a caller says.
    pub(crate) fn ask(&mut self, bytes: &[u8]) -> Asked {
        if matches!(self.at, At::Between) {
            self.at = match METHODS.iter().find(|method| bytes.starts_with(method)) {
                Some(method) => At::Head { has_body: *method != b"HEAD ", head: Vec::new() },
                None => Streams::asked(bytes).map_or(At::Opaque, At::Calls),
            };
        }
        match &mut self.at {
            At::Calls(streams) => match streams.ask(bytes) {
                true => Asked::Question(streams.owed()),
                false => Asked::Something,
            },
            At::Frames { up, .. } => match up.scan(bytes) {
                FrameKind::Upkeep => Asked::Nothing,
                FrameKind::Control => Asked::Something,
                FrameKind::Message => Asked::Question(Owed::Answer),
            },
            At::Between
            | At::Head { .. }
            | At::Body(_)
            | At::Size { .. }
            | At::Chunk(_)
            | At::Trailer { .. }
            | At::UntilClosed
            | At::Opaque => Asked::Question(Owed::Answer),
        }
    }

    /// What it is answered.
    pub(crate) fn answer(&mut self, bytes: &[u8]) -> Said {
        if matches!(self.at, At::Between)
            && let Some(streams) = Streams::answered(bytes)
        {
            self.at = At::Calls(streams);
        }
        match &mut self.at {
            At::Calls(streams) => match streams.answer(bytes) {
                true => Said::Bytes(streams.owed()),
                false => Said::Nothing,
            },
            At::Frames { down, .. } => match down.scan(bytes) {
                FrameKind::Upkeep | FrameKind::Control => Said::Nothing,
                FrameKind::Message => Said::Bytes(Owed::Rest),
            },
            At::Between
            | At::Head { .. }
            | At::Body(_)
            | At::Size { .. }
            | At::Chunk(_)
            | At::Trailer { .. }
            | At::UntilClosed
            | At::Opaque => Said::Bytes(if self.goes_on(bytes) { Owed::Rest } else { Owed::Nothing }),
        }
    }

    /// Whether this is a WebSocket on which both sides have ended the frames that they began.
    pub(crate) fn is_between_frames(&self) -> bool {
        matches!(&self.at, At::Frames { up, down } if up.is_between() && down.is_between())
    }

    /// Whether more has to come behind these bytes of HTTP/1, for sure.
    fn goes_on(&mut self, mut bytes: &[u8]) -> bool {
        while let Some((first, rest)) = bytes.split_first() {
            let at = std::mem::take(&mut self.at);
            (self.at, bytes) = match at {
                // Nobody asked.
                At::Between | At::Opaque => (At::Opaque, &[][..]),
                At::UntilClosed => (At::UntilClosed, &[][..]),
                at @ (At::Calls(_) | At::Frames { .. }) => (at, &[][..]),
                At::Head { has_body, head } => in_head(has_body, head, bytes),
                At::Body(left) => {
                    let (left, rest) = skip(left, bytes);
                    (if left == 0 { At::Between } else { At::Body(left) }, rest)
                }
                At::Size { size: 0, extension: _ } if *first == b'\n' => (At::Trailer { empty: true }, rest),
                At::Size { size, extension: _ } if *first == b'\n' => {
                    (At::Chunk(size.saturating_add(2)), rest)
                }
                At::Size { size, extension } => {
                    let digit = char::from(*first).to_digit(16).filter(|_| !extension);
                    let longer = digit.map(|d| size.saturating_mul(16).saturating_add(d.into()));
                    (At::Size { size: longer.unwrap_or(size), extension: longer.is_none() }, rest)
                }
                At::Chunk(left) => {
                    let (left, rest) = skip(left, bytes);
                    let next =
                        if left == 0 { At::Size { size: 0, extension: false } } else { At::Chunk(left) };
                    (next, rest)
                }
                At::Trailer { empty } if *first == b'\n' => {
                    (if empty { At::Between } else { At::Trailer { empty: true } }, rest)
                }
                At::Trailer { empty } => (At::Trailer { empty: empty && *first == b'\r' }, rest),
            };
        }
        match self.at {
            At::Between | At::Opaque | At::Calls(_) => false,
            At::Head { .. }
            | At::Body(_)
            | At::Size { .. }
            | At::Chunk(_)
            | At::Trailer { .. }
            | At::UntilClosed
            | At::Frames { .. } => true,
        }
    }
}

/// What is left of a number of bytes to come, and the bytes behind them.
fn skip(left: u64, bytes: &[u8]) -> (u64, &[u8]) {
    let here = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
    (left - here as u64, &bytes[here..])
}

fn in_head(has_body: bool, mut head: Vec<u8>, bytes: &[u8]) -> (At, &[u8]) {
    let before = head.len();
    head.extend_from_slice(bytes);
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let length = match response.parse(&head) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if head.len() < HEAD => return (At::Head { has_body, head }, &[]),
        Ok(httparse::Status::Partial) | Err(_) => return (At::Opaque, &[]),
    };
    let rest = &bytes[length - before..];
    let next = match response.code {
        // The connection is something else from now on.
        Some(101) if is_web_socket(response.headers) => {
            let mut down = Frames::default();
            down.scan(rest);
            return (At::Frames { up: Frames::default(), down }, &[]);
        }
        Some(101) => At::UntilClosed,
        None => At::Opaque,
        Some(100..200) => At::Head { has_body, head: Vec::new() },
        Some(204 | 304) => At::Between,
        Some(_) if !has_body => At::Between,
        Some(_) => body(response.headers),
    };
    (next, rest)
}

fn is_web_socket(fields: &[httparse::Header<'_>]) -> bool {
    let upgrade = fields.iter().find(|field| field.name.eq_ignore_ascii_case("upgrade"));
    upgrade.is_some_and(|field| field.value.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

/// How the end of a body is told (RFC 9112 §6.3).
fn body(fields: &[httparse::Header<'_>]) -> At {
    let field = |name: &str| fields.iter().find(|f| f.name.eq_ignore_ascii_case(name)).map(|f| f.value);
    if let Some(coding) = field("transfer-encoding") {
        let chunked = coding.trim_ascii_end().to_ascii_lowercase().ends_with(b"chunked");
        return if chunked { At::Size { size: 0, extension: false } } else { At::UntilClosed };
    }
    let length = field("content-length").map(|value| std::str::from_utf8(value).ok()?.trim().parse().ok());
    match length {
        Some(Some(0)) => At::Between,
        Some(Some(length)) => At::Body(length),
        Some(None) => At::Opaque,
        None => At::UntilClosed,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// `>` what is asked, `<` what is answered; whether more has to come after each answer, whole or byte by byte.
    fn check(talk: &[&str], expected: &Expect) {
        let told = |piece: usize| {
            let mut answers = Answers::default();
            let mut told = Vec::new();
            for said in talk {
                match said.split_at(1) {
                    (">", asked) => drop(answers.ask(asked.as_bytes())),
                    (_, answered) => {
                        let more = answered.as_bytes().chunks(piece).map(|piece| answers.answer(piece));
                        told.push(if more.last() == Some(Said::Bytes(Owed::Rest)) { "more" } else { "over" });
                    }
                }
            }
            told.join(" ")
        };
        expected.assert_eq(&told(usize::MAX));
        assert_eq!(told(1), told(usize::MAX), "byte by byte: {talk:?}");
    }

    const GET: &str = ">GET / HTTP/1.1\r\n\r\n";
    const CHUNKED: &str = "<HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n";

    #[test]
    fn answers_end_where_they_say() {
        check(&[GET, "<HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab", "<cd"], &expect!["more over"]);
        check(&[GET, "<HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"], &expect!["over"]);
        check(&[GET, "<HTTP/1.1 200"], &expect!["more"]);
        check(
            &[GET, CHUNKED, "<3\r\nabc\r\n", "<1a;x=0\r\n", "<abcdefghijklmnopqrstuvwxyz\r\n0\r\n", "<\r\n"],
            &expect!["more more more more over"],
        );
        check(&[GET, CHUNKED, "<0\r\nsum: 1\r\n", "<\r\n"], &expect!["more more over"]);
        check(&[GET, "<HTTP/1.0 200 OK\r\n\r\nabc"], &expect!["more"]);
        check(
            &[">HEAD / HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"],
            &expect!["over"],
        );
        check(&[GET, "<HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\n"], &expect!["over"]);
        check(
            &[">POST / HTTP/1.1\r\n\r\n", "<HTTP/1.1 100 Continue\r\n\r\n", ">body", CHUNKED, "<0\r\n\r\n"],
            &expect!["more more over"],
        );
    }

    #[test]
    fn one_follows_another() {
        let whole = "<HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab";
        check(&[GET, whole, GET, CHUNKED, "<0\r\n\r\n", GET, whole], &expect!["over more over over"]);
    }

    #[test]
    fn of_other_protocols_nothing_is_known() {
        check(&[">*1\r\n$4\r\nPING\r\n", "<+PONG\r\n"], &expect!["over"]);
        check(&["<220 ready\r\n", GET, "<HTTP/1.1 200 OK\r\n"], &expect!["over over"]);
        check(&[GET, "<+PONG\r\n"], &expect!["over"]);
        check(&[GET, "<HTTP/1.1 101 Switching Protocols\r\n\r\n", "<frame"], &expect!["more more"]);
        check(
            &[GET, "<HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\r\n\x01\x01a", "<\x01\x01b"],
            &expect!["more more"],
        );
        check(&[GET, "<HTTP/1.1 200 OK\r\ncontent-length: four\r\n\r\n"], &expect!["over"]);
    }
}
