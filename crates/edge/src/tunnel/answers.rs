//! Where an answer between services ends, if they speak HTTP: in its pauses it looks like one that has ended.

use super::{
    frames::{Conversation, FrameKind},
    kind::{Asked, Said},
    responses::{Behind, Responses},
    streams::Streams,
};
use crate::ctx::Owed;

/// Follows one connection without touching a byte.
#[derive(Debug)]
pub(crate) enum Answers {
    /// Of HTTP/1, or of a protocol that nobody knows.
    Responses(Responses),
    /// Of HTTP/2, which tells of each call.
    Streams(Streams),
    /// Of a WebSocket, of which nobody can tell which message is the last: they end with the connection.
    Frames(Conversation),
}

impl Default for Answers {
    fn default() -> Self {
        Self::Responses(Responses::default())
    }
}

impl Answers {
    /// What a caller says.
    pub(crate) fn ask(&mut self, bytes: &[u8]) -> Asked {
        if let Self::Responses(responses) = self
            && responses.is_between()
        {
            match Streams::asked(bytes) {
                Some(streams) => *self = Self::Streams(streams),
                None => responses.ask(bytes),
            }
        }
        match self {
            Self::Responses(_) => Asked::Question(Owed::Answer),
            Self::Streams(streams) => match streams.ask(bytes) {
                true => Asked::Question(streams.owed()),
                false => Asked::Something,
            },
            Self::Frames(frames) => Asked::of(frames.up.scan(bytes), Owed::Answer),
        }
    }

    /// What it is answered.
    pub(crate) fn answer(&mut self, bytes: &[u8]) -> Said {
        if let Self::Responses(responses) = self
            && responses.is_between()
            && let Some(streams) = Streams::answered(bytes)
        {
            *self = Self::Streams(streams);
        }
        match self {
            Self::Responses(responses) => match responses.answer(bytes) {
                Behind::Nothing => Said::Bytes(Owed::Nothing),
                Behind::More => Said::Bytes(Owed::Rest),
                Behind::Frames(early) => {
                    let mut frames = Conversation::default();
                    frames.down.scan(early);
                    *self = Self::Frames(frames);
                    Said::Bytes(Owed::Rest)
                }
            },
            Self::Streams(streams) => match streams.answer(bytes) {
                true => Said::Bytes(streams.owed()),
                false => Said::Nothing,
            },
            Self::Frames(frames) => match frames.down.scan(bytes) {
                FrameKind::Upkeep | FrameKind::Control => Said::Nothing,
                FrameKind::Message => Said::Bytes(Owed::Rest),
            },
        }
    }

    /// Whether this is a WebSocket on which both sides have ended the frames that they began.
    pub(crate) fn is_between_frames(&self) -> bool {
        match self {
            Self::Frames(frames) => frames.is_between(),
            Self::Responses(_) | Self::Streams(_) => false,
        }
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
