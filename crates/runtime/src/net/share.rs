//! What a network has of the host's line.

use dormouse_model::ClassId;

use super::line::BitRate;

/// A network's share, where the line is divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) class: ClassId,
    /// The most that it gets.
    pub(super) most: Option<BitRate>,
}
