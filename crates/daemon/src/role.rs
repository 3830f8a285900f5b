//! The processes that the parent starts.

/// A child of `dormouse serve`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// API, reconciler, builds. May be killed at any instant.
    Control,
    /// Listeners, routes, private names. Keeps serving what is awake while control is away.
    Edge,
}

impl Role {
    pub(crate) const ALL: [Self; 2] = [Self::Control, Self::Edge];

    /// The hidden command it is started with.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Edge => "edge",
        }
    }

    /// The role this process was started for, if for any.
    pub(crate) fn asked() -> Option<Self> {
        let arg = std::env::args_os().nth(1)?;
        Self::ALL.into_iter().find(|r| arg == r.name())
    }
}
