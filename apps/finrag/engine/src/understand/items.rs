//! Finding 10-K items: named outright, or hinted at.

use std::sync::LazyLock;

use regex::Regex;

use super::ItemMention;

/// "according to its 2021 risk factors", "in the risk factors": the section, not the subject.
static RISK_FACTORS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:according to|in|per|under|from|within)\s+(?:[\w&.'’]+\s+){0,4}?risk factors\b")
        .expect("the pattern is well-formed")
});

static NUMBERED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\bitems?[\s_]*(1[0-6]|[1-9])\s*\(?([abc])?\)?\b").expect("the pattern is well-formed")
});

/// Phrases that name an item outright: they filter.
const NAMED: &[(&str, &str)] = &[
    ("risk factors section", "ITEM_1A"),
    ("risk factor section", "ITEM_1A"),
    ("in the risk factors", "ITEM_1A"),
    ("in its risk factors", "ITEM_1A"),
    ("in their risk factors", "ITEM_1A"),
    ("among its risk factors", "ITEM_1A"),
    ("md&a", "ITEM_7"),
    ("management's discussion", "ITEM_7"),
    ("management discussion", "ITEM_7"),
    ("business section", "ITEM_1"),
    ("legal proceedings section", "ITEM_3"),
    ("properties section", "ITEM_2"),
    ("market risk section", "ITEM_7A"),
    ("quantitative and qualitative disclosures", "ITEM_7A"),
    ("notes to the financial statements", "ITEM_8"),
    ("notes to the consolidated financial statements", "ITEM_8"),
    ("unresolved staff comments", "ITEM_1B"),
    ("mine safety", "ITEM_4"),
    ("exhibit list", "ITEM_15"),
    ("list of exhibits", "ITEM_15"),
];

/// Phrases that make an item likely: they weigh.
const HINTED: &[(&str, &str)] = &[
    ("risk factor", "ITEM_1A"),
    ("risk factors", "ITEM_1A"),
    ("risk", "ITEM_1A"),
    ("risks", "ITEM_1A"),
    ("warn", "ITEM_1A"),
    ("warns", "ITEM_1A"),
    ("hurt", "ITEM_1A"),
    ("harm", "ITEM_1A"),
    ("threat", "ITEM_1A"),
    ("threats", "ITEM_1A"),
    ("could harm", "ITEM_1A"),
    ("adversely", "ITEM_1A"),
    ("vulnerable", "ITEM_1A"),
    ("dependence", "ITEM_1A"),
    ("business model", "ITEM_1"),
    ("mission", "ITEM_1"),
    ("products and services", "ITEM_1"),
    ("competitors", "ITEM_1"),
    ("employees", "ITEM_1"),
    ("workforce", "ITEM_1"),
    ("headquarters", "ITEM_2"),
    ("office space", "ITEM_2"),
    ("square feet", "ITEM_2"),
    ("legal proceedings", "ITEM_3"),
    ("stock performance", "ITEM_5"),
    ("holders of record", "ITEM_5"),
    ("dividend policy", "ITEM_5"),
    ("drove", "ITEM_7"),
    ("driver", "ITEM_7"),
    ("drivers", "ITEM_7"),
    ("increase in", "ITEM_7"),
    ("decrease in", "ITEM_7"),
    ("growth", "ITEM_7"),
    ("grew", "ITEM_7"),
    ("why did", "ITEM_7"),
    ("lifted", "ITEM_7"),
    ("raised", "ITEM_7"),
    ("lowered", "ITEM_7"),
    ("compared to", "ITEM_7"),
    ("compared with", "ITEM_7"),
    ("liquidity", "ITEM_7"),
    ("capital resources", "ITEM_7"),
    ("critical accounting", "ITEM_7"),
    ("operating income", "ITEM_7"),
    ("margin", "ITEM_7"),
    ("expenses", "ITEM_7"),
    ("interest rate risk", "ITEM_7A"),
    ("currency risk", "ITEM_7A"),
    ("hypothetical", "ITEM_7A"),
    ("value-at-risk", "ITEM_7A"),
    ("accounting policy", "ITEM_8"),
    ("accounting policies", "ITEM_8"),
    ("auditor", "ITEM_8"),
    ("fair value", "ITEM_8"),
    ("useful lives", "ITEM_8"),
    ("depreciation", "ITEM_8"),
    ("amortization", "ITEM_8"),
    ("lease", "ITEM_8"),
    ("acquisition", "ITEM_8"),
    ("repurchase", "ITEM_8"),
    ("internal control", "ITEM_9A"),
    ("internal controls", "ITEM_9A"),
    ("disclosure controls", "ITEM_9A"),
    ("executive officers", "ITEM_10"),
    ("code of conduct", "ITEM_10"),
    ("executive compensation", "ITEM_11"),
    ("beneficial owner", "ITEM_12"),
    ("beneficial ownership", "ITEM_12"),
    ("related party transactions", "ITEM_13"),
    ("accountant fees", "ITEM_14"),
    ("audit fees", "ITEM_14"),
];

/// Every item, outright ones first.
pub(crate) fn find(question: &str) -> Vec<ItemMention> {
    let mut items: Vec<ItemMention> = Vec::new();
    let mut add = |item: &str, matched: &str, explicit| {
        if !items.iter().any(|known| known.item == item) {
            items.push(ItemMention { item: item.to_owned(), matched: matched.to_owned(), explicit });
        }
    };
    for found in NUMBERED.captures_iter(question) {
        let letter = found.get(2).map_or(String::new(), |letter| letter.as_str().to_uppercase());
        add(&format!("ITEM_{}{letter}", &found[1]), &found[0], true);
    }
    if let Some(found) = RISK_FACTORS.find(question) {
        add("ITEM_1A", found.as_str(), true);
    }
    let lower = question.to_lowercase().replace('’', "'");
    for (phrase, item) in NAMED {
        if lower.contains(phrase) {
            add(item, phrase, true);
        }
    }
    for (phrase, item) in HINTED {
        if whole(&lower, phrase) {
            add(item, phrase, false);
        }
    }
    items
}

/// Whether a phrase stands in a text as whole words.
pub(crate) fn whole(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + phrase.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_filter_when_named_and_weigh_when_hinted() {
        for (question, expected) in [
            ("What does Item 1A say?", vec![("ITEM_1A", true)]),
            ("item 7 and ITEM_7A", vec![("ITEM_7", true), ("ITEM_7A", true)]),
            ("Items 1(a)", vec![("ITEM_1A", true)]),
            ("In the MD&A, what drove it?", vec![("ITEM_7", true)]),
            ("management’s discussion", vec![("ITEM_7", true)]),
            ("the risk of breaches", vec![("ITEM_1A", false)]),
            ("according to Alphabet's 2021 risk factors", vec![("ITEM_1A", true)]),
            ("asterisk of breaches", vec![]),
            ("item 42", vec![]),
        ] {
            let found: Vec<(String, bool)> =
                find(question).into_iter().map(|item| (item.item, item.explicit)).collect();
            let expected: Vec<(String, bool)> =
                expected.into_iter().map(|(item, explicit)| (item.to_owned(), explicit)).collect();
            assert_eq!(found, expected, "{question}");
        }
    }
}
