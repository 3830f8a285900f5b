//! Plain text as filings of the 1990s and 2000s are: wrapped by hand, with a few tags of their own.

use std::sync::LazyLock;

use regex::Regex;

use super::items;

/// Tags that only a page for browsers has. `<PAGE>`, `<TABLE>`, `<S>` and `<C>` are EDGAR's own, of plain text.
static BROWSER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)<(?:html|body|head|div|p|br|font|span|td|tr|h[1-6]|center|ix:header)[\s/>]")
        .expect("the pattern is well-formed")
});
static TAG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"</?[A-Z][A-Z0-9/-]*>").expect("the pattern is well-formed"));
/// Two figures or more with space between: a table's row.
static COLUMNS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:\s{2,}|\.{3,}\s*)\$?\s*\(?\d[\d,.]*\)?\s{2,}\S|\S\s{3,}\S.*\s{3,}\S|\.{4,}|-{4,}|={4,}")
        .expect("the pattern is well-formed")
});

/// Whether a text is for browsers.
pub(crate) fn is_html(text: &str) -> bool {
    BROWSER.is_match(text)
}

/// The lines of a text, with those that were only wrapped joined again. Empty lines are dropped, runs of space become one.
pub(crate) fn text(plain: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    // Whether the last line may go on.
    let mut open = false;
    let mut table = false;
    for raw in plain.lines() {
        table |= raw.contains("<TABLE>");
        let is_table = table;
        table &= !raw.contains("</TABLE>");
        let bare = TAG.replace_all(raw, "");
        let line = bare.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            // A page's break interrupts no paragraph, an empty line does.
            open &= bare.len() != raw.len();
            continue;
        }
        let alone = is_table
            || COLUMNS.is_match(bare.trim_end())
            || items::heading(&line).is_some()
            || starts_item(&line);
        match out.last_mut() {
            Some(last) if open && !alone => {
                last.push(' ');
                last.push_str(&line);
            }
            _ => out.push(line.clone()),
        }
        open = !alone && goes_on(&line);
    }
    out.join("\n")
}

/// An entry of a list.
fn starts_item(line: &str) -> bool {
    line.starts_with(['•', '*', '·', '-', '–', '—', '('])
}

/// Whether a line breaks off: prose that has not come to its end.
fn goes_on(line: &str) -> bool {
    if line.ends_with(['.', '!', '?', ':', ';']) {
        return false;
    }
    let words: Vec<&str> = line.split(' ').collect();
    let lower = words.iter().filter(|word| word.starts_with(char::is_lowercase)).count();
    words.len() >= 4 && lower * 2 >= words.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_pages() {
        for (body, expected) in [
            ("<PAGE>\nItem 1. Business\n<TABLE>\n<S> <C>\nSales 5\n</TABLE>", false),
            ("<html><body>x</body></html>", true),
            ("<DIV align=\"left\">x</DIV>", true),
            ("<P>x</P>", true),
            ("profit < loss and </ nothing", false),
        ] {
            assert_eq!(is_html(body), expected, "{body}");
        }
    }

    #[test]
    fn wrapped_lines_are_joined_and_others_are_not() {
        for (name, plain, expected) in [
            (
                "before a capital",
                "Item 1. Business\nWe build engines, gears and tools in four plants, and rent out\nwhat we do not need.  In\nDecember 2001 the plant in the north was\nlet to a Dutch firm.\n",
                "Item 1. Business\nWe build engines, gears and tools in four plants, and rent out what we do not need. In December 2001 the plant in the north was let to a Dutch firm.",
            ),
            (
                "titles",
                "Overview\nWe sell tools.\n\nLIQUIDITY AND CAPITAL\nCash rose.",
                "Overview\nWe sell tools.\nLIQUIDITY AND CAPITAL\nCash rose.",
            ),
            (
                "an empty line ends a paragraph",
                "which we sold in the north\n\nThe rest was kept",
                "which we sold in the north\nThe rest was kept",
            ),
            (
                "a page's break does not",
                "which we sold in the\n<PAGE>\nNorth Sea",
                "which we sold in the North Sea",
            ),
            (
                "tables",
                "<TABLE>\n<S> <C>\nSales of all the things we made\nCost of them\n</TABLE>\nNet sales and other income      5,000     4,000\nThe rest",
                "Sales of all the things we made\nCost of them\nNet sales and other income 5,000 4,000\nThe rest",
            ),
            (
                "lists",
                "we sell what we make here\n• tools\n• gears",
                "we sell what we make here\n• tools\n• gears",
            ),
        ] {
            assert_eq!(text(plain), expected, "{name}");
        }
    }
}
