//! Quarters asked for. The data's figures are of years unless their periods are known.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

static NUMBERED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\bq([1-4])\b|\b([1-4])q\b|\bq([1-4])\W?(?:fy)?\W?\d{2,4}\b|\b([1-4])q\W?(?:fy)?\W?\d{2,4}\b",
    )
    .expect("the pattern is well-formed")
});
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(first|second|third|fourth|final|1st|2nd|3rd|4th)[\s-]+(?:fiscal[\s-]+)?quarter\b")
        .expect("the pattern is well-formed")
});
static EVERY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:quarterly|qoq|10-?q|(?:by|per|which|what|all|four|last|past|previous|recent) quarters?)\b",
    )
    .expect("the pattern is well-formed")
});
/// Other times that are shorter than a year.
static SHORTER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)\b(?: (?:three|six|nine|[369])[\s-]months?\s+(?:ended|ending|to|period|of) | (?:first|second)[\s-]half | half[\s-]?year(?:ly)?
          | monthly | (?:in|during|for|of)\s+(?:january|february|march|april|may|june|july|august|september|october|november|december)\s+(?:19|20)\d\d )\b",
    )
    .expect("the pattern is well-formed")
});
/// A quarter as a time ("the holiday quarter"), and as a share ("a quarter of sales").
static ONE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\bquarters?(\s+of\s+(?:(?:fiscal|the|year|fy)\s*)*(?:(?:19|20)\d\d|year)\b|\s+of\b)?")
        .expect("the pattern is well-formed")
});

/// The quarters of a question, ascending; all four when it asks for them without naming one.
pub(crate) fn find(question: &str) -> Vec<u8> {
    let mut quarters: BTreeSet<u8> = BTreeSet::new();
    for found in NUMBERED.captures_iter(question) {
        quarters.extend((1..=4).filter_map(|group| found.get(group)?.as_str().parse::<u8>().ok()));
    }
    for found in NAMED.captures_iter(question) {
        quarters.insert(match found[1].to_lowercase().as_str() {
            "first" | "1st" => 1,
            "second" | "2nd" => 2,
            "third" | "3rd" => 3,
            _ => 4,
        });
    }
    let is_time = |of: Option<regex::Match<'_>>| {
        of.is_none_or(|of| of.as_str().ends_with(|c: char| c.is_ascii_digit() || c == 'r'))
    };
    let one = || ONE.captures_iter(question).any(|found| is_time(found.get(1)));
    if quarters.is_empty() && (EVERY.is_match(question) || SHORTER.is_match(question) || one()) {
        quarters.extend(1..=4);
    }
    quarters.into_iter().collect()
}

/// Quarters as one says them: `Q3`, or `quarters`.
pub(crate) fn said(quarters: &[u8]) -> String {
    match quarters {
        [_, _, _, _] | [] => "quarters".to_owned(),
        some => some.iter().map(|quarter| format!("Q{quarter}")).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_however_they_are_named() {
        for (question, expected) in [
            ("Apple's revenue in Q3 2023", vec![3]),
            ("3Q23 revenue of Apple", vec![3]),
            ("Q1FY24 net income", vec![1]),
            ("third quarter of fiscal 2023", vec![3]),
            ("revenue in Q1 and Q2 2023", vec![1, 2]),
            ("the fourth fiscal quarter", vec![4]),
            ("quarterly revenue", vec![1, 2, 3, 4]),
            ("revenue by quarter in 2023", vec![1, 2, 3, 4]),
            ("What did the last quarter bring?", vec![1, 2, 3, 4]),
            ("Apple's fourth-quarter revenue", vec![4]),
            ("Amazon's holiday quarter sales", vec![1, 2, 3, 4]),
            ("which quarter of 2023 was best", vec![1, 2, 3, 4]),
            ("sales in the best quarter of the year", vec![1, 2, 3, 4]),
            ("revenue, three months ended June 30, 2023", vec![1, 2, 3, 4]),
            ("revenue in the first half of 2023", vec![1, 2, 3, 4]),
            ("revenue in March 2023", vec![1, 2, 3, 4]),
            ("the year ended September 2023", vec![]),
            ("a quarter of sales", vec![]),
            ("three quarters of revenues", vec![]),
            ("headquarters of Apple", vec![]),
            ("revenue of 2023", vec![]),
        ] {
            assert_eq!(find(question), expected, "{question}");
        }
        assert_eq!((said(&[3]), said(&[1, 2, 3, 4])), ("Q3".to_owned(), "quarters".to_owned()));
    }
}
