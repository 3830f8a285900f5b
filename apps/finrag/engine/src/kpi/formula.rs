//! Metrics computed from others, where the table lacks them.

/// What a formula reads: a metric of the year, or of the year before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// Of the year.
    Of(&'static str),
    /// Of the year before.
    Before(&'static str),
}

/// A metric by others.
pub(crate) struct Formula {
    pub(crate) key: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) inputs: &'static [Input],
    /// How it is computed, for the reader.
    pub(crate) how: &'static str,
    compute: fn(&[f64]) -> f64,
}

use Input::{Before, Of};

/// The formulas; the first whose inputs are there is taken.
pub(crate) const FORMULAS: &[Formula] = &[
    Formula {
        key: "operating_income",
        unit: "USD",
        inputs: &[Of("operating_margin"), Of("revenue")],
        how: "operating margin of revenue",
        compute: |x| whole(x[0] / 100.0 * x[1]),
    },
    Formula {
        key: "gross_margin",
        unit: "percent",
        inputs: &[Of("gross_profit"), Of("revenue")],
        how: "gross profit over revenue",
        compute: |x| x[0] / x[1] * 100.0,
    },
    Formula {
        key: "net_profit_margin",
        unit: "percent",
        inputs: &[Of("net_income"), Of("revenue")],
        how: "net income over revenue",
        compute: |x| x[0] / x[1] * 100.0,
    },
    Formula {
        key: "operating_margin",
        unit: "percent",
        inputs: &[Of("operating_income"), Of("revenue")],
        how: "operating income over revenue",
        compute: |x| x[0] / x[1] * 100.0,
    },
    Formula {
        key: "free_cash_flow",
        unit: "USD",
        inputs: &[Of("cfo"), Of("capex")],
        how: "operating cash flow less capital expenditures",
        compute: |x| x[0] - x[1].abs(),
    },
    Formula {
        key: "capex",
        unit: "USD",
        inputs: &[Of("cfo"), Of("free_cash_flow")],
        how: "operating cash flow less free cash flow",
        compute: |x| x[0] - x[1],
    },
    Formula {
        key: "total_liabilities",
        unit: "USD",
        inputs: &[Of("total_assets"), Of("equity_incl_nci")],
        how: "total assets less equity",
        compute: |x| x[0] - x[1],
    },
    Formula {
        key: "total_liabilities",
        unit: "USD",
        inputs: &[Of("total_assets"), Of("equity")],
        how: "total assets less equity",
        compute: |x| x[0] - x[1],
    },
    Formula {
        key: "debt_to_assets",
        unit: "ratio",
        inputs: &[Of("total_liabilities"), Of("total_assets")],
        how: "total liabilities over total assets",
        compute: |x| x[0] / x[1],
    },
    Formula {
        key: "debt_to_equity",
        unit: "ratio",
        inputs: &[Of("total_liabilities"), Of("equity")],
        how: "total liabilities over equity",
        compute: |x| x[0] / x[1],
    },
    Formula {
        key: "roe",
        unit: "percent",
        inputs: &[Of("net_income"), Of("equity"), Before("equity")],
        how: "net income over average equity",
        compute: |x| x[0] / f64::midpoint(x[1], x[2]) * 100.0,
    },
    Formula {
        key: "roa",
        unit: "percent",
        inputs: &[Of("net_income"), Of("total_assets"), Before("total_assets")],
        how: "net income over average assets",
        compute: |x| x[0] / f64::midpoint(x[1], x[2]) * 100.0,
    },
];

impl Formula {
    /// The result; `None` where it divides by nothing.
    pub(crate) fn apply(&self, inputs: &[f64]) -> Option<f64> {
        Some((self.compute)(inputs)).filter(|value| value.is_finite())
    }
}

/// Filers report in thousands at the finest: a computed amount that is a hair off a whole one is that one.
fn whole(value: f64) -> f64 {
    let near = (value / 1e3).round() * 1e3;
    if (near - value).abs() <= 1e-6 * value.abs() { near } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn income_follows_from_margin() {
        let formula = FORMULAS.iter().find(|formula| formula.key == "operating_income").unwrap();
        let margin = 114_301e6 / 383_285e6 * 100.0;
        assert_eq!(formula.apply(&[margin, 383_285e6]), Some(114_301e6));
        let margin = FORMULAS.iter().find(|formula| formula.key == "net_profit_margin").unwrap();
        assert_eq!(margin.apply(&[1.0, 0.0]), None);
    }
}
