//! What the taxonomy's concepts are called here.

use std::collections::HashMap;

use crate::ingest::facts::FactEntry;

/// A metric, and the concepts that are it: where a filing has several for one period, the first of the list counts.
struct Concept {
    key: &'static str,
    label: &'static str,
    tags: &'static [&'static str],
}

const CONCEPTS: &[Concept] = &[
    Concept {
        key: "revenue",
        label: "Revenue",
        tags: &[
            "Revenues",
            "RevenueFromContractWithCustomerExcludingAssessedTax",
            "RevenueFromContractWithCustomerIncludingAssessedTax",
            "SalesRevenueNet",
            "RevenuesNetOfInterestExpense",
        ],
    },
    Concept { key: "net_income", label: "Net Income", tags: &["NetIncomeLoss"] },
    Concept {
        key: "net_income_common_basic",
        label: "Net Income Available to Common Stockholders (Basic)",
        tags: &["NetIncomeLossAvailableToCommonStockholdersBasic"],
    },
    Concept {
        key: "net_income_common_diluted",
        label: "Net Income Available to Common Stockholders (Diluted)",
        tags: &["NetIncomeLossAvailableToCommonStockholdersDiluted"],
    },
    Concept { key: "profit_loss", label: "Net Income with Noncontrolling Interests", tags: &["ProfitLoss"] },
    Concept { key: "operating_income", label: "Operating Income", tags: &["OperatingIncomeLoss"] },
    Concept { key: "gross_profit", label: "Gross Profit", tags: &["GrossProfit"] },
    Concept {
        key: "cfo",
        label: "Operating Cash Flow",
        tags: &["NetCashProvidedByUsedInOperatingActivities"],
    },
    Concept {
        key: "cfo_cont_ops",
        label: "Operating Cash Flow of Continuing Operations",
        tags: &["NetCashProvidedByUsedInOperatingActivitiesContinuingOperations"],
    },
    Concept {
        key: "capex",
        label: "Capital Expenditures",
        tags: &["PaymentsToAcquirePropertyPlantAndEquipment"],
    },
    Concept {
        key: "capex_productive",
        label: "Purchases of Productive Assets",
        tags: &["PaymentsToAcquireProductiveAssets"],
    },
    Concept { key: "total_assets", label: "Total Assets", tags: &["Assets"] },
    Concept {
        key: "liabilities_and_equity",
        label: "Total Liabilities and Equity",
        tags: &["LiabilitiesAndStockholdersEquity"],
    },
    Concept { key: "total_liabilities", label: "Total Liabilities", tags: &["Liabilities"] },
    Concept { key: "equity", label: "Stockholders' Equity", tags: &["StockholdersEquity"] },
    Concept {
        key: "equity_incl_nci",
        label: "Equity with Noncontrolling Interests",
        tags: &["StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest"],
    },
    Concept { key: "eps_diluted", label: "Earnings per Share (Diluted)", tags: &["EarningsPerShareDiluted"] },
    Concept { key: "eps_basic", label: "Earnings per Share (Basic)", tags: &["EarningsPerShareBasic"] },
    Concept { key: "rnd", label: "Research and Development", tags: &["ResearchAndDevelopmentExpense"] },
];

/// A concept's key and label, and its place among those that are the same metric; `None` for one that has no metric here.
pub(super) fn of(tag: &str) -> Option<(&'static str, &'static str, usize)> {
    CONCEPTS.iter().find_map(|concept| {
        let place = concept.tags.iter().position(|known| *known == tag)?;
        Some((concept.key, concept.label, place))
    })
}

/// The key of a concept without a metric: `DeferredTaxAssetsNet` is `deferred_tax_assets_net`.
pub(super) fn key(tag: &str) -> String {
    let mut key = String::with_capacity(tag.len() + 8);
    let chars: Vec<char> = tag.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let begins = c.is_uppercase()
            && at > 0
            && (chars[at - 1].is_lowercase() || chars.get(at + 1).is_some_and(|next| next.is_lowercase()));
        if begins {
            key.push('_');
        }
        key.extend(c.to_lowercase());
    }
    key
}

/// The label of such a concept: its words.
pub(super) fn label(tag: &str) -> String {
    let words: Vec<String> = key(tag)
        .split('_')
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
        })
        .collect();
    words.join(" ")
}

/// Without the entries of concepts that are a metric only where a better one of the same period is not there.
pub(super) fn keep_first(entries: Vec<FactEntry>) -> Vec<FactEntry> {
    type Period = (u64, String, Option<String>, Option<String>, Option<String>);
    let period = |entry: &FactEntry| -> Period {
        (
            entry.cik,
            entry.metric_key.clone(),
            entry.period_start.clone(),
            entry.period_end.clone(),
            entry.dimensions.clone(),
        )
    };
    let place = |entry: &FactEntry| {
        let tag = entry.metric_gaap.as_deref().unwrap_or_default().trim_start_matches("us-gaap:");
        of(tag).map_or(0, |(_, _, place)| place)
    };
    let mut best: HashMap<Period, usize> = HashMap::new();
    for entry in &entries {
        let known = best.entry(period(entry)).or_insert(usize::MAX);
        *known = place(entry).min(*known);
    }
    entries.into_iter().filter(|entry| best.get(&period(entry)) == Some(&place(entry))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concepts_have_keys_and_labels() {
        assert_eq!(of("SalesRevenueNet"), Some(("revenue", "Revenue", 3)));
        assert_eq!(of("Goodwill"), None);
        assert_eq!(key("DeferredTaxAssetsNet"), "deferred_tax_assets_net");
        assert_eq!(key("AOCILossBeforeTax"), "aoci_loss_before_tax");
        assert_eq!(label("DeferredTaxAssetsNet"), "Deferred Tax Assets Net");
    }
}
