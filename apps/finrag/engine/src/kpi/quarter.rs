//! Telling apart a year's figure from a quarter's that stands in its place.
//!
//! Until the SEC dropped Item 302(a) of Regulation S-K (in effect from February 2021), a 10-K repeated its quarters' figures under the same
//! tags as the year's. In the development corpus many flows of 2010 to 2020 are a fourth quarter's alone, with no row for
//! the year: Apple's net income of 2016 is there as 9.0 billion and was 45.7. No rule of choosing helps where
//! there is one row; so such a value is shown with a caution, and no growth is computed across it.

/// The last year whose 10-Ks had quarters.
const LAST_WITH_QUARTERS: i32 = 2020;
/// A year is at least this many times a quarter that stands beside it, in all but a collapse.
const STEP: f64 = 2.3;

/// Metrics that add up over quarters and were repeated by quarter.
const FLOWS: &[&str] = &[
    "revenue",
    "revenue_net",
    "net_income",
    "gross_profit",
    "net_income_common_basic",
    "net_income_common_diluted",
];

/// The years of a series whose values look like a quarter's: a run of years up to 2020 that ends (or begins) with a step by a
/// factor that only a change from quarter to year explains.
pub(crate) fn suspects(metric: &str, series: &[(i32, f64)]) -> Vec<i32> {
    if !FLOWS.contains(&metric) {
        return Vec::new();
    }
    let mut suspects = Vec::new();
    let mut run: Vec<i32> = Vec::new();
    let mut before_is_larger = false;
    for pair in 0..series.len() {
        let (year, value) = series[pair];
        let previous = pair.checked_sub(1).map(|at| series[at]);
        let near = previous.is_some_and(|(before, _)| year - before <= 3);
        if let Some((_, earlier)) = previous.filter(|_| near) {
            if steps(earlier, value) {
                // A step up: what led to it was quarters, if it lies in their time.
                suspects.append(&mut run);
                before_is_larger = false;
            } else if steps(value, earlier) {
                run.clear();
                before_is_larger = true;
            }
        } else {
            run.clear();
            before_is_larger = false;
        }
        if year <= LAST_WITH_QUARTERS {
            run.push(year);
        } else if before_is_larger {
            // It fell and never rose again: a collapse or quarters, and only quarters end with 2020.
            run.clear();
        }
    }
    suspects.sort_unstable();
    suspects
}

/// Whether `year` is to `quarter` as a year to its quarter.
fn steps(quarter: f64, year: f64) -> bool {
    if quarter == 0.0 || year == 0.0 {
        return false;
    }
    let ratio = year.abs() / quarter.abs();
    (STEP..12.0).contains(&ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_end_in_a_step_are_suspect() {
        let apple = [(2018, 14.1), (2019, 13.7), (2020, 12.7), (2021, 94.7), (2022, 99.8)];
        assert_eq!(suspects("net_income", &apple), [2018, 2019, 2020]);
        let alphabet = [(2018, 30.7), (2019, 34.3), (2020, 40.3), (2021, 76.0), (2022, 60.0), (2023, 73.8)];
        assert_eq!(suspects("net_income", &alphabet), [0; 0]);
        let nvidia = [(2022, 26.9), (2023, 27.0), (2024, 60.9), (2025, 130.5)];
        assert_eq!(suspects("revenue", &nvidia), [0; 0]);
        assert_eq!(suspects("equity", &apple), [0; 0]);
    }
}
