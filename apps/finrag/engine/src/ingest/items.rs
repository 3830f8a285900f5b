//! Splitting a filing's text into its items.

use std::sync::LazyLock;

use regex::Regex;

use crate::tables::sections::ITEMS;

static HEADING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^\W*(?:part\s+(?:i{1,3}|iv)\W+)?(items?)\s+(1[0-6]|[1-9])\s*\(?([abc])?\)?(?:$|[\s.:\-–—]+)(.*)",
    )
    .expect("the pattern is well-formed")
});
/// "PART II", alone on a line.
static PART: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^\W*part\s+(?:i{1,3}|iv)\W*$").expect("the pattern is well-formed"));

/// A sentence that refers to an item ("Item 7 of this report describes …") is longer than most headings; a longer line is a heading
/// only when it goes on with the item's own title.
const LONGEST_HEADING: usize = 160;
/// An entry of a table of contents has no more text than this after it.
const CONTENTS: usize = 200;

/// An item's lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item<'t> {
    /// The key, as in `ITEM_1A`.
    pub(crate) key: &'static str,
    pub(crate) lines: Vec<&'t str>,
}

impl Item<'_> {
    /// Characters below its headings.
    fn size(&self) -> usize {
        self.lines.iter().skip(1).map(|line| line.len()).sum()
    }

    fn place(&self) -> usize {
        ITEMS.iter().position(|(key, _)| *key == self.key).unwrap_or(ITEMS.len())
    }
}

/// The items of a text, in the form's order.
///
/// Headings come more often than items: a table of contents names every item, page headers repeat the one that goes on, and sentences
/// refer to others. Pieces that follow each other under one heading are one; of all the rest those count that, taken in the form's
/// order, have the most text; what was left over belongs to the item it stands in, but for the entries of a table of contents.
pub(crate) fn split(text: &str) -> Vec<Item<'_>> {
    let pieces = pieces(text);
    let chosen = longest_in_order(&pieces);
    let mut items: Vec<Item<'_>> = Vec::new();
    for (piece, chosen) in pieces.into_iter().zip(chosen) {
        let Some(last) = items.last_mut() else {
            if chosen {
                items.push(piece);
            }
            continue;
        };
        let is_entry = piece.size() <= CONTENTS;
        if last.key == piece.key {
            if last.size() <= CONTENTS && piece.size() > last.size() {
                *last = piece;
            } else if !is_entry || last.size() > piece.size() {
                last.lines.extend(piece.lines.into_iter().skip(1));
            }
        } else if chosen {
            items.push(piece);
        } else if !is_entry {
            last.lines.extend(piece.lines);
        }
    }
    items
}

/// The text cut at every heading; pieces of one item that follow each other are joined.
fn pieces(text: &str) -> Vec<Item<'_>> {
    let mut pieces: Vec<Item<'_>> = Vec::new();
    for line in text.lines() {
        match (heading(line), pieces.last_mut()) {
            // A page header: the item goes on.
            (Some(key), Some(last)) if last.key == key => {
                if last.size() == 0 && last.lines.len() == 1 && line.len() > last.lines[0].len() {
                    last.lines[0] = line;
                }
            }
            (Some(key), _) => pieces.push(Item { key, lines: vec![line] }),
            (None, Some(last)) if !PART.is_match(line) => last.lines.push(line),
            (None, _) => {}
        }
    }
    pieces
}

/// Which pieces are the items: those that are in the form's order and have the most text together.
fn longest_in_order(pieces: &[Item<'_>]) -> Vec<bool> {
    // best[i]: the most text of a way that ends with piece i, and the piece before it.
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(pieces.len());
    for (at, piece) in pieces.iter().enumerate() {
        let before = (0..at)
            .filter(|before| pieces[*before].place() <= piece.place())
            .max_by_key(|before| best[*before].0);
        // Every item counts a little, or one without text would be none.
        let own = piece.size() + 1;
        best.push((before.map_or(0, |before| best[before].0) + own, before));
    }
    let mut chosen = vec![false; pieces.len()];
    let mut at = (0..pieces.len()).max_by_key(|at| best[*at].0);
    while let Some(piece) = at {
        chosen[piece] = true;
        at = best[piece].1;
    }
    chosen
}

/// What an item's heading says behind its number.
pub(crate) fn title(heading: &str) -> &str {
    HEADING.captures(heading).and_then(|found| found.get(4)).map_or("", |title| title.as_str().trim())
}

/// The item whose heading a line is.
pub(crate) fn heading(line: &str) -> Option<&'static str> {
    let found = HEADING.captures(line)?;
    let key = format!(
        "ITEM_{}{}",
        &found[2],
        found.get(3).map_or(String::new(), |letter| letter.as_str().to_uppercase())
    );
    let (key, name) = ITEMS.iter().find(|(item, _)| *item == key)?;
    let title = found.get(4).map_or("", |title| title.as_str()).trim();
    let several = found[1].len() > "item".len();
    // "Item 7 of this report": a heading's title starts with a capital.
    if !several && title.starts_with(char::is_lowercase) {
        return None;
    }
    if line.len() > LONGEST_HEADING {
        let own = name.split_once(": ").map_or("", |(_, own)| own);
        let first = own.split(|c: char| !c.is_alphanumeric()).next().unwrap_or(own).to_lowercase();
        let sentence = title.ends_with('.') && title.matches(". ").count() > 0;
        if sentence || !title.to_lowercase().starts_with(&first) {
            return None;
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        split(text).iter().map(|item| format!("{} {}", item.key, item.lines[1..].join(" | "))).collect()
    }

    #[test]
    fn the_table_of_contents_is_no_item() {
        let text = "Example\nItem 1. Business 3\nItem 1A. Risk Factors 9\nPART I\nItem 1. Business\nWe make things.\nThey work.\n\
            ITEM 1A — RISK FACTORS\nThings break, as Item 7 of this report explains at greater length than any heading would, and more so in some years than in others, which is a risk.\n";
        let items = split(text);
        assert_eq!(items.iter().map(|item| item.key).collect::<Vec<_>>(), ["ITEM_1", "ITEM_1A"]);
        assert_eq!(items[0].lines, ["Item 1. Business", "We make things.", "They work."]);
        assert_eq!(items[1].lines.len(), 2);
    }

    #[test]
    fn a_page_header_that_repeats_the_item_loses_nothing() {
        let text = "PART II\nItem 7\nITEM 7. MANAGEMENT'S DISCUSSION\nRevenue grew.\nPART II\nItem 7\nCash rose.\nPART II\nItem 7\nDebt fell.\n\
            Item 8. Financial Statements\nSee below.";
        assert_eq!(keys(text), ["ITEM_7 Revenue grew. | Cash rose. | Debt fell.", "ITEM_8 See below."]);
        assert_eq!(split(text)[0].lines[0], "ITEM 7. MANAGEMENT'S DISCUSSION");
    }

    #[test]
    fn a_reference_at_a_lines_start_cuts_nothing_off() {
        let long = "We sell what we make, in many towns. ".repeat(20);
        let text = format!(
            "Item 1. Business\n{long}\nItem 1A of this report has more.\n{long}\nItem 7, Cash\n{long}\nItem 2. Properties\n{long}"
        );
        let found = split(&text);
        assert_eq!(found.iter().map(|item| item.key).collect::<Vec<_>>(), ["ITEM_1", "ITEM_2"]);
        assert_eq!(found[0].lines.len(), 6);
    }

    #[test]
    fn headings_are_told_from_sentences() {
        for (line, expected) in [
            (
                "Item 7—Management's Discussion and Analysis of Financial Conditions and Results of Operations (in millions, but for what is told per share, the number of shares, of members, of shops and of people)",
                Some("ITEM_7"),
            ),
            (
                "Item 7. We describe here, and at more length than any heading would have, what we did in the year, what came of it, and what we think of it, so that a reader can judge.",
                None,
            ),
            ("Items 1 and 2. Business and Properties", Some("ITEM_1")),
            ("ITEM 9A(T). CONTROLS", None),
            ("Item 9A. Controls and Procedures", Some("ITEM_9A")),
            ("Item 7", Some("ITEM_7")),
            ("Item 7 of this report", None),
            ("Items of interest", None),
        ] {
            assert_eq!(heading(line), expected, "{line}");
        }
    }
}
