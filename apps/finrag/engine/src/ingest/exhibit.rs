//! The annual report to shareholders (exhibit 13), where a 10-K leaves items to it.

use std::sync::LazyLock;

use regex::Regex;

use super::items::Item;

/// A line that starts the statements or their notes.
static STATEMENTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\W*(?:consolidated (?:statements?|balance sheets?)|notes to (?:the )?consolidated|reports? of independent)\b")
        .expect("the pattern is well-formed")
});

/// An item with less text than this only refers to where its text is.
const REFERS: usize = 1500;

/// Whether the items leave their matter to another document: one of the two that an annual report has is as good as empty, and says so.
pub(crate) fn is_left_to_it(items: &[Item<'_>]) -> bool {
    ["ITEM_7", "ITEM_8"].iter().any(|key| {
        let item = items.iter().find(|item| item.key == *key);
        item.is_none_or(|item| {
            let text = item.lines.join(" ").to_lowercase();
            text.len() < REFERS
                && (text.contains("incorporated")
                    || text.contains("exhibit 13")
                    || text.contains("annual report"))
        })
    })
}

/// Lays an annual report's lines into the items that it is for: discussion first, statements from their first heading on.
pub(crate) fn lay_in<'t>(items: &mut Vec<Item<'t>>, report: &'t str) {
    let mut key = "ITEM_7";
    for line in report.lines() {
        // A table of contents names the statements as well; its lines end in page numbers.
        if key == "ITEM_7" && STATEMENTS.is_match(line) && !line.ends_with(|c: char| c.is_ascii_digit()) {
            key = "ITEM_8";
        }
        match items.iter_mut().find(|item| item.key == key) {
            Some(item) => item.lines.push(line),
            None => items.push(Item { key, lines: vec![line] }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_fills_the_items_that_refer_to_it() {
        let refers = "Item 7. Management's Discussion\nIncorporated by reference to the Annual Report.\nItem 8. Financial Statements\nSee Exhibit 13.";
        let mut items = super::super::items::split(refers);
        assert!(is_left_to_it(&items));
        lay_in(
            &mut items,
            "Sales rose.\nConsolidated Balance Sheets 17\nConsolidated Balance Sheets\nCash 5",
        );
        assert_eq!(items[0].lines[2..], ["Sales rose.", "Consolidated Balance Sheets 17"]);
        assert_eq!(items[1].lines[2..], ["Consolidated Balance Sheets", "Cash 5"]);
    }

    #[test]
    fn items_with_text_of_their_own_are_let_be() {
        let long = "Sales rose since more was sold. ".repeat(60);
        let text = format!("Item 7. Discussion\n{long}\nItem 8. Statements\n{long}");
        assert!(!is_left_to_it(&super::super::items::split(&text)));
    }
}
