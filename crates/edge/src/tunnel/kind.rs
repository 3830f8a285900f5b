//! What bytes in a tunnel are.

use super::frames::FrameKind;
use crate::ctx::Owed;

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

impl Asked {
    /// By frames of a WebSocket, of which a message is owed this.
    pub(crate) fn of(kind: FrameKind, owed: Owed) -> Self {
        match kind {
            FrameKind::Upkeep => Self::Nothing,
            FrameKind::Control => Self::Something,
            FrameKind::Message => Self::Question(owed),
        }
    }
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
