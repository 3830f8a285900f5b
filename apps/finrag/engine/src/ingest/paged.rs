//! Filings that name their items only in an index of pages ("Form 10-K Cross-Reference Index").

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use regex::Regex;

use super::items::{self, Item};
use crate::tables::sections::ITEMS;

/// What a reference to pages is made of, and words: "Pages 3 - 9 , 20", "82, (a)".
static PIECES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\d+|[-–—]|,|&|\([a-z]\)|[^\s\d,&()–—-]+|[()]").expect("the pattern is well-formed")
});
/// The number that a page carries in its first or last lines.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\d{1,3})(?:\s.*)?$|^.*\s(\d{1,3})$").expect("the pattern is well-formed")
});

/// An index names at least so many of the form's items, and gives pages for so many.
const ENTRIES: usize = 8;
const REFERRING: usize = 4;
/// Lines at either end of a page that may carry its number.
const ENDS: usize = 3;
/// A longer line is no title; the beginning of a title has at least so many letters.
const LONGEST_TITLE: usize = 160;
const TELLING: usize = 10;

/// What an index has of an item.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'t> {
    key: &'static str,
    /// "Item 1A. Risk Factors", without its pages.
    heading: &'t str,
    /// The item's name alone.
    title: String,
    pages: Vec<RangeInclusive<i64>>,
}

/// The items by a document's index of pages, in the form's order.
///
/// Of pages that several items claim the narrowest claim counts; where items meet on a page it is cut at the title. `Err` says why there
/// are none.
pub(crate) fn split(pages: &[String]) -> Result<Vec<Item<'_>>, &'static str> {
    let (at, mut entries) = index(pages).ok_or("no item's heading (\"Item 1. Business\") is in it")?;
    let first = first_number(pages)
        .ok_or("its items are given by an index of pages, and its pages have no numbers that go up")?;
    let after = first + pages.len() as i64;
    if entries.iter().flat_map(|entry| &entry.pages).all(|range| range.start() == range.end()) {
        run_to_the_next(&mut entries, after);
    }
    let mut lines: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (number, page) in (first..).zip(pages) {
        if number != first + at as i64 {
            share(number, page, &entries, &mut lines);
        }
    }
    Ok(lines
        .into_iter()
        .map(|(entry, below)| {
            let Entry { key, heading, .. } = &entries[entry];
            Item { key, lines: std::iter::once(*heading).chain(below).collect() }
        })
        .collect())
}

/// The page with the index, and the index; entries are in the form's order.
fn index(pages: &[String]) -> Option<(usize, Vec<Entry<'_>>)> {
    let pages = pages.iter().enumerate().map(|(at, page)| (at, entries(page)));
    let is_index = |entries: &[Entry<'_>]| {
        let referring = entries.iter().filter(|entry| !entry.pages.is_empty()).count();
        entries.len() >= ENTRIES && referring >= REFERRING
    };
    let references = |entries: &[Entry<'_>]| entries.iter().map(|entry| entry.pages.len()).sum::<usize>();
    pages.filter(|(_, entries)| is_index(entries)).max_by_key(|(at, entries)| (references(entries), *at))
}

/// The entries of an index that a page may have.
fn entries(page: &str) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for line in page.lines() {
        let (words, pages) = references(line);
        if let Some(key) = items::heading(line) {
            let title = items::title(words).to_owned();
            entries.push(Entry { key, heading: words, title, pages });
        } else if line.to_lowercase().starts_with("signature") {
            break;
        } else if let Some(last) = entries.last_mut() {
            if last.title.is_empty() {
                words.clone_into(&mut last.title);
            }
            last.pages.extend(pages);
        }
    }
    // An item comes once in an index; a page of text may name one again and again.
    let mut known: Vec<&str> = Vec::new();
    entries.retain(|entry| {
        !known.contains(&entry.key) && {
            known.push(entry.key);
            true
        }
    });
    entries.sort_by_key(|entry| ITEMS.iter().position(|(key, _)| *key == entry.key));
    entries
}

/// A line without the pages at its end, and these.
fn references(line: &str) -> (&str, Vec<RangeInclusive<i64>>) {
    let pieces: Vec<_> = PIECES.find_iter(line).collect();
    let is_of_it = |piece: &str| {
        let number = piece.len() <= 3 && piece.bytes().all(|byte| byte.is_ascii_digit());
        let lower = piece.to_lowercase();
        number
            || piece.starts_with('(') && piece.len() == 3
            || ["-", "–", "—", ",", "&", "and", "page", "pages", "page(s)"].contains(&lower.as_str())
    };
    let from = pieces.iter().rposition(|piece| !is_of_it(piece.as_str())).map_or(0, |last| last + 1);
    let mut pages: Vec<RangeInclusive<i64>> = Vec::new();
    let mut goes_on = false;
    for piece in &pieces[from..] {
        match (piece.as_str().parse::<i64>(), pages.last_mut()) {
            (Ok(end), Some(last)) if goes_on => *last = *last.start()..=end.max(*last.start()),
            (Ok(page), _) => pages.push(page..=page),
            (Err(_), _) => {}
        }
        goes_on = matches!(piece.as_str(), "-" | "–" | "—");
    }
    let end = pieces.get(from).filter(|_| !pages.is_empty()).map_or(line.len(), |piece| piece.start());
    (line[..end].trim_end(), pages)
}

/// The printed number of the first page, by what most pages carry.
fn first_number(pages: &[String]) -> Option<i64> {
    let mut votes: HashMap<i64, usize> = HashMap::new();
    for (at, page) in (0_i64..).zip(pages) {
        let lines: Vec<&str> = page.lines().collect();
        let ends = lines.iter().take(ENDS).chain(lines.iter().skip(ENDS).rev().take(ENDS));
        let mut of_page: Vec<i64> = ends
            .filter_map(|line| NUMBER.captures(line))
            .filter_map(|found| found.get(1).or(found.get(2))?.as_str().parse::<i64>().ok())
            .map(|number| number - at)
            .collect();
        of_page.sort_unstable();
        of_page.dedup();
        for first in of_page {
            *votes.entry(first).or_default() += 1;
        }
    }
    let (first, count) = votes.into_iter().max_by_key(|(first, count)| (*count, *first))?;
    (count * 2 >= pages.len()).then_some(first)
}

/// Where an index gives only where items begin, each goes on to where the next begins.
fn run_to_the_next(entries: &mut [Entry<'_>], after: i64) {
    let starts: Vec<i64> =
        entries.iter().flat_map(|entry| &entry.pages).map(|range| *range.start()).collect();
    for range in entries.iter_mut().flat_map(|entry| &mut entry.pages) {
        let start = *range.start();
        *range = start..=starts.iter().copied().filter(|other| *other > start).min().unwrap_or(after);
    }
}

/// Gives a page's lines to the entries that claim it.
fn share<'t>(number: i64, page: &'t str, entries: &[Entry<'_>], lines: &mut BTreeMap<usize, Vec<&'t str>>) {
    let mut claims: Vec<(usize, &RangeInclusive<i64>)> = entries
        .iter()
        .enumerate()
        .flat_map(|(at, entry)| entry.pages.iter().map(move |range| (at, range)))
        .filter(|(_, range)| range.contains(&number))
        .collect();
    // An item that ends on this page has of it what is above the next one's title.
    claims.sort_by_key(|(_, range)| (range.end() - range.start(), *range.end()));
    let titled: Vec<(usize, usize)> = claims
        .iter()
        .filter(|(_, range)| *range.start() == number)
        .filter_map(|(at, _)| Some((page.lines().position(|line| is_title(line, &entries[*at].title))?, *at)))
        .collect();
    let begins = |at: usize| titled.iter().any(|(_, other)| *other == at);
    let starts = |range: &RangeInclusive<i64>| *range.start() == number;
    // Where the next one's title cannot be found, the page is the next one's.
    let untitled = claims.iter().any(|(at, range)| starts(range) && !begins(*at));
    let has_ended = |range: &RangeInclusive<i64>| untitled && *range.end() == number && !starts(range);
    let above = claims.iter().find(|(at, range)| !begins(*at) && !has_ended(range)).map(|(at, _)| *at);
    let mut owner = above.or_else(|| titled.iter().min().map(|(_, at)| *at));
    for (line, text) in page.lines().enumerate() {
        if let Some((_, at)) = titled.iter().find(|(title, _)| *title == line) {
            owner = Some(*at);
        }
        if let Some(owner) = owner {
            lines.entry(owner).or_default().push(text);
        }
    }
}

/// Whether a line is an item's title, or its beginning.
fn is_title(line: &str, title: &str) -> bool {
    let letters =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let (line_letters, title) = (letters(line), letters(title));
    line.len() <= LONGEST_TITLE
        && !title.is_empty()
        && (line_letters.starts_with(&title) && line_letters.len() <= title.len() + TELLING
            || line_letters.len() >= TELLING && title.starts_with(&line_letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_stand_at_a_lines_end() {
        for (line, words, pages) in [
            ("Item 1. Business 4-6, 7-13, 78-80", "Item 1. Business", vec![4..=6, 7..=13, 78..=80]),
            ("General development Pages 3 - 9 , 20", "General development", vec![3..=9, 20..=20]),
            ("Item 10. Directors 82, (a)", "Item 10. Directors", vec![82..=82]),
            ("Item 11. Executive Compensation (b)", "Item 11. Executive Compensation (b)", vec![]),
            (
                "Item 16. Form 10-K Summary Not applicable",
                "Item 16. Form 10-K Summary Not applicable",
                vec![],
            ),
            ("of the Securities Exchange Act of 1934", "of the Securities Exchange Act of 1934", vec![]),
            ("Pages 3 and 5", "", vec![3..=3, 5..=5]),
        ] {
            assert_eq!(references(line), (words, pages), "{line}");
        }
    }

    /// Eight pages and an index; `index` gives the pages of some items.
    fn filing(index: &str) -> Vec<String> {
        let mut pages = vec!["Cover of the report".to_owned()];
        pages.extend(
            (2..=8).map(|page| format!("Text of page {page}\nIt goes on here\n2023 FORM 10-K {page}")),
        );
        pages[2] = "End of the strategy\nRISK FACTORS.\nThings break\n2023 FORM 10-K 3".to_owned();
        let none = "Item 1B. Unresolved Staff Comments None\nItem 4. Mine Safety Disclosures None\nItem 6. Reserved None\nItem 9B. Other Information None\nItem 11. Executive Compensation (a)";
        pages.push(format!("FORM 10-K CROSS REFERENCE INDEX\n{index}\n{none}\nSignatures 10\n9"));
        pages
    }

    fn told(pages: &[String]) -> Vec<String> {
        let items = split(pages).expect("it has items");
        items.iter().map(|item| format!("{} {}", item.key, item.lines.join(" | "))).collect()
    }

    #[test]
    fn pages_go_to_the_items_that_the_index_gives_them() {
        let ranges = "Item 1. Business 2-3, 6\nItem 1A. Risk Factors 3-4\nItem 7. Discussion 4-5\nItem 8. Statements 5-8";
        let ranged = told(&filing(ranges));
        assert_eq!(ranged.len(), 4, "{ranged:#?}");
        assert_eq!(
            ranged[0],
            "ITEM_1 Item 1. Business | Text of page 2 | It goes on here | 2023 FORM 10-K 2 | End of the strategy | \
             Text of page 6 | It goes on here | 2023 FORM 10-K 6"
        );
        assert!(
            ranged[1].starts_with("ITEM_1A Item 1A. Risk Factors | RISK FACTORS. | Things break"),
            "{ranged:#?}"
        );
        assert!(ranged[3].ends_with("2023 FORM 10-K 8") && !ranged[3].contains("page 6"), "{ranged:#?}");
    }

    #[test]
    fn an_index_of_beginnings_gives_pages_up_to_the_next() {
        let starts = "Item 1 Business Page 2\nItem 1A Risk Factors Page 3\nItem 7 Discussion Page 5\nItem 8 Statements Page 7";
        let told = told(&filing(starts));
        assert_eq!(told.len(), 4, "{told:#?}");
        assert!(told[0].ends_with("End of the strategy"), "{told:#?}");
        assert!(told[1].contains("page 4") && !told[1].contains("page 6"), "{told:#?}");
        assert!(told[3].contains("page 7") && told[3].contains("page 8"), "{told:#?}");
    }

    #[test]
    fn why_there_is_none_is_said() {
        let index = "Item 1. Business 2\nItem 1A. Risk Factors 3\nItem 7. Discussion 5\nItem 8. Statements 7";
        let bare: Vec<String> = filing(index)
            .iter()
            .map(|page| page.replace("2023 FORM 10-K", "x").replace(['2', '3', '4', '5', '6', '7', '8'], ""))
            .collect();
        assert_eq!(split(&bare[..3]), Err("no item's heading (\"Item 1. Business\") is in it"));
        let mut unnumbered = filing(index);
        for page in &mut unnumbered[..8] {
            *page = "Text".to_owned();
        }
        assert!(split(&unnumbered).is_err_and(|why| why.contains("no numbers")));
    }
}
