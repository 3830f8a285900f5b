//! An answer without a model: the figures asked for and the best sentences, quoted and cited, and said to be that.

use finrag_engine::{Conflict, Derived, Fact, Hit, KpiBlock};

use super::figures::amount;
use super::footer::cut;
use super::sources::{Candidates, section_name};

/// The first line of every extractive answer.
pub(super) const LABEL: &str =
    "Extractive answer: figures and sentences quoted from the data, not written by a language model.";

/// Quoted sentences when there are no figures, and beside figures.
const QUOTES: usize = 5;
const QUOTES_BESIDE_FIGURES: usize = 3;
/// Characters of a quote; the whole sentence stands among the sources.
const QUOTED: usize = 280;
/// Lines of figures before the rest is left to the sources.
const MOST_SERIES: usize = 12;
const MOST_DERIVED: usize = 8;

/// The answer, citing by the candidates' numbers.
pub(super) fn write(
    kpi: Option<&KpiBlock>,
    hits: &[Hit],
    candidates: &Candidates,
    remarked: &[String],
) -> String {
    let mut paragraphs = vec![LABEL.to_owned()];
    if !remarked.is_empty() {
        paragraphs.push(remarked.join(" "));
    }
    let mut has_figures = false;
    if let Some(kpi) = kpi {
        let lines = figures(kpi);
        has_figures = !lines.is_empty();
        paragraphs.extend(lines);
        paragraphs.extend(remarks(kpi));
    }
    let quotes = quotes(hits, candidates, if has_figures { QUOTES_BESIDE_FIGURES } else { QUOTES });
    if !quotes.is_empty() {
        let lead = if has_figures { "Also found in the text:" } else { "Found in the text:" };
        paragraphs.push(format!("{lead}\n\n{}", quotes.join("\n")));
    }
    paragraphs.join("\n\n")
}

/// Lines a model gets to read beside the facts: it must not do the arithmetic itself.
pub(super) fn computed(kpi: &KpiBlock) -> Vec<String> {
    kpi.derived.iter().map(derived_line).chain(remarks(kpi)).collect()
}

/// What to mind about the figures, and which ones there are not.
pub(super) fn remarks(kpi: &KpiBlock) -> Vec<String> {
    let mut remarks: Vec<String> = kpi.notes.iter().map(|note| format!("{}.", bare(note))).collect();
    if !kpi.missing.is_empty() {
        let list: Vec<&str> = kpi.missing.iter().map(|missing| bare(missing)).collect();
        remarks.push(format!("Not in the data: {}.", list.join("; ")));
    }
    remarks
}

fn bare(text: &str) -> &str {
    text.trim().trim_end_matches('.')
}

fn figures(kpi: &KpiBlock) -> Vec<String> {
    let mut lines = Vec::new();
    let mut start = 0;
    while start < kpi.facts.len() {
        let first = &kpi.facts[start];
        let length = kpi.facts[start..]
            .iter()
            .take_while(|fact| fact.ticker == first.ticker && fact.metric_key == first.metric_key)
            .count();
        lines.push(series(&kpi.facts[start..start + length], start + 1));
        start += length;
    }
    let hidden = lines.len().saturating_sub(MOST_SERIES);
    lines.truncate(MOST_SERIES);
    if hidden > 0 {
        lines.push(format!("{hidden} more series of figures are in the table of figures."));
    }
    if !kpi.derived.is_empty() {
        let list: Vec<String> = kpi
            .derived
            .iter()
            .take(MOST_DERIVED)
            .map(|derived| format!("- {}", derived_line(derived)))
            .collect();
        lines.push(format!("Computed from these figures:\n\n{}", list.join("\n")));
    }
    // Facts of conflicts follow the asked-for ones in the numbering.
    let mut number = kpi.facts.len() + 1;
    for conflict in &kpi.conflicts {
        lines.push(disagreement(conflict, kpi, number));
        number += conflict.others.len();
    }
    lines
}

/// One metric of one company over its years. `number` is the first fact's.
fn series(facts: &[Fact], number: usize) -> String {
    let first = &facts[0];
    let years: Vec<String> = facts
        .iter()
        .enumerate()
        .map(|(n, fact)| format!("{} [{}]", figure_of_year(fact), number + n))
        .collect();
    let list = match years.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    };
    let verb = if plural(&first.metric_label) { "were" } else { "was" };
    format!("{} of {} {verb} {list}.", first.metric_label, stop_less(&first.company))
}

/// A figure, which year's it is, when that year ended, and what speaks against it.
fn figure_of_year(fact: &Fact) -> String {
    let ended = fact.period.as_ref().map_or(String::new(), |period| format!(" (ended {})", period.end));
    let doubt = fact.doubt.as_ref().map_or(String::new(), |doubt| format!(" ({})", in_short(doubt)));
    format!("{} in fiscal {}{ended}{doubt}", amount(fact.value, &fact.unit), fact.year)
}

/// A doubt without its reason, which the remarks give.
fn in_short(doubt: &str) -> &str {
    doubt.split_once(':').map_or(doubt, |(short, _)| short)
}

fn plural(label: &str) -> bool {
    let last = label.split_whitespace().last().unwrap_or_default().to_lowercase();
    last.ends_with('s') && !last.ends_with("ss") && last != "eps"
}

/// A name that can stand before a verb: `Apple Inc.` keeps its stop, blanks around it go.
fn stop_less(company: &str) -> &str {
    company.trim()
}

fn derived_line(derived: &Derived) -> String {
    let from: String = derived.from.iter().map(|fact| format!("[{}]", fact + 1)).collect();
    format!("{} ({}): {} {from}", derived.label, derived.ticker, amount(derived.value, &derived.unit))
}

fn disagreement(conflict: &Conflict, kpi: &KpiBlock, number: usize) -> String {
    let chosen = &conflict.chosen;
    let cited = kpi.facts.iter().position(|fact| fact == chosen).map(|n| format!(" [{}]", n + 1));
    let others: Vec<String> = conflict
        .others
        .iter()
        .enumerate()
        .map(|(n, fact)| format!("{} [{}]", amount(fact.value, &fact.unit), number + n))
        .collect();
    format!(
        "The data disagree on {} of {} for fiscal {}: {}{} is used, {} is also on file. {}",
        chosen.metric_label,
        stop_less(&chosen.company),
        chosen.year,
        amount(chosen.value, &chosen.unit),
        cited.unwrap_or_default(),
        others.join(", "),
        conflict.why
    )
}

fn quotes(hits: &[Hit], candidates: &Candidates, most: usize) -> Vec<String> {
    let cited: Vec<(usize, &Hit)> = hits
        .iter()
        .filter_map(|hit| {
            let source = candidates
                .sentences()
                .iter()
                .find(|source| source.sentence_id.as_deref() == Some(hit.sentence_id.as_str()))?;
            Some((source.n, hit))
        })
        .collect();
    let (good, poor): (Vec<_>, Vec<_>) = cited.into_iter().partition(|(_, hit)| reads_well(&hit.text));
    // Fragments (table rows, headings) only when nothing else was found.
    first_of_each(good, poor, most)
        .into_iter()
        .map(|(n, hit)| {
            let words = cut(&hit.text, QUOTED);
            let place =
                format!("{}, fiscal {}, {}", hit.company.trim(), hit.year, section_name(&hit.section));
            // Brackets of the filing's own must not pass for ours.
            let words = words.replace('[', "(").replace(']', ")");
            format!("- {place}: “{words}” [{n}]")
        })
        .collect()
}

/// The first quotes, and of every company at least one: a comparison that leaves one out compares nothing.
fn first_of_each<'h>(
    good: Vec<(usize, &'h Hit)>,
    poor: Vec<(usize, &'h Hit)>,
    most: usize,
) -> Vec<(usize, &'h Hit)> {
    /// Companies beyond these are left to the figures and the list of sources.
    const COMPANIES: usize = 8;
    let mut companies: Vec<&str> = Vec::new();
    for (_, hit) in good.iter().chain(&poor) {
        if !companies.contains(&hit.ticker.as_str()) && companies.len() < COMPANIES {
            companies.push(&hit.ticker);
        }
    }
    let (pool, rest) = if good.is_empty() { (&poor, &good) } else { (&good, &poor) };
    let mut chosen: Vec<(usize, &Hit)> = pool.iter().take(most).copied().collect();
    for ticker in companies {
        let has = |quotes: &[(usize, &Hit)]| quotes.iter().position(|(_, hit)| hit.ticker == ticker);
        if has(&chosen).is_some() {
            continue;
        }
        let first = has(pool).map(|at| pool[at]).or_else(|| has(rest).map(|at| rest[at]));
        let Some(first) = first else { continue };
        // It takes the place of the last quote of whoever has two, once all places are taken.
        let spare = (0..chosen.len())
            .rev()
            .find(|at| chosen.iter().filter(|(_, hit)| hit.ticker == chosen[*at].1.ticker).count() > 1);
        match spare.filter(|_| chosen.len() >= most) {
            Some(at) => chosen[at] = first,
            None => chosen.push(first),
        }
    }
    chosen
}

/// A whole sentence of a readable length rather than a heading or the row of a table.
fn reads_well(text: &str) -> bool {
    let text = text.trim();
    let length = text.chars().count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = text.chars().filter(|c| c.is_uppercase()).count();
    (40..=700).contains(&length)
        && text.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit() || matches!(c, '“' | '"' | '$'))
        && text.ends_with(['.', '!', '?', '”', '"', ';', ')'])
        && letters * 10 >= length * 6
        && capitals * 3 < letters.max(1)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use finrag_engine::{DerivedKind, FactSource, Period, PeriodKind};

    use super::*;

    fn fact(year: i32, value: f64) -> Fact {
        Fact {
            ticker: "NVDA".to_owned(),
            company: "NVIDIA CORP".to_owned(),
            year,
            metric_key: "net_income".to_owned(),
            metric_label: "Net income".to_owned(),
            value,
            unit: "USD".to_owned(),
            form: Some("10-K".to_owned()),
            filed_date: None,
            accession_no: None,
            source: FactSource::Filed,
            period: None,
            doubt: None,
            sentence_id: None,
        }
    }

    #[test]
    fn figures_read_as_sentences() {
        let kpi = KpiBlock {
            facts: vec![fact(2021, 4.332e9), fact(2022, 9.752e9), fact(2023, 4.368e9)],
            derived: vec![Derived {
                ticker: "NVDA".to_owned(),
                kind: DerivedKind::Growth,
                label: "Net income growth, 2022 to 2023".to_owned(),
                from_year: 2022,
                to_year: 2023,
                value: -55.21,
                unit: "percent".to_owned(),
                from: vec![1, 2],
            }],
            conflicts: vec![Conflict {
                chosen: fact(2023, 4.368e9),
                others: vec![fact(2023, 1.414e9)],
                why: "It covers the whole year.".to_owned(),
            }],
            missing: vec!["Net income of NVDA for FY 2020".to_owned(), "EPS of NVDA".to_owned()],
            notes: vec!["Fiscal years end in January.".to_owned()],
            text: String::new(),
        };
        let candidates = Candidates::new(Some(&kpi), None);
        assert_eq!(candidates.len(), 4);
        expect![[r#"
            Extractive answer: figures and sentences quoted from the data, not written by a language model.

            Net income of NVIDIA CORP was $4.33 billion in fiscal 2021 [1], $9.75 billion in fiscal 2022 [2] and $4.37 billion in fiscal 2023 [3].

            Computed from these figures:

            - Net income growth, 2022 to 2023 (NVDA): -55.2 % [2][3]

            The data disagree on Net income of NVIDIA CORP for fiscal 2023: $4.37 billion [3] is used, $1.41 billion [4] is also on file. It covers the whole year.

            Fiscal years end in January.

            Not in the data: Net income of NVDA for FY 2020; EPS of NVDA."#]]
        .assert_eq(&write(Some(&kpi), &[], &candidates, &[]));
    }

    #[test]
    fn a_doubted_figure_says_so_and_a_known_year_when_it_ended() {
        let doubt = "may be a quarter's: operating cash flow of the year is more ($77.434 billion)";
        let quarter = Fact { doubt: Some(doubt.to_owned()), ..fact(2018, 62.9e9) };
        let end = Period { start: None, end: "2019-01-27".to_owned(), kind: PeriodKind::Annual };
        let year = Fact { period: Some(end), ..fact(2019, 11.716e9) };
        expect!["Net income of NVIDIA CORP was $62.90 billion in fiscal 2018 (may be a quarter's) [1] and $11.72 billion in fiscal 2019 (ended 2019-01-27) [2]."]
            .assert_eq(&series(&[quarter, year], 1));
    }

    #[test]
    fn fragments_are_no_quotes() {
        for (text, expected) in [
            ("We face intense competition in all areas of our business.", true),
            ("ITEM 1A. RISK FACTORS AND OTHER THINGS THAT MAY MATTER.", false),
            ("and therefore the results of operations may be harmed.", false),
            ("Total 12,345 23,456 34,567 45,678 56,789 67,890.", false),
            ("Short.", false),
        ] {
            assert_eq!(reads_well(text), expected, "{text}");
        }
    }
}
