//! The text of a filing's HTML: a line for every block, table rows in one line.

use ego_tree::iter::Edge;
use scraper::node::Element;
use scraper::{Html, Node};

/// Elements that stand on lines of their own.
const BLOCKS: &[&str] = &[
    "p",
    "div",
    "br",
    "hr",
    "li",
    "ul",
    "ol",
    "tr",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "section",
    "article",
    "blockquote",
    "pre",
    "body",
    "header",
    "footer",
];
/// Elements whose content is for machines.
const HIDDEN: &[&str] = &["script", "style", "head", "title", "ix:header", "noscript"];

/// Stands where a page ends.
const PAGE_END: char = '\u{c}';
/// Styles that end a page before or after an element.
const ENDS_BEFORE: &[&str] = &["page-break-before:always", "break-before:page"];
const ENDS_AFTER: &[&str] = &["page-break-after:always", "break-after:page"];

/// Extracts text, block by block; empty lines are dropped, runs of space become one.
pub(crate) fn text(html: &str) -> String {
    lines(&walk(html))
}

/// The text page by page, as it is printed.
pub(crate) fn pages(html: &str) -> Vec<String> {
    walk(html).split(PAGE_END).map(lines).collect()
}

fn walk(html: &str) -> String {
    let document = Html::parse_document(html);
    let mut out = String::new();
    // Filings nest deep enough to overflow a recursive walk's stack; the tree's own traversal does not.
    let mut hidden = 0_usize;
    for edge in document.tree.root().traverse() {
        match edge {
            Edge::Open(node) => {
                if let Node::Element(element) = node.value() {
                    let name = element.name();
                    let style = style_of(element);
                    if hidden > 0 || HIDDEN.contains(&name) || style.contains("display:none") {
                        hidden += 1;
                        continue;
                    }
                    if ENDS_BEFORE.iter().any(|end| style.contains(end)) {
                        out.push(PAGE_END);
                    }
                    if BLOCKS.contains(&name) {
                        out.push('\n');
                    } else if matches!(name, "td" | "th") {
                        out.push(' ');
                    }
                } else if let (Node::Text(text), 0) = (node.value(), hidden) {
                    out.push_str(&text.replace(['\n', '\r', '\t', '\u{a0}', PAGE_END], " "));
                }
            }
            Edge::Close(node) => {
                if let Node::Element(element) = node.value() {
                    if hidden > 0 {
                        hidden -= 1;
                        continue;
                    }
                    if BLOCKS.contains(&element.name()) {
                        out.push('\n');
                    }
                    if ENDS_AFTER.iter().any(|end| style_of(element).contains(end)) {
                        out.push(PAGE_END);
                    }
                }
            }
        }
    }
    out
}

fn style_of(element: &Element) -> String {
    element.attr("style").unwrap_or_default().replace(' ', "")
}

/// Lines trimmed, inner space collapsed, empty ones dropped.
pub(crate) fn lines(text: &str) -> String {
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_become_lines_and_rows_stay_together() {
        let html = "<html><head><title>t</title><style>p{}</style></head><body><div style='display: none'><p>gone</p></div>\
            <p>One <b>bold</b>&nbsp;word.</p><table><tr><td>Revenue</td><td>$</td><td>5</td></tr></table>\
            <ix:header>gone</ix:header>Two</body></html>";
        assert_eq!(text(html), "One bold word.\nRevenue $ 5\nTwo");
    }

    #[test]
    fn pages_end_where_they_are_printed_to() {
        let html = "<div>One</div><hr style='page-break-after: always'><div>Two</div>\
            <div style='break-before:page'>Three</div>";
        assert_eq!(pages(html), ["One", "Two", "Three"]);
        assert_eq!(text(html), "One\nTwo\nThree");
    }

    #[test]
    fn deep_nesting_does_no_harm() {
        let html = format!("{}deep{}", "<font>".repeat(20_000), "</font>".repeat(20_000));
        assert_eq!(text(&html), "deep");
    }
}
