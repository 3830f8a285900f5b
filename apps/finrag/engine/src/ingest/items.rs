//! Splitting a filing's text into its items.

use std::sync::LazyLock;

use regex::Regex;

use crate::tables::sections::ITEMS;

static HEADING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^\W*(?:part\s+(?:i{1,3}|iv)\W+)?items?\s+(1[0-6]|[1-9])\s*\(?([abc])?\)?(?:$|[\s.:\-–—])",
    )
    .expect("the pattern is well-formed")
});

/// A sentence that refers to an item ("Item 7 of this report describes …") is longer than a heading.
const LONGEST_HEADING: usize = 160;

/// An item's lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item<'t> {
    /// The key, as in `ITEM_1A`.
    pub(crate) key: &'static str,
    pub(crate) lines: Vec<&'t str>,
}

/// The items of a text, in the form's order. A table of contents names every item as well; of several places that look like
/// an item's beginning, the one with the most text after it counts.
pub(crate) fn split(text: &str) -> Vec<Item<'_>> {
    let mut found: Vec<Item<'_>> = Vec::new();
    for line in text.lines() {
        match heading(line) {
            Some(key) => found.push(Item { key, lines: vec![line] }),
            None => {
                if let Some(last) = found.last_mut() {
                    last.lines.push(line);
                }
            }
        }
    }
    let size = |item: &Item<'_>| item.lines.iter().map(|line| line.len()).sum::<usize>();
    let mut items: Vec<Item<'_>> = Vec::new();
    for item in found {
        match items.iter_mut().find(|known| known.key == item.key) {
            Some(known) if size(&item) > size(known) => *known = item,
            Some(_) => {}
            None => items.push(item),
        }
    }
    items.sort_by_key(|item| ITEMS.iter().position(|(key, _)| *key == item.key));
    items
}

fn heading(line: &str) -> Option<&'static str> {
    if line.len() > LONGEST_HEADING {
        return None;
    }
    let found = HEADING.captures(line)?;
    let key = format!(
        "ITEM_{}{}",
        &found[1],
        found.get(2).map_or(String::new(), |letter| letter.as_str().to_uppercase())
    );
    ITEMS.iter().map(|(item, _)| *item).find(|item| *item == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_contents_is_no_item() {
        let text = "Example\nItem 1. Business 3\nItem 1A. Risk Factors 9\nPART I\nItem 1. Business\nWe make things.\nThey work.\n\
            ITEM 1A — RISK FACTORS\nThings break, as Item 7 of this report explains at greater length than any heading would, and more so in some years than in others, which is a risk.\n";
        let items = split(text);
        assert_eq!(items.iter().map(|item| item.key).collect::<Vec<_>>(), ["ITEM_1", "ITEM_1A"]);
        assert_eq!(items[0].lines, ["Item 1. Business", "We make things.", "They work."]);
        assert_eq!(items[1].lines.len(), 2);
    }
}
