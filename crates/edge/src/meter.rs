//! What the bytes in a tunnel are: activity or upkeep, questions and their answers.

use crate::{
    answers::Answers,
    frames::{FrameKind, Frames},
    tally::Owed,
};

/// Follows what a tunnel carries.
#[derive(Debug)]
pub(crate) enum Meter {
    /// A WebSocket: pings and pongs are upkeep, and a message is answered by the next one that comes back.
    WebSocket { up: Frames, down: Frames },
    /// Anything: every byte is activity, and asks for an answer. Where that ends is seen if it is HTTP.
    Bytes(Answers),
}

/// What bytes from a client are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Upkeep: it also passes to an instance that sleeps.
    Nothing,
    /// Somebody's doing that asks for nothing.
    Something,
    /// Something that is to be answered.
    Question(Owed),
}

/// What bytes from an instance are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// Upkeep.
    Nothing,
    /// A message.
    Message,
    /// Part of an answer, with what is owed behind it: nothing where the end cannot be seen, or has come.
    Bytes(Owed),
}

impl Meter {
    pub(crate) fn web_socket() -> Self {
        Self::WebSocket { up: Frames::default(), down: Frames::default() }
    }

    /// Whether it is a WebSocket on which both sides have ended the frames that they began.
    pub(crate) fn is_between_frames(&self) -> bool {
        match self {
            Self::WebSocket { up, down } => up.is_between() && down.is_between(),
            Self::Bytes(answers) => answers.is_between_frames(),
        }
    }

    pub(crate) fn up(&mut self, bytes: &[u8]) -> Asked {
        match self {
            Self::WebSocket { up, .. } => match up.scan(bytes) {
                FrameKind::Upkeep => Asked::Nothing,
                FrameKind::Control => Asked::Something,
                FrameKind::Message => Asked::Question(Owed::Reply),
            },
            Self::Bytes(answers) => answers.ask(bytes),
        }
    }

    pub(crate) fn down(&mut self, bytes: &[u8]) -> Said {
        match self {
            Self::WebSocket { down, .. } => match down.scan(bytes) {
                FrameKind::Upkeep | FrameKind::Control => Said::Nothing,
                FrameKind::Message => Said::Message,
            },
            Self::Bytes(answers) => answers.answer(bytes),
        }
    }
}
