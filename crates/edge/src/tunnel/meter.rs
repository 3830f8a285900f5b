//! What the bytes in a tunnel are: activity or upkeep, questions and their answers.

use std::time::Instant;

use super::{
    answers::Answers,
    frames::{Conversation, FrameKind},
    heartbeat::{Heartbeat, TakenForGone},
    kind::{Asked, Said},
};
use crate::ctx::Owed;

/// Follows what a tunnel carries.
#[derive(Debug)]
pub(crate) enum Meter {
    /// A WebSocket: pings and pongs are upkeep, and a message is answered by the next one that comes back.
    WebSocket { frames: Conversation, heartbeat: Heartbeat },
    /// Anything: every byte is activity, and asks for an answer. Where that ends is seen if it is HTTP.
    Bytes(Answers),
}

impl Meter {
    pub(crate) fn web_socket() -> Self {
        Self::WebSocket { frames: Conversation::default(), heartbeat: Heartbeat::default() }
    }

    pub(crate) fn bytes() -> Self {
        Self::Bytes(Answers::default())
    }

    /// Whether it is a WebSocket on which both sides have ended the frames that they began.
    pub(crate) fn is_between_frames(&self) -> bool {
        match self {
            Self::WebSocket { frames, .. } => frames.is_between(),
            Self::Bytes(answers) => answers.is_between_frames(),
        }
    }

    pub(crate) fn up(&mut self, bytes: &[u8]) -> Asked {
        match self {
            Self::WebSocket { frames, .. } => Asked::of(frames.up.scan(bytes), Owed::Reply),
            Self::Bytes(answers) => answers.ask(bytes),
        }
    }

    pub(crate) fn down(&mut self, bytes: &[u8]) -> Said {
        match self {
            Self::WebSocket { frames, heartbeat } => {
                let kind = frames.down.scan(bytes);
                if frames.down.take_ping() {
                    heartbeat.ping(Instant::now());
                }
                match kind {
                    FrameKind::Upkeep | FrameKind::Control => Said::Nothing,
                    FrameKind::Message => Said::Message,
                }
            }
            Self::Bytes(answers) => answers.answer(bytes),
        }
    }

    /// What it says of the client that the instance has said goodbye, or, when it `hung_up`, that it ended the connection
    /// without. Nothing when it had no goodbye to say, or the client said it first. `owes` whether it owes a reply.
    pub(crate) fn taken_for_gone(&self, hung_up: bool, owes: bool) -> Option<TakenForGone> {
        match self {
            Self::WebSocket { frames, heartbeat } if !frames.up.is_closing() => {
                match (frames.down.farewell(), hung_up) {
                    (Some(words), false) => heartbeat.ended(Some(words), owes),
                    (None, true) => heartbeat.ended(None, owes),
                    (Some(_), true) | (None, false) => None,
                }
            }
            Self::WebSocket { .. } | Self::Bytes(_) => None,
        }
    }
}
