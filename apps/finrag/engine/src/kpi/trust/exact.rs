//! Figures that ratios of the table give to the dollar.
//!
//! The maker of a table computes its ratios from the year's figures, and filers report whole thousands. So return on assets times
//! average assets is the year's net income when, and only when, it comes out whole to the cent: a value of another period misses by
//! chance 49,999 times of 50,000.

/// How far off a whole thousand, in dollars, a product of doubles may be.
const SLACK: f64 = 0.01;

/// The amount, when it is a whole number of thousands; `None` for another, and for nothing.
pub(super) fn whole(value: f64) -> Option<f64> {
    let near = (value / 1e3).round() * 1e3;
    (value.is_finite() && near != 0.0 && (near - value).abs() <= SLACK).then_some(near)
}

/// Net income by a return (percent) on the average of a balance's ends.
pub(super) fn by_return(percent: f64, end: f64, start: f64) -> Option<f64> {
    whole(percent / 100.0 * f64::midpoint(end, start))
}

/// Revenue by net income and its margin (percent).
pub(super) fn by_margin(income: f64, percent: f64) -> Option<f64> {
    whole(income / (percent / 100.0)).filter(|revenue| *revenue > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_out_whole_is_taken() {
        let (income, revenue) = (55_256e6, 260_174e6);
        let percent = income / f64::midpoint(338_516e6, 365_725e6) * 100.0;
        assert_eq!(by_return(percent, 338_516e6, 365_725e6), Some(income));
        assert_eq!(by_return(percent, 323_888e6, 338_516e6), None, "another year's balance");
        let margin = income / revenue * 100.0;
        assert_eq!(by_margin(income, margin), Some(revenue));
        assert_eq!(by_margin(13_686e6, margin), None, "a quarter's income");
        assert_eq!(by_margin(income, 0.0), None);
        assert_eq!(whole(0.0), None);
    }
}
