//! The numbered list that an answer ends with.

use super::citations::Tally;
use super::figures::amount;
use super::sources::{Source, SourceKind, section_name};

/// Characters of a sentence that the footer repeats.
const QUOTED: usize = 180;

/// The footer with the white space before it; empty when nothing is cited and there is nothing to warn of.
pub(super) fn footer(sources: &[Source], tally: Tally) -> String {
    let mut text = String::new();
    if tally.unfounded > 0 {
        let (numbers, are) = if tally.unfounded == 1 { ("number", "is") } else { ("numbers", "are") };
        text.push_str(&format!(
            "\n\nNote: {} {numbers} above {are} in no source that the sentence cites, and marked as unverified.",
            tally.unfounded
        ));
    }
    if tally.uncited > 0 {
        let (statements, carry) =
            if tally.uncited == 1 { ("statement", "carries") } else { ("statements", "carry") };
        text.push_str(&format!(
            "\n\nNote: {} {statements} with figures above {carry} no citation; the data does not vouch for them.",
            tally.uncited
        ));
    }
    if !sources.is_empty() {
        text.push_str("\n\nDATA SOURCES");
        for source in sources {
            text.push_str(&entry(source));
        }
    }
    text
}

/// What is cited, and below it where it stands. The second line has the form that clients of the original service parse.
fn entry(source: &Source) -> String {
    let (what, place, document) = match source.kind {
        SourceKind::Fact => {
            let metric = source.metric_label.as_deref().unwrap_or_default();
            let figure = amount(source.value.unwrap_or_default(), source.unit.as_deref().unwrap_or_default());
            (format!("{metric} {figure}"), metric.to_owned(), source.accession_no.as_deref())
        }
        SourceKind::Sentence => {
            let words = cut(source.text.as_deref().unwrap_or_default(), QUOTED);
            let section = section_name(source.section.as_deref().unwrap_or_default());
            (format!("“{words}”"), section, source.doc_id.as_deref())
        }
    };
    let document = document.map(|document| format!(", Doc: {document}")).unwrap_or_default();
    let Source { n, company, ticker, year, .. } = source;
    format!("\n[{n}] {company}: {what}\n    {ticker}, FY {year}, {place}{document}")
}

/// Words on one line, cut after about so many characters.
pub(super) fn cut(words: &str, most: usize) -> String {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(most) {
        None => words,
        Some((end, _)) => {
            let end = words[..end].rfind(' ').unwrap_or(end);
            format!("{}…", &words[..end])
        }
    }
}
