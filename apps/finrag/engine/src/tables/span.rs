//! How long a time a figure covers.

use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Kinds of periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodKind {
    /// 350 to 380 days: a fiscal year, of 52 or 53 weeks or by the calendar.
    Annual,
    /// 80 to 100 days.
    Quarter,
    /// Any other length: half a year, nine months, since the company began.
    YearToDate,
    /// A day: a balance.
    Instant,
}

impl PeriodKind {
    /// The kind by first and last day (YYYY-MM-DD); no first day is a balance's. `None` for what are no dates.
    pub(crate) fn of(start: Option<&str>, end: &str) -> Option<Self> {
        let end: Date = end.parse().ok()?;
        let Some(start) = start else { return Some(Self::Instant) };
        let start: Date = start.parse().ok()?;
        let days = (end - start).get_days() + 1;
        Some(match days {
            350..=380 => Self::Annual,
            80..=100 => Self::Quarter,
            _ => Self::YearToDate,
        })
    }
}

/// The period of a row, as far as the table says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Option<Arc<str>>,
    pub(crate) end: Option<Arc<str>>,
    pub(crate) kind: Option<PeriodKind>,
}

impl Span {
    pub(crate) fn new(start: Option<Arc<str>>, end: Option<Arc<str>>) -> Self {
        let kind = end.as_deref().and_then(|end| PeriodKind::of(start.as_deref(), end));
        Self { start, end, kind }
    }

    /// Whether it is known to be a year.
    pub(crate) fn is_year(&self) -> bool {
        self.kind == Some(PeriodKind::Annual)
    }

    /// Whether a figure of it can answer for a year: a year, a balance, or nobody knows.
    pub(crate) fn may_be_a_year(&self) -> bool {
        match self.kind {
            None | Some(PeriodKind::Annual | PeriodKind::Instant) => true,
            Some(PeriodKind::Quarter | PeriodKind::YearToDate) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_days() {
        for (start, end, expected) in [
            (Some("2023-01-01"), "2023-12-31", Some(PeriodKind::Annual)),
            (Some("2016-09-25"), "2017-09-30", Some(PeriodKind::Annual)),
            (Some("2022-01-03"), "2023-01-01", Some(PeriodKind::Annual)),
            (Some("2023-10-01"), "2023-12-31", Some(PeriodKind::Quarter)),
            (Some("2023-07-02"), "2023-10-01", Some(PeriodKind::Quarter)),
            (Some("2023-01-01"), "2023-09-30", Some(PeriodKind::YearToDate)),
            (Some("2019-01-01"), "2023-12-31", Some(PeriodKind::YearToDate)),
            (None, "2023-12-31", Some(PeriodKind::Instant)),
            (None, "last year", None),
            (Some("?"), "2023-12-31", None),
        ] {
            assert_eq!(PeriodKind::of(start, end), expected, "{start:?} {end}");
        }
    }
}
