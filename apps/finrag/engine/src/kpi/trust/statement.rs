//! Reading a year's revenue or net income out of a sentence.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::Line;

/// What a sentence says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Statement {
    pub(super) line: Line,
    /// The year it says it of; `None` when it only stands in a year's filing.
    pub(super) year: Option<i32>,
    /// In dollars, or in whatever the filing counts in where `scaled` is false.
    pub(super) value: f64,
    /// Half of its last digit.
    pub(super) half: f64,
    /// Whether it says "million" or "billion".
    pub(super) scaled: bool,
}

/// What stands before a subject that is the whole company's: nothing, a stop, or words that name no part of it. "Services net sales" and
/// "statutory net income" are others.
const SUBJECT: &str = r"(?:^|[.;•]\s*|\b(?:result|below|and|items),\s+|\b(?:our|was|were|total|worldwide|consolidated|company['’]s|(?-i:RESULTS|OVERVIEW|HIGHLIGHTS|SUMMARY))\s+(?:(?P<y0>(?:19|20)\d\d)\s+)?)(?:(?:total|our|worldwide|consolidated)\s+)*(?P<subject>(?:net )?revenues?|net sales|net income|net earnings|net loss)\b";
const AMOUNT: &str = r"\$\s?(?P<digits>\d[\d,]*(?:\.\d+)?)(?:\s*(?P<unit>thousand|million|billion)\b)?";

static SAID: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i){SUBJECT}(?:\s+and\s+(?:eps|(?:diluted\s+)?earnings per share))?(?:,?\s+(?:for|in|during)\s+(?:the\s+)?(?:fiscal\s+)?(?:year\s+)?(?P<y1>(?:19|20)\d\d))?(?:\s+(?:of|was|were|totall?ed)|\s+(?:increased|decreased|grew|rose|fell|declined|growth of)(?:\s+by)?(?:\s+\d+(?:\.\d+)?\s*(?:percent|%))?,?\s+to)\s+(?:approximately\s+)?{AMOUNT}(?P<rest>.{{0,130}})"
    ))
});
/// "During 2015, cash … was a result of $53.4 billion of net income".
static OF: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)(?:^|[.•]\s+)(?:during|in|for)\s+(?:fiscal\s+)?(?:year\s+)?(?P<y1>(?:19|20)\d\d),\s[^$]{{0,120}}(?:\$[\d.]+ billion was a result of )?{AMOUNT}\s+of\s+(?P<subject>net income|net earnings|net loss)\b(?P<rest>.{{0,40}})"
    ))
});
/// The year after an amount, when nothing else was said in between.
static THEN_YEAR: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(?:in|for|during)\s+(?:fiscal\s+)?(?:year\s+)?((?:19|20)\d\d)\b"));
/// What makes an amount another one's, or a part's.
static OTHER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)million|billion|\bfrom\b|compar|versus|\bvs\b|prior|quarter|months|segment|noncontrolling|\bfor our\b|discontinued",
    )
});
/// A row of a table run together: its label, and a figure a year.
static ROW: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:\W*)(?P<subject>(?:total )?(?:net )?revenues?|(?:total )?net sales|net income|net earnings|net loss|net income \(loss\))(?P<figures>(?:\s+\$?\s*\(?\d[\d,]*(?:\.\d+)?\)?){2,5})(?:\s|$)",
    )
});
static FIGURE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(\()?(\d[\d,]*(?:\.\d+)?)"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is well-formed")
}

/// Whether a text is worth reading.
pub(super) fn may_say(text: &str) -> bool {
    ["evenue", "et sales", "et income", "et earnings", "et loss", "ET INCOME", "ET SALES", "EVENUE"]
        .iter()
        .any(|word| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some())
}

/// What the text says of the whole company's revenue and net income.
pub(super) fn read(text: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    for captures in SAID.captures_iter(text).chain(OF.captures_iter(text)) {
        found.extend(statement(&captures));
    }
    found
}

fn statement(captures: &Captures<'_>) -> Option<Statement> {
    let subject = captures.name("subject")?.as_str();
    let rest = captures.name("rest").map_or("", |rest| rest.as_str());
    let year = |name: &str| captures.name(name).and_then(|year| year.as_str().parse().ok());
    let after = THEN_YEAR.captures(rest).and_then(|then| {
        let between = &rest[..then.get(0)?.start()];
        let year = then.get(1)?.as_str().parse().ok()?;
        (!OTHER.is_match(between)).then_some(year)
    });
    let year = year("y1").or(year("y0")).or(after);
    // "$5 million from licences", "… of our Energy segment".
    let next: String = rest.trim_start().chars().take(24).collect();
    if ["from", "in the u.s", "outside", "attributable to non", "for our", "per "]
        .iter()
        .any(|word| next.to_lowercase().starts_with(word))
    {
        return None;
    }
    let digits = captures.name("digits")?.as_str();
    let scale = match captures.name("unit").map(|unit| unit.as_str().to_lowercase()).as_deref() {
        Some("billion") => 1e9,
        Some("million") => 1e6,
        Some("thousand") => 1e3,
        Some(_) | None => 1.0,
    };
    let (mut value, half) = number(digits)?;
    if subject.to_lowercase().ends_with("loss") {
        value = -value;
    }
    Some(Statement {
        line: line(subject),
        year,
        // "136.8" billion is no whole number of dollars as a double.
        value: if scale > 1.0 { (value * scale).round() } else { value },
        half: half * scale,
        scaled: captures.name("unit").is_some(),
    })
}

fn line(subject: &str) -> Line {
    let lower = subject.to_lowercase();
    if lower.contains("revenue") || lower.contains("sales") { Line::Revenue } else { Line::NetIncome }
}

/// A number as written, and half of its last digit.
fn number(digits: &str) -> Option<(f64, f64)> {
    let plain = digits.replace(',', "");
    let decimals = plain.split_once('.').map_or(0, |(_, decimals)| decimals.len() as i32);
    Some((plain.parse().ok()?, 0.5 * 10_f64.powi(-decimals)))
}

/// The figures of a table's row, in their order; in whatever the filing counts in.
pub(super) fn row(text: &str) -> Option<(Line, Vec<f64>)> {
    let captures = ROW.captures(text)?;
    let subject = captures.name("subject")?.as_str();
    let negative = subject.eq_ignore_ascii_case("net loss");
    let figures = FIGURE
        .captures_iter(captures.name("figures")?.as_str())
        .filter_map(|figure| {
            let (value, _) = number(figure.get(2)?.as_str())?;
            Some(if negative || figure.get(1).is_some() { -value } else { value })
        })
        .collect();
    Some((line(subject), figures))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let said: Vec<String> = read(text)
            .iter()
            .map(|said| {
                format!("{:?} {:?} {} ±{} {}", said.line, said.year, said.value, said.half, said.scaled)
            })
            .collect();
        expected.assert_eq(&said.join("; "));
    }

    #[test]
    fn the_whole_companys_figures_are_read() {
        check(
            "Worldwide total revenue increased 2 percent to $23.11 billion in 2013, driven by several products.",
            expect!["Revenue Some(2013) 23110000000 ±5000000 true"],
        );
        check(
            "Our worldwide revenue for 2012 decreased 7 percent, to $22.60 billion.",
            expect!["Revenue Some(2012) 22600000000 ±5000000 true"],
        );
        check(
            "As a result, net income decreased 14 percent to $4.35 billion, and earnings per share decreased 15 percent to $3.90 per share, in 2011 as compared to $5.07 billion in 2010.",
            expect!["NetIncome Some(2011) 4350000000 ±5000000 true"],
        );
        check(
            "Net income in 2008 of $45,220 million was a record.",
            expect!["NetIncome Some(2008) 45220000000 ±500000 true"],
        );
        check(
            "• Net income in 2012 increased 16.9% to $1,709, or $3.89 per diluted share.",
            expect!["NetIncome Some(2012) 1709 ±0.5 false"],
        );
        check(
            "During 2015, cash generated from operating activities of $81.3 billion was a result of $53.4 billion of net income and others.",
            expect!["NetIncome Some(2015) 53400000000 ±50000000 true"],
        );
        check(
            "Our 2008 net loss of $2.7 billion hurt.",
            expect!["NetIncome Some(2008) -2700000000 ±50000000 true"],
        );
        // A heading that was run together with what follows it.
        check(
            "REVIEW OF 2008 AND 2007 RESULTS Net income in 2008 of $45,220 million was a record.",
            expect!["NetIncome Some(2008) 45220000000 ±500000 true"],
        );
        check(
            "Net revenues were $24.1 billion, an increase of 10%.",
            expect!["Revenue None 24100000000 ±50000000 true"],
        );
        check(
            "The major source of funds was net income of $40.6 billion, adjusted for depreciation.",
            expect!["NetIncome None 40600000000 ±50000000 true"],
        );
    }

    #[test]
    fn parts_and_changes_are_not() {
        for text in [
            "Services net sales increased to $5 billion in 2018.",
            "Revenue outside the U.S. increased 7 percent, to $10.21 billion in 2010.",
            "Total revenue in the U.S. increased 5 percent, to $12.89 billion.",
            "The increase is primarily due to statutory net income of $478 million for 2011.",
            "Net sales increased 16% or $36.4 billion during 2018 compared to 2017.",
            "For technology licensed to third parties, revenues totaled approximately $104 million in 2016.",
            "Revenue of Trulicity was $737.6 million in the U.S. in 2016.",
            "Revenue was $5 million from licences in 2016.",
        ] {
            assert_eq!(read(text), [], "{text}");
        }
    }

    #[test]
    fn rows_of_tables_are_read() {
        assert_eq!(
            row("Net earnings $14,066 35,153 (17,941) Net earnings per share"),
            Some((Line::NetIncome, vec![14_066.0, 35_153.0, -17_941.0]))
        );
        assert_eq!(row("Total revenues $ 5.5 $ 6"), Some((Line::Revenue, vec![5.5, 6.0])));
        assert_eq!(row("Net income was 5 in 2018"), None);
    }
}
