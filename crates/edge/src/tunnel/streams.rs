//! Which calls on an HTTP/2 connection between services are not answered to their end: gRPC keeps one connection for all.

use std::collections::BTreeMap;

use crate::ctx::Owed;

/// What a client begins with (RFC 9113 §3.4), as far as it tells it from HTTP/1.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes before the payload of a frame (RFC 9113 §4.1).
const HEAD: usize = 9;
/// Types of frames that carry requests and answers, and the one that gives a stream up (RFC 9113 §6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
/// What each side begins with.
const SETTINGS: u8 = 4;
/// Flag of the frame that is a side's last on its stream.
const END_STREAM: u8 = 1;
/// Most calls at a time that are followed.
const MOST: usize = 10_000;

/// Follows the frame heads of both directions without touching a byte.
#[derive(Debug)]
pub(crate) struct Streams {
    up: FrameHeads,
    down: FrameHeads,
    /// The calls that are not answered to their end, and whether their answer has begun.
    open: BTreeMap<u32, bool>,
    newest: u32,
}

impl Streams {
    /// Of a connection on which the client has said this first, if it is one.
    pub(crate) fn asked(said: &[u8]) -> Option<Self> {
        said.starts_with(PREFACE).then(Self::new)
    }

    /// The same where the server was first: it need not wait for the client to tell its settings (RFC 9113 §3.4).
    pub(crate) fn answered(said: &[u8]) -> Option<Self> {
        let (frame, length) = Frame::of(*said.first_chunk()?);
        let is_settings = (frame.kind, frame.flags, frame.stream) == (SETTINGS, 0, 0);
        // Each takes six bytes, and there are few.
        (is_settings && length % 6 == 0 && length < 1000).then(Self::new)
    }

    fn new() -> Self {
        let up = FrameHeads { at: HeadPart::Payload { left: PREFACE.len(), call: false } };
        Self { up, down: FrameHeads::default(), open: BTreeMap::new(), newest: 0 }
    }

    /// What the client says; whether it is about a call, and not the connection's own upkeep.
    pub(crate) fn ask(&mut self, bytes: &[u8]) -> bool {
        let Self { up, open, newest, .. } = self;
        up.scan(bytes, |frame| match frame.kind {
            HEADERS if frame.stream > *newest && open.len() < MOST => {
                *newest = frame.stream;
                open.insert(frame.stream, false).is_none()
            }
            RST_STREAM => open.remove(&frame.stream).is_some(),
            HEADERS | DATA => open.contains_key(&frame.stream),
            _ => false,
        })
    }

    /// What it is answered; the same.
    pub(crate) fn answer(&mut self, bytes: &[u8]) -> bool {
        let Self { down, open, .. } = self;
        down.scan(bytes, |frame| match frame.kind {
            HEADERS | DATA if frame.flags & END_STREAM == 0 => {
                open.get_mut(&frame.stream).map(|begun| *begun = true).is_some()
            }
            HEADERS | DATA | RST_STREAM => open.remove(&frame.stream).is_some(),
            _ => false,
        })
    }

    /// What is owed to the client for all of its calls.
    pub(crate) fn owed(&self) -> Owed {
        match self.open.values().min() {
            None => Owed::Nothing,
            Some(false) => Owed::Answer,
            Some(true) => Owed::Rest,
        }
    }
}

/// The head of a frame.
#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    /// With the length of its payload.
    fn of([l0, l1, l2, kind, flags, s0, s1, s2, s3]: [u8; HEAD]) -> (Self, usize) {
        let length = u32::from_be_bytes([0, l0, l1, l2]);
        let stream = u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]);
        (Self { kind, flags, stream }, usize::try_from(length).unwrap_or(usize::MAX))
    }
}

/// The frames of one direction.
#[derive(Debug, Default)]
struct FrameHeads {
    at: HeadPart,
}

#[derive(Debug, Clone, Copy)]
enum HeadPart {
    /// Within a head of which we have the first bytes.
    Head { head: [u8; HEAD], have: usize },
    /// So many bytes are to come of something that is about a call, or not.
    Payload { left: usize, call: bool },
}

impl Default for HeadPart {
    fn default() -> Self {
        Self::Head { head: [0; HEAD], have: 0 }
    }
}

impl FrameHeads {
    /// Whether any of the bytes are about a call, which `is_call` tells of a frame when its head is there.
    fn scan(&mut self, mut bytes: &[u8], mut is_call: impl FnMut(Frame) -> bool) -> bool {
        let mut any = false;
        while let Some((first, rest)) = bytes.split_first() {
            match &mut self.at {
                HeadPart::Head { head, have } => {
                    head[*have] = *first;
                    *have += 1;
                    bytes = rest;
                    if *have == HEAD {
                        let (frame, left) = Frame::of(*head);
                        let call = is_call(frame);
                        any |= call;
                        self.at =
                            if left == 0 { HeadPart::default() } else { HeadPart::Payload { left, call } };
                    }
                }
                HeadPart::Payload { left, call } => {
                    any |= *call;
                    let here = bytes.len().min(*left);
                    bytes = &bytes[here..];
                    *left -= here;
                    if *left == 0 {
                        self.at = HeadPart::default();
                    }
                }
            }
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn frame(text: &str) -> Vec<u8> {
        let words: Vec<_> = text.split_whitespace().collect();
        let kind = match words[0] {
            "data" => DATA,
            "headers" => HEADERS,
            "reset" => RST_STREAM,
            "settings" => SETTINGS,
            "ping" => 6,
            "window" => 8,
            other => panic!("no frame is called {other}"),
        };
        let stream: u32 = words[1].parse().unwrap();
        let flags = if words.contains(&"end") { END_STREAM } else { 0 };
        let payload = [0x81; 300];
        let mut out = vec![0, 1, 44, kind, flags];
        out.extend(stream.to_be_bytes());
        out.extend(payload);
        out
    }

    /// `>` what a client says, `<` what it is answered; what is owed after each.
    fn check(talk: &str, expected: &Expect) {
        for piece in [1, 7, usize::MAX] {
            let mut streams = Streams::asked(PREFACE).unwrap();
            assert!(!streams.ask(PREFACE));
            let owed = talk.lines().map(|said| {
                let (side, said) = said.trim().split_at(1);
                for piece in frame(said).chunks(piece) {
                    if side == ">" {
                        streams.ask(piece)
                    } else {
                        streams.answer(piece)
                    };
                }
                format!("{:?}", streams.owed())
            });
            expected.assert_eq(&owed.collect::<Vec<_>>().join(" "));
        }
    }

    #[test]
    fn calls_end_where_they_say() {
        check(
            ">settings 0
             >headers 1
             >data 1 end
             <settings 0
             <headers 1
             <data 1
             >window 1
             >ping 0
             <headers 1 end",
            &expect!["Nothing Answer Answer Answer Rest Rest Rest Rest Nothing"],
        );
    }

    #[test]
    fn several_at_a_time() {
        check(
            ">headers 1 end
             >headers 3 end
             <headers 1
             <headers 3 end
             <data 1 end
             >headers 5 end
             >reset 5
             >data 5
             <headers 5",
            &expect!["Answer Answer Answer Rest Nothing Answer Nothing Nothing Nothing"],
        );
    }

    #[test]
    fn what_is_about_a_call() {
        let mut streams = Streams::asked(PREFACE).unwrap();
        streams.ask(PREFACE);
        for (up, said, call) in [
            (true, "settings 0", false),
            (true, "headers 1 end", true),
            (false, "ping 0", false),
            (false, "headers 1", true),
            (true, "window 1", false),
            (false, "data 1 end", true),
            (false, "data 1", false),
        ] {
            let bytes = frame(said);
            let told = if up { streams.ask(&bytes) } else { streams.answer(&bytes) };
            assert_eq!(told, call, "{said}");
        }
    }

    #[test]
    fn other_protocols() {
        assert!(Streams::asked(b"GET / HTTP/1.1\r\n\r\n").is_none());
        assert!(Streams::asked(b"PRI").is_none());
        for (said, settings) in [
            (&b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"[..], true),
            (b"\0\0\0\x04\0\0\0\0\0", true),
            (b"\0\0\0\x04\x01\0\0\0\0", false),
            (b"\0\0\x07\x04\0\0\0\0\0", false),
            (b"220 mail ready\r\n", false),
            (b"\0\0\0", false),
        ] {
            assert_eq!(Streams::answered(said).is_some(), settings, "{said:?}");
        }
    }
}
