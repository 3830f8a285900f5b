//! Small things in words.

use std::time::Duration;

use serde_json::Value;

use crate::chart::figure;

/// A cost in US dollars: cents where that says enough, more places where it is less.
pub(super) fn dollars(cost: f64) -> String {
    match cost {
        cost if !cost.is_finite() || cost <= 0.0 => "$0.00".into(),
        cost if cost < 0.000_1 => "< $0.0001".into(),
        cost if cost < 1.0 => format!("${cost:.4}"),
        cost => format!("${cost:.2}"),
    }
}

/// A duration given in milliseconds.
pub(super) fn duration(ms: f64) -> String {
    match ms {
        ms if !ms.is_finite() || ms < 0.0 => "–".into(),
        ms if ms < 1.0 => format!("{ms:.2} ms"),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1_000.0),
    }
}

/// How long ago, roughly.
pub(super) fn ago(since: Duration) -> String {
    match since.as_secs() {
        0..5 => "just now".into(),
        secs @ 5..90 => format!("{secs} s ago"),
        secs @ 90..5_400 => format!("{} min ago", secs.div_ceil(60)),
        secs => format!("{} h ago", secs.div_ceil(3_600)),
    }
}

/// A count with its noun.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {many}", whole(number as u64)) }
}

/// A number with its thousands grouped.
pub(super) fn whole(number: u64) -> String {
    crate::chart::grouped(number as f64, 0)
}

/// Years as ranges.
pub(super) fn years(years: &[i32]) -> String {
    let mut years = years.to_vec();
    years.sort_unstable();
    years.dedup();
    let ranges = years.chunk_by(|year, next| next - year == 1).map(|range| match range {
        [year] => year.to_string(),
        [first, last] => format!("{first}, {last}"),
        [first, .., last] => format!("{first}–{last}"),
        [] => String::new(),
    });
    ranges.collect::<Vec<_>>().join(", ")
}

/// `ITEM_1A` as `Item 1A`; anything else as it is.
pub(super) fn section(key: &str) -> String {
    match key.strip_prefix("ITEM_").or_else(|| key.strip_prefix("Item_")) {
        Some(item) => format!("Item {}", item.replace('_', " ")),
        None => key.to_owned(),
    }
}

/// `bm25_candidates` as `BM25 candidates`.
pub(super) fn label(key: &str) -> String {
    let words = key.split(['_', '.', '-']).filter(|word| !word.is_empty()).map(|word| match word {
        "bm25" => "BM25".into(),
        "kpi" | "llm" | "rag" | "rrf" | "id" | "ids" => word.to_uppercase(),
        word => word.to_owned(),
    });
    let label = words.collect::<Vec<String>>().join(" ");
    let mut letters = label.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The legal endings of a company's name, which nobody says.
const ENDINGS: [&str; 13] =
    ["inc", "inc.", "corp", "corp.", "corporation", "co", "co.", "company", "ltd", "ltd.", "plc", "com", "&"];

/// A company's name as one says it: `AMAZON COM INC` as `Amazon`.
pub(super) fn spoken(name: &str) -> String {
    let mut words: Vec<&str> = name.split_whitespace().map(|word| word.trim_end_matches(',')).collect();
    // The registrar's own marks, as in "/DE/", end a name, too.
    let is_ending = |word: &&str| word.starts_with('/') || ENDINGS.contains(&word.to_lowercase().as_str());
    while words.len() > 1 && words.last().is_some_and(is_ending) {
        words.pop();
    }
    let shouted = !words.iter().any(|word| word.chars().any(char::is_lowercase));
    // What is short and alone is an abbreviation, as in IBM.
    let shouted = shouted && (words.len() > 1 || words.iter().any(|word| word.chars().count() > 3));
    let said = words.iter().map(|word| match *word {
        word if shouted && word.chars().all(char::is_alphabetic) => {
            let mut letters = word.chars();
            let first = letters.next().into_iter();
            first.chain(letters.flat_map(char::to_lowercase)).collect()
        }
        word => word.to_owned(),
    });
    said.collect::<Vec<String>>().join(" ")
}

/// A name of the backend's as words: the keys of items and metrics are spelt out, anything else is as it is.
pub(super) fn entity(name: &str) -> String {
    let is_letter = |byte: u8| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.contains('_') && name.bytes().all(is_letter) { label(name) } else { section(name) }
}

/// A value of the backend's own shape as short texts: lists are gone through, objects are named by what names them.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Bool(yes) => vec![if *yes { "yes" } else { "no" }.into()],
        Value::Number(number) => vec![number.to_string()],
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()).into_iter().collect(),
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(fields) => {
            let name = ["label", "name", "ticker", "metric", "item", "key", "value", "text"]
                .iter()
                .find_map(|key| fields.get(*key));
            name.map(texts).unwrap_or_default()
        }
    }
}

/// A figure as a source shows it.
pub(super) fn fact(value: Option<f64>, unit: Option<&str>) -> Option<String> {
    value.filter(|value| value.is_finite()).map(|value| figure(value, unit.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_and_times_are_short() {
        let costs = [0.0, f64::NAN, 0.000_01, 0.0158, 1.5].map(dollars);
        assert_eq!(costs, ["$0.00", "$0.00", "< $0.0001", "$0.0158", "$1.50"]);
        let times = [-1.0, 0.25, 3.44, 250.4, 16_300.0].map(duration);
        assert_eq!(times, ["–", "0.25 ms", "3.4 ms", "250 ms", "16.3 s"]);
        let ages = [0, 30, 600, 90_000].map(|secs| ago(Duration::from_secs(secs)));
        assert_eq!(ages, ["just now", "30 s ago", "10 min ago", "25 h ago"]);
    }

    #[test]
    fn years_are_ranges() {
        assert_eq!(years(&[2023, 2019, 2020, 2021, 2016, 2017, 2023]), "2016, 2017, 2019–2021, 2023");
        assert_eq!(years(&[]), "");
    }

    #[test]
    fn names_are_as_one_says_them() {
        let names = [
            "AMAZON COM INC",
            "Meta Platforms, Inc.",
            "ELI LILLY & Co",
            "VISA INC.",
            "IBM CORP",
            "3M CO",
            "AT&T INC.",
            "COSTCO WHOLESALE CORP /NEW",
            "Inc",
        ];
        let said = names.map(spoken);
        assert_eq!(
            said,
            ["Amazon", "Meta Platforms", "Eli Lilly", "Visa", "IBM", "3M", "AT&T", "Costco Wholesale", "Inc"]
        );
        let entities = ["ITEM_1A", "net_income", "Risk", "a_B"].map(entity);
        assert_eq!(entities, ["Item 1A", "Net income", "Risk", "a_B"]);
        assert_eq!(
            ["bm25_candidates", "kpi.companies", ""].map(label),
            ["BM25 candidates", "KPI companies", ""]
        );
    }

    #[test]
    fn values_of_any_shape_become_texts() {
        let value =
            serde_json::json!([{"ticker": "A", "name": "Apple"}, 2023, ["x", null], {"other": 1}, true]);
        assert_eq!(texts(&value), ["Apple", "2023", "x", "yes"]);
    }
}
