//! The figures as a block of text.

use super::format::figure;
use super::{Conflict, Derived, Fact, FactSource};

/// Writes the block; every figure with where it is from.
pub(crate) fn block(
    facts: &[Fact],
    derived: &[Derived],
    conflicts: &[Conflict],
    notes: &[String],
    missing: &[String],
) -> String {
    let mut lines = vec!["=== KEY FIGURES ===".to_owned()];
    for series in facts.chunk_by(|a, b| a.ticker == b.ticker && a.metric_key == b.metric_key) {
        let head = &series[0];
        lines.push(format!("[{}] {} | {}", head.ticker, head.company, head.metric_label));
        for fact in series {
            let doubt = fact.doubt.as_ref().map_or(String::new(), |doubt| format!("; {doubt}"));
            let ended =
                fact.period.as_ref().map_or(String::new(), |period| format!(" (ended {})", period.end));
            let value = figure(fact.value, &fact.unit);
            lines.push(format!("  FY {}{ended}: {value} ({}{doubt})", fact.year, origin(fact)));
        }
    }
    section(
        &mut lines,
        "COMPUTED",
        derived.iter().map(|d| format!("[{}] {}: {}", d.ticker, d.label, figure(d.value, &d.unit))),
    );
    section(
        &mut lines,
        "CONFLICTS",
        conflicts.iter().map(|conflict| {
            let chosen = &conflict.chosen;
            let others: Vec<String> = conflict
                .others
                .iter()
                .map(|other| format!("{} ({})", figure(other.value, &other.unit), origin(other)))
                .collect();
            format!(
                "[{}] {} FY {}: {} is used, and other rows say {}; {}",
                chosen.ticker,
                chosen.metric_label,
                chosen.year,
                figure(chosen.value, &chosen.unit),
                others.join(", "),
                conflict.why
            )
        }),
    );
    section(&mut lines, "MIND", notes.iter().cloned());
    section(&mut lines, "NOT IN THE DATA", missing.iter().cloned());
    lines.join("\n")
}

fn section(lines: &mut Vec<String>, title: &str, entries: impl Iterator<Item = String>) {
    let mut entries = entries.peekable();
    if entries.peek().is_some() {
        lines.push(title.to_owned());
        lines.extend(entries.map(|entry| format!("  {entry}")));
    }
}

/// Where a fact is from, in a few words.
pub(crate) fn origin(fact: &Fact) -> String {
    match (fact.source, &fact.accession_no) {
        (FactSource::Filed, Some(accession)) => {
            let form = fact.form.as_deref().unwrap_or("filing");
            let filed = fact.filed_date.as_ref().map_or(String::new(), |date| format!(" filed {date}"));
            format!("{form}{filed}, accession {accession}")
        }
        (FactSource::Filed, None) => "fact table, no accession number".to_owned(),
        (FactSource::Precomputed, _) => "computed in the fact table".to_owned(),
        (FactSource::Stated, _) => {
            let sentence = fact.sentence_id.as_deref().unwrap_or("a filing's text");
            format!("as the filing's text says, {sentence}")
        }
        (FactSource::Computed, _) => "computed from the figures of the fact table".to_owned(),
    }
}
