//! The text of a filing's HTML: a line for every block, table rows in one line.

use ego_tree::iter::Edge;
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

/// Extracts text, block by block; empty lines are dropped, runs of space become one.
pub(crate) fn text(html: &str) -> String {
    let document = Html::parse_document(html);
    let mut out = String::new();
    // Filings nest deep enough to overflow a recursive walk's stack; the tree's own traversal does not.
    let mut hidden = 0_usize;
    for edge in document.tree.root().traverse() {
        match edge {
            Edge::Open(node) => {
                if let Node::Element(element) = node.value() {
                    let name = element.name();
                    let style = element.attr("style").unwrap_or_default().replace(' ', "");
                    if hidden > 0 || HIDDEN.contains(&name) || style.contains("display:none") {
                        hidden += 1;
                    } else if BLOCKS.contains(&name) {
                        out.push('\n');
                    } else if matches!(name, "td" | "th") {
                        out.push(' ');
                    }
                } else if let (Node::Text(text), 0) = (node.value(), hidden) {
                    out.push_str(&text.replace(['\n', '\r', '\t', '\u{a0}'], " "));
                }
            }
            Edge::Close(node) => {
                if let Node::Element(element) = node.value() {
                    if hidden > 0 {
                        hidden -= 1;
                    } else if BLOCKS.contains(&element.name()) {
                        out.push('\n');
                    }
                }
            }
        }
    }
    lines(&out)
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
    fn deep_nesting_does_no_harm() {
        let html = format!("{}deep{}", "<font>".repeat(20_000), "</font>".repeat(20_000));
        assert_eq!(text(&html), "deep");
    }
}
