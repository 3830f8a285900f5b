//! Numbers in text: read as what they amount to, and looked for in the sources that a sentence cites.

use std::sync::LazyLock;

use finrag_engine::KpiBlock;
use regex::Regex;

use super::sources::{Candidates, SourceKind};

/// A number as written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    /// As it stands in the text.
    pub(super) text: String,
    /// What it amounts to, without sign.
    value: f64,
    /// What it amounts to without its scale word.
    bare: f64,
    /// Half of its last digit's step, scaled.
    slack: f64,
    is_percent: bool,
}

static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix) (?P<money>[$€£¥]\s?)? (?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)
          (?: \s?(?P<percent>%|percent\b|per\s?cent\b|percentage\b|pct\b) | \s?(?P<points>points?\b|basis\s+points\b)
            | \s?-?(?P<scale>trillion|billion|million|thousand|bn|mn|tn)\b | (?P<short>[bmkt])\b )?",
    )
    .expect("the pattern is well-formed")
});

const WORDS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
];

/// The numbers of a text that state something: no years, no names of items, forms and quarters, no list numbers, no citations.
pub(super) fn stated(text: &str) -> Vec<Number> {
    let mut numbers = Vec::new();
    for found in NUMBER.captures_iter(text) {
        let whole = found.get(0).expect("group 0 always is");
        let (before, after) = (&text[..whole.start()], &text[whole.end()..]);
        let is_plain =
            ["money", "percent", "points", "scale"].iter().all(|group| found.name(group).is_none());
        if before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.')) && is_plain {
            continue;
        }
        if is_plain && (is_name(before, after, &found["digits"]) || is_bracketed(before, after)) {
            continue;
        }
        numbers.extend(number(&found));
    }
    numbers
}

/// All numbers of a source, years and names too: what it has cannot be wrong to repeat.
fn all(text: &str) -> Vec<Number> {
    let mut numbers: Vec<Number> = NUMBER.captures_iter(text).filter_map(|found| number(&found)).collect();
    for word in text.split(|c: char| !c.is_alphabetic()) {
        if let Some(value) = WORDS.iter().position(|known| word.eq_ignore_ascii_case(known)) {
            let value = value as f64;
            let text = word.to_owned();
            numbers.push(Number { text, value, bare: value, slack: 0.0, is_percent: false });
        }
    }
    numbers
}

fn number(found: &regex::Captures<'_>) -> Option<Number> {
    let digits = found["digits"].replace(',', "");
    let bare: f64 = digits.parse().ok()?;
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let word = found.name("scale").or_else(|| found.name("short")).map(|scale| scale.as_str().to_lowercase());
    let scale = match word.as_deref() {
        Some("trillion" | "tn" | "t") => 1e12,
        Some("billion" | "bn" | "b") => 1e9,
        Some("million" | "mn" | "m") => 1e6,
        Some("thousand" | "k") => 1e3,
        Some(_) | None => 1.0,
    };
    let is_percent = found.name("percent").is_some();
    let slack = if decimals == 0 && scale == 1.0 && !is_percent {
        0.0
    } else {
        0.5 * scale / 10_f64.powi(decimals as i32)
    };
    Some(Number { text: found[0].trim().to_owned(), value: bare * scale, bare, slack, is_percent })
}

/// A year, `Item 7`, `10-K`, `Q3`, `2.` before a list's line: numbers that name and do not count.
fn is_name(before: &str, after: &str, digits: &str) -> bool {
    let year = digits.len() == 4 && (digits.starts_with("19") || digits.starts_with("20"));
    let form = after.starts_with("-K")
        || after.starts_with("-Q")
        || after.starts_with("-k")
        || after.starts_with("-q");
    let listed = before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty())
        && (after.starts_with(". ") || after.starts_with(") "));
    let lead = before.trim_end().rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
    let named = [
        "item", "items", "note", "section", "part", "fy", "fiscal", "q", "level", "class", "form", "model",
        "chapter", "rule",
    ];
    let lead = lead.to_lowercase();
    year || form
        || listed
        || named.contains(&lead.trim_end_matches(['.', ':', '\'']))
        || after.starts_with(|c: char| c.is_alphabetic())
}

/// Whether it stands in brackets, as a citation or part of a list of them.
fn is_bracketed(before: &str, after: &str) -> bool {
    let may = |c: char| c.is_ascii_digit() || matches!(c, ',' | ';' | ' ' | '-' | '–');
    let open = before.trim_end_matches(may).ends_with('[');
    open && after.trim_start_matches(may).starts_with(']')
}

/// What every candidate says in numbers.
#[derive(Debug, Default)]
pub(super) struct Checker {
    of: Vec<Vec<Number>>,
}

impl Checker {
    /// Reads the candidates, and what was computed from them: growth counts as said by each figure it came from.
    pub(super) fn new(candidates: &Candidates, kpi: Option<&KpiBlock>) -> Self {
        let exactly = |value: f64| {
            let value = value.abs();
            Number { text: String::new(), value, bare: value, slack: 0.0, is_percent: false }
        };
        let sources = candidates.facts().iter().chain(candidates.sentences());
        let mut of: Vec<Vec<Number>> = sources
            .map(|source| match source.kind {
                SourceKind::Fact => source.value.map(exactly).into_iter().collect(),
                SourceKind::Sentence => all(source.text.as_deref().unwrap_or_default()),
            })
            .collect();
        for derived in kpi.into_iter().flat_map(|kpi| &kpi.derived) {
            for fact in &derived.from {
                if let Some(numbers) = of.get_mut(*fact) {
                    numbers.push(exactly(derived.value));
                }
            }
        }
        Self { of }
    }

    /// Numbers of a sentence that none of the candidates it cites (from 1) has.
    pub(super) fn unfounded(&self, sentence: &str, cited: &[usize]) -> Vec<String> {
        let known: Vec<&Number> =
            cited.iter().filter_map(|n| self.of.get(n.checked_sub(1)?)).flatten().collect();
        stated(sentence)
            .into_iter()
            .filter(|number| !known.iter().any(|known| is_same(number, known)))
            .map(|number| number.text)
            .collect()
    }
}

/// Whether a written number is a source's: within the rounding it is written with, or the source's own digits where a table leaves
/// the scale to its heading.
fn is_same(written: &Number, source: &Number) -> bool {
    let near = (written.value - source.value).abs() <= written.slack.max(source.value * 1e-9) * 1.000_001;
    // "$801 million" of a table in millions, that has 801; figures of one or two digits are too common for that.
    let unscaled = source.value == source.bare && written.value != written.bare && !written.is_percent;
    near || (unscaled
        && source.bare >= 100.0
        && (written.bare - source.bare).abs() <= f64::EPSILON * source.bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_years_count_nothing() {
        let texts =
            |text: &str| stated(text).into_iter().map(|number| number.text).collect::<Vec<_>>().join("|");
        for (text, expected) in [
            ("Revenue was $2.25 billion [1] in fiscal 2023, up 12.5% [2, 3].", "$2.25 billion|12.5%"),
            ("Item 7 of the 10-K for FY2023 and Q3 say so.", ""),
            ("1. It has 3 segments.\n2. It employs 164,000 people.", "3|164,000"),
            ("A loss of -$1.2 million, $3bn and 4 basis points", "$1.2 million|$3bn|4 basis points"),
            ("iPhone15 costs 999", "999"),
        ] {
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn a_number_is_found_within_its_rounding() {
        for (written, source, same) in [
            ("$383.29 billion", "383,285,000,000", true),
            ("$383 billion", "$383,285 million", true),
            ("$383.2 billion", "$383,285 million", false),
            ("12%", "12.4 percent", true),
            ("13%", "12.4 percent", false),
            ("$801 million", "approximately $801 or 92 basis points", true),
            ("3", "three segments", true),
            ("4", "three segments", false),
            ("$62.9 billion", "$265.6 billion", false),
        ] {
            let (written, source) = (&stated(written)[0], all(source));
            assert_eq!(
                source.iter().any(|source| is_same(written, source)),
                same,
                "{} {source:?}",
                written.text
            );
        }
    }
}
