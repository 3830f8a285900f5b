//! Why a figure is doubted.

use std::fmt;

use crate::kpi::format::figure;

/// A reason to doubt that a figure is the year's and the whole company's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Doubt {
    /// Its tag is of one part.
    Part {
        /// The tag, without its namespace.
        tag: String,
    },
    /// Less than the cash that operations left in the same year.
    BelowCash {
        /// Operating cash flow, in dollars.
        cash: f64,
    },
    /// Revenue below the same year's net income.
    BelowIncome {
        /// Net income, in dollars.
        income: f64,
    },
    /// Against total assets it is about a quarter of what it is in years that are known.
    Scale,
    /// Another line of the same filing is a quarter's.
    SameFiling {
        /// The other line's key.
        line: &'static str,
    },
    /// The years on both sides are quarters' under the same tag.
    Beside,
    /// It has the part of others than the company's shareholders.
    WithOthers {
        /// That part, in dollars.
        others: f64,
    },
    /// It is what is left for common stock, and so small that what other shares get matters.
    CommonAlone,
    /// The table's own ratios of the year say otherwise.
    Ratio {
        /// The ratio's name.
        ratio: &'static str,
    },
    /// The sentence that has it names no year.
    Undated,
    /// Basic and diluted income differ by more than dilution explains.
    Twin {
        /// The other figure, in dollars.
        other: f64,
    },
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part { tag } => write!(f, "may be a part's: its tag {tag} is of services alone"),
            Self::BelowCash { cash } => {
                write!(
                    f,
                    "may be a quarter's: operating cash flow of the year is more ({})",
                    figure(*cash, "USD")
                )
            }
            Self::BelowIncome { income } => {
                write!(f, "may be a quarter's: net income of the year is more ({})", figure(*income, "USD"))
            }
            Self::Scale => f.write_str(
                "may be a quarter's: against total assets it is about a quarter of what it is in other years",
            ),
            Self::SameFiling { line } => {
                write!(
                    f,
                    "may be a quarter's: so is {} in the same filing, and filings repeat both by quarter",
                    line.replace('_', " ")
                )
            }
            Self::Beside => f.write_str(
                "may be a quarter's: the years on both sides are, under the same tag, and nothing else tells of this one",
            ),
            Self::WithOthers { others } => write!(
                f,
                "may be more or less than the shareholders': its tag counts in a part of noncontrolling interests ({})",
                figure(*others, "USD")
            ),
            Self::CommonAlone => f.write_str(
                "may be less than the company's: its tag is of what is left for common stock, and so small that other shares' part matters",
            ),
            Self::Ratio { ratio } => write!(f, "may be a quarter's: it does not fit the year's {ratio}"),
            Self::Undated => f.write_str(
                "may be another year's: the sentence stands in the year's filing and names no year",
            ),
            Self::Twin { other } => {
                write!(
                    f,
                    "may be a quarter's: basic and diluted income of one year are alike, and the other is {}",
                    figure(*other, "USD")
                )
            }
        }
    }
}
