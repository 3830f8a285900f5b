//! The lines of the income statement that filings repeat by quarter.

/// A line of the income statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Line {
    Revenue,
    GrossProfit,
    NetIncome,
}

impl Line {
    pub(crate) const ALL: [Self; 3] = [Self::Revenue, Self::GrossProfit, Self::NetIncome];

    /// The line that a metric as asked is.
    pub(crate) fn of(asked: &str) -> Option<Self> {
        match asked {
            "revenue" => Some(Self::Revenue),
            "gross_profit" => Some(Self::GrossProfit),
            "net_income" => Some(Self::NetIncome),
            _ => None,
        }
    }

    /// The line that a key of the fact table is, or stands in for.
    pub(crate) fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|line| line.keys().any(|known| known == key))
    }

    /// The key that the line is called by.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Revenue => "revenue",
            Self::GrossProfit => "gross_profit",
            Self::NetIncome => "net_income",
        }
    }

    /// Keys that are the line itself.
    pub(crate) fn own(self) -> &'static [&'static str] {
        match self {
            Self::Revenue => &["revenue", "revenues"],
            Self::GrossProfit => &["gross_profit"],
            Self::NetIncome => &["net_income"],
        }
    }

    /// Keys that stand in for it, the nearest first.
    pub(crate) fn stand_ins(self) -> &'static [&'static str] {
        match self {
            Self::Revenue => &["revenue_net", "revenue_gross"],
            Self::GrossProfit => &[],
            Self::NetIncome => &[
                "net_income_parent_diluted",
                "net_income_common_basic",
                "net_income_common_diluted",
                "net_income_incl_nonredeemable_nci",
            ],
        }
    }

    /// All of its keys.
    pub(crate) fn keys(self) -> impl Iterator<Item = &'static str> {
        self.own().iter().chain(self.stand_ins()).copied()
    }
}
