//! Exhibits that a 10-K leaves items to: the annual report to shareholders (exhibit 13) and what else it names.

use std::sync::LazyLock;

use regex::Regex;

use super::items::Item;
use crate::tables::sections::ITEMS;

/// A line that starts the statements or their notes.
static STATEMENTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\W*(?:consolidated (?:statements?|balance sheets?)|notes to (?:the )?consolidated|reports? of independent)\b")
        .expect("the pattern is well-formed")
});
/// Numbers of exhibits that hold an item's matter: reports to shareholders, and what is none of the form's other kinds.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\bexhibits?\s+((?:13|99)(?:\.\d{1,3})?)\b").expect("the pattern is well-formed")
});

/// An item with less text than this only refers to where its text is.
const REFERS: usize = 1500;
/// Items whose matter other documents may hold. Those of part III are left to the proxy statement, which is another filing.
const OF_MATTER: &[&str] =
    &["ITEM_1", "ITEM_1A", "ITEM_2", "ITEM_3", "ITEM_5", "ITEM_6", "ITEM_7", "ITEM_7A", "ITEM_8"];
/// What an annual report has, whether a 10-K says so or has no such item at all.
const OF_A_REPORT: &[&str] = &["ITEM_7", "ITEM_8"];

/// An item that is left to an exhibit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) key: &'static str,
    /// Its number: `13`, `99.1`.
    pub(crate) exhibit: String,
    /// Whether the item names it, rather than being missing.
    is_named: bool,
}

/// The items that are as good as empty and name an exhibit, or that a report to shareholders usually has.
pub(crate) fn left(items: &[Item<'_>]) -> Vec<Left> {
    let mut found = Vec::new();
    for key in OF_MATTER {
        let is_of_a_report = OF_A_REPORT.contains(key);
        let Some(item) = items.iter().find(|item| item.key == *key) else {
            if is_of_a_report {
                found.push(Left { key, exhibit: "13".to_owned(), is_named: false });
            }
            continue;
        };
        let text = item.lines.join(" ");
        if text.len() >= REFERS {
            continue;
        }
        let lower = text.to_lowercase();
        let mut named: Vec<String> = NAMED.captures_iter(&text).map(|found| found[1].to_owned()).collect();
        named.dedup();
        let is_report = is_of_a_report && (lower.contains("incorporated") || lower.contains("annual report"));
        if named.is_empty() && is_report {
            let is_named = lower.contains("incorporated") && lower.contains("annual report");
            found.push(Left { key, exhibit: "13".to_owned(), is_named });
        }
        found.extend(named.into_iter().map(|exhibit| Left { key, exhibit, is_named: true }));
    }
    found
}

/// The exhibits of a submission that items are left to, by number, as lines: all of a number's parts (`13.1`, `13.2`) for the number alone.
pub(crate) fn wanted<'t>(
    left: &[Left],
    exhibits: &[(String, &'t str)],
    lines: impl Fn(&'t str) -> String,
) -> Vec<(String, String)> {
    let mut numbers: Vec<&String> = left.iter().map(|left| &left.exhibit).collect();
    numbers.sort();
    numbers.dedup();
    let of = |number: &str| {
        let is_it = |kind: &str| {
            let rest = kind.strip_prefix("EX-").and_then(|kind| kind.strip_prefix(number));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let parts = exhibits.iter().filter(|(kind, _)| is_it(kind));
        parts.map(|(_, text)| lines(text)).collect::<Vec<_>>().join("\n")
    };
    numbers
        .into_iter()
        .map(|number| (number.clone(), of(number)))
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

/// Lays exhibits into the items that are left to them.
pub(crate) fn lay_in<'t>(items: &mut Vec<Item<'t>>, left: &[Left], exhibits: &'t [(String, String)]) {
    for (number, text) in exhibits {
        let keys: Vec<&'static str> =
            left.iter().filter(|left| left.exhibit == *number).map(|left| left.key).collect();
        // Of what is left to a report, its discussion and its statements can be told apart, and the rest stands in the discussion.
        let key = keys.iter().find(|key| OF_A_REPORT.contains(key)).or(keys.first());
        let Some(mut key) = key.copied() else { continue };
        let has_statements = keys.contains(&"ITEM_8");
        for line in text.lines() {
            // A table of contents names the statements as well; its lines end in page numbers.
            if has_statements
                && key != "ITEM_8"
                && STATEMENTS.is_match(line)
                && !line.ends_with(|c: char| c.is_ascii_digit())
            {
                key = "ITEM_8";
            }
            match items.iter_mut().find(|item| item.key == key) {
                Some(item) => item.lines.push(line),
                None => items.push(Item { key, lines: vec![line] }),
            }
        }
    }
}

/// Which items name exhibits that are not there: "Item 7 is left to exhibit 13, which is not in the file".
pub(crate) fn missing(left: &[Left], exhibits: &[(String, String)]) -> Option<String> {
    let is_there = |left: &Left| exhibits.iter().any(|(number, _)| *number == left.exhibit);
    let mut by_exhibit: Vec<(&str, Vec<&str>)> = Vec::new();
    for left in left.iter().filter(|left| left.is_named && !is_there(left)) {
        let name = ITEMS.iter().find(|(key, _)| *key == left.key).map_or(left.key, |(_, name)| name);
        let name = name.split(':').next().unwrap_or(name);
        match by_exhibit.iter_mut().find(|(number, _)| *number == left.exhibit) {
            Some((_, names)) => names.push(name),
            None => by_exhibit.push((&left.exhibit, vec![name])),
        }
    }
    let said: Vec<String> = by_exhibit
        .into_iter()
        .map(|(number, names)| {
            let verb = if names.len() == 1 { "is" } else { "are" };
            format!("{} {verb} left to exhibit {number}, which is not in the file", names.join(", "))
        })
        .collect();
    (!said.is_empty()).then(|| said.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::items::split;
    use super::*;

    const REFERRING: &str = "Item 7. Management's Discussion\nIncorporated by reference to the Annual Report.\nItem 8. Financial Statements\nSee Exhibit 13.";

    fn exhibits(of: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
        of.iter().map(|(kind, text)| ((*kind).to_owned(), *text)).collect()
    }

    #[test]
    fn a_report_fills_the_items_that_refer_to_it() {
        let mut items = split(REFERRING);
        let left = left(&items);
        let of = exhibits(&[
            ("EX-13.1", "Sales rose.\nConsolidated Balance Sheets 17"),
            ("EX-13.2", "Consolidated Balance Sheets\nCash 5"),
            ("EX-31.1", "I certify"),
        ]);
        let wanted = wanted(&left, &of, str::to_owned);
        lay_in(&mut items, &left, &wanted);
        assert_eq!(items[0].lines[2..], ["Sales rose.", "Consolidated Balance Sheets 17"]);
        assert_eq!(items[1].lines[2..], ["Consolidated Balance Sheets", "Cash 5"]);
        assert_eq!(missing(&left, &wanted), None);
    }

    #[test]
    fn other_exhibits_fill_the_items_that_name_them() {
        let text = "Item 1. Business\nSee Exhibit 99.2, which is incorporated here.\nItem 1A. Risk Factors\nSee Exhibit 99.1.\nItem 7. Discussion\nSee Exhibit 99.3.\nItem 8. Statements\nSee Exhibit 99.3.";
        let mut items = split(text);
        let left = left(&items);
        let of = exhibits(&[
            ("EX-99.1", "Things break."),
            ("EX-99.2", "We sell tools."),
            ("EX-99.3", "Sales rose.\nConsolidated Statements of Income\nSales 5"),
        ]);
        let wanted = wanted(&left, &of, str::to_owned);
        lay_in(&mut items, &left, &wanted);
        let last: Vec<&str> = items.iter().map(|item| *item.lines.last().expect("it has lines")).collect();
        assert_eq!(last, ["We sell tools.", "Things break.", "Sales rose.", "Sales 5"]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let items = split(REFERRING);
        assert_eq!(
            missing(&left(&items), &[]).as_deref(),
            Some("Item 7, Item 8 are left to exhibit 13, which is not in the file")
        );
        let elsewhere = split("Item 7. Discussion\nSee Item 8.\nItem 8. Statements\nSee Exhibit 99.1.");
        assert_eq!(
            missing(&left(&elsewhere), &[]).as_deref(),
            Some("Item 8 is left to exhibit 99.1, which is not in the file")
        );
    }

    #[test]
    fn items_with_text_of_their_own_are_let_be() {
        let long = "Sales rose since more was sold, as Exhibit 13 says. ".repeat(60);
        let text = format!("Item 7. Discussion\n{long}\nItem 8. Statements\n{long}");
        assert_eq!(left(&split(&text)), []);
    }
}
