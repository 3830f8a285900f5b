//! Which fiscal year a period is of.

use jiff::civil::Date;

/// Days by which the ends of a 52-week year and a calendar's may differ, over a few years.
const SLACK: i32 = 15;

/// A report's fiscal year and the last day it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fiscal {
    pub(super) year: i32,
    pub(super) end: Date,
}

impl Fiscal {
    /// By the year the filer calls it; without, by the calendar year that most of the period lies in.
    pub(super) fn new(year: Option<i32>, end: Date) -> Self {
        let by_end = || i32::from(end.saturating_sub(jiff::Span::new().days(SLACK)).year());
        Self { year: year.unwrap_or_else(by_end), end }
    }

    /// The fiscal year of a period with that last day; `None` for one that ends after the report's.
    pub(super) fn year_of(&self, end: Date) -> Option<i32> {
        let before = (self.end - end).get_days() + SLACK;
        (before >= 0).then(|| self.year - (f64::from(before) / 365.25) as i32)
    }

    /// Whether a balance of that day is a fiscal year's end.
    pub(super) fn is_year_end(&self, day: Date) -> bool {
        let before = f64::from((self.end - day).get_days());
        let years = (before / 365.25).round();
        (before - years * 365.25).abs() <= f64::from(SLACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_the_filers_years() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        let january = Fiscal::new(Some(2024), date("2024-01-28"));
        for (end, year) in [
            ("2024-01-28", Some(2024)),
            ("2023-01-29", Some(2023)),
            ("2022-01-30", Some(2022)),
            ("2023-10-29", Some(2024)),
            ("2024-03-01", None),
        ] {
            assert_eq!(january.year_of(date(end)), year, "{end}");
        }
        assert_eq!(Fiscal::new(None, date("2023-01-01")).year, 2022, "the first days of January");
        assert_eq!(Fiscal::new(None, date("2023-12-31")).year, 2023);
        assert!(january.is_year_end(date("2023-01-29")));
        assert!(!january.is_year_end(date("2023-10-29")));
    }
}
