//! Why there is no plan.

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}\n  hint: {hint}")]
pub struct PlanError {
    /// What is missing or wrong.
    pub why: String,
    /// What to do.
    pub hint: String,
}

impl PlanError {
    pub(crate) fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into() }
    }
}
