//! Servers that ping their WebSockets, and end those whose clients seem to be gone. One that slept has missed the answers.

use std::time::{Duration, Instant};

/// Pings that follow each other faster are one: after a pause a server may make up for those it did not send.
const APART: Duration = Duration::from_secs(1);

/// The pings of one server on one WebSocket.
#[derive(Debug, Default)]
pub(crate) struct Heartbeat {
    last: Option<Instant>,
    every: Option<Duration>,
}

/// That a server took its client for gone: the shortest time between two of its pings, if there were two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakenForGone {
    pub(crate) pings: Option<Duration>,
}

impl Heartbeat {
    /// The server has pinged.
    pub(crate) fn ping(&mut self, now: Instant) {
        let since = self.last.replace(now).map(|last| now.saturating_duration_since(last));
        self.every = [self.every, since.filter(|since| *since >= APART)].into_iter().flatten().min();
    }

    /// What it says of a client that the server ends its WebSocket, with these words (the payload of a Close frame), or
    /// with none. `owes` whether a message of the client has not been answered.
    pub(crate) fn ended(&self, farewell: Option<&[u8]>, owes: bool) -> Option<TakenForGone> {
        // Who does not ping cannot miss an answer.
        self.last?;
        farewell
            .is_none_or(|words| misses_somebody(words, owes))
            .then_some(TakenForGone { pings: self.every })
    }
}

/// simple-websocket closes with 1008 and "Ping/Pong timeout", websockets with 1011 and "keepalive ping timeout". What
/// follows a message may be about that.
fn misses_somebody(words: &[u8], owes: bool) -> bool {
    const POLICY: u16 = 1008;
    const INTERNAL: u16 = 1011;
    let (code, reason) = words
        .split_first_chunk()
        .map_or((None, &[][..]), |(code, reason)| (Some(u16::from_be_bytes(*code)), reason));
    let names_it = reason.windows(4).any(|word| word.eq_ignore_ascii_case(b"ping"));
    names_it || !owes && matches!(code, Some(POLICY | INTERNAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn farewell(code: u16, reason: &str) -> Vec<u8> {
        [&code.to_be_bytes()[..], reason.as_bytes()].concat()
    }

    #[test]
    fn how_often() {
        for (what, pings, every) in [
            ("once", &[0][..], None),
            ("evenly", &[0, 5_000, 10_000], Some(5_000)),
            ("after a sleep", &[0, 5_000, 400_000, 405_100], Some(5_000)),
            ("two at once", &[0, 5_000, 5_001], Some(5_000)),
            ("only at once", &[0, 1], None),
        ] {
            let (mut heartbeat, start) = (Heartbeat::default(), Instant::now());
            pings.iter().for_each(|at| heartbeat.ping(start + Duration::from_millis(*at)));
            let gone = heartbeat.ended(None, false).unwrap();
            assert_eq!(gone.pings, every.map(Duration::from_millis), "{what}");
        }
    }

    #[test]
    fn what_it_says() {
        for (what, pings, words, owes, gone) in [
            ("simple-websocket", true, Some(farewell(1008, "Ping/Pong timeout")), false, true),
            ("the same, when a message woke it", true, Some(farewell(1008, "Ping/Pong timeout")), true, true),
            ("websockets", true, Some(farewell(1011, "keepalive ping timeout")), false, true),
            ("tornado", true, Some(farewell(1000, "ping timed out")), false, true),
            ("ws: not a word", true, None, true, true),
            ("a handler failed at a message", true, Some(farewell(1011, "")), true, false),
            ("a handler failed by itself", true, Some(farewell(1011, "")), false, true),
            ("done", true, Some(farewell(1000, "")), false, false),
            ("without a code", true, Some(Vec::new()), false, false),
            ("it goes away", true, Some(farewell(1001, "")), false, false),
            ("the app's own", true, Some(farewell(4001, "logged out")), false, false),
            ("cut off, but it never pinged", false, None, false, false),
            ("half a code", true, Some(vec![3]), false, false),
        ] {
            let mut heartbeat = Heartbeat::default();
            if pings {
                heartbeat.ping(Instant::now());
            }
            assert_eq!(heartbeat.ended(words.as_deref(), owes).is_some(), gone, "{what}");
        }
    }
}
