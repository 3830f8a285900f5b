//! The numbered list that an answer ends with.

use super::citations::Tally;
use super::sources::{Source, SourceKind};

/// Characters of a sentence that the footer repeats.
const QUOTED: usize = 180;

/// The footer with the white space before it; empty when nothing is cited and there is nothing to warn of.
pub(super) fn footer(sources: &[Source], tally: Tally) -> String {
    let mut text = String::new();
    if tally.uncited > 0 {
        let (statements, carry) =
            if tally.uncited == 1 { ("statement", "carries") } else { ("statements", "carry") };
        text.push_str(&format!(
            "\n\nNote: {} {statements} with figures above {carry} no citation; the data does not vouch for them.",
            tally.uncited
        ));
    } else if sources.is_empty() {
        return text;
    }
    if !sources.is_empty() {
        text.push_str("\n\nDATA SOURCES");
        for source in sources {
            text.push_str(&format!("\n[{}] {}", source.n, source.label));
            match (source.kind, &source.text) {
                (SourceKind::Sentence, Some(words)) => text.push_str(&format!(": “{}”", cut(words))),
                (SourceKind::Sentence, None) | (SourceKind::Fact, _) => {}
            }
        }
    }
    text
}

fn cut(words: &str) -> String {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(QUOTED) {
        None => words,
        Some((end, _)) => {
            let end = words[..end].rfind(' ').unwrap_or(end);
            format!("{}…", &words[..end])
        }
    }
}
