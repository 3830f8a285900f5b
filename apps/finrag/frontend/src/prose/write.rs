//! Markdown events to HTML.

use std::fmt::Write as _;

use maud::Escaper;
use pulldown_cmark::{Alignment, Event, Tag, TagEnd};

use super::cite::{Citations, pieces};

/// Writes one block at a time.
pub(super) struct Writer<'a> {
    citations: &'a Citations<'a>,
    html: String,
    alignments: Vec<Alignment>,
    column: usize,
    in_head: bool,
    in_code: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(citations: &'a Citations<'a>) -> Self {
        Self {
            citations,
            html: String::new(),
            alignments: Vec::new(),
            column: 0,
            in_head: false,
            in_code: false,
        }
    }

    /// The block written since the last one.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.html)
    }

    pub(super) fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.in_code => self.escaped(&text),
            Event::Text(text) => self.cited(&text),
            Event::Code(code) => {
                self.html.push_str("<code>");
                self.escaped(&code);
                self.html.push_str("</code>");
            }
            Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::Html(text)
            | Event::InlineHtml(text)
            | Event::FootnoteReference(text) => self.escaped(&text),
            // Answers are written by the line as often as by the paragraph.
            Event::SoftBreak | Event::HardBreak => self.html.push_str("<br>"),
            Event::Rule => self.html.push_str("<hr>"),
            Event::TaskListMarker(done) => self.html.push_str(if done { "[x] " } else { "[ ] " }),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::List(Some(first)) if first != 1 => {
                let _ = write!(self.html, "<ol start=\"{first}\">");
                return;
            }
            Tag::Table(alignments) => {
                self.alignments = alignments;
                self.html.push_str("<div class=\"scroll\"><table>");
                return;
            }
            Tag::TableHead => (self.in_head, self.column) = (true, 0),
            Tag::TableRow => self.column = 0,
            Tag::TableCell => {
                let right = matches!(self.alignments.get(self.column), Some(Alignment::Right));
                self.column += 1;
                self.html.push_str(if self.in_head { "<th" } else { "<td" });
                self.html.push_str(if right { " class=\"number\">" } else { ">" });
                return;
            }
            Tag::CodeBlock(_) => self.in_code = true,
            Tag::Paragraph
            | Tag::Heading { .. }
            | Tag::BlockQuote(_)
            | Tag::HtmlBlock
            | Tag::List(_)
            | Tag::Item
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough
            | Tag::Superscript
            | Tag::Subscript
            | Tag::Link { .. }
            | Tag::Image { .. }
            | Tag::MetadataBlock(_) => {}
        }
        self.html.push_str(around(tag.to_end()).0);
    }

    fn end(&mut self, tag: TagEnd) {
        if tag == TagEnd::TableCell {
            self.html.push_str(if self.in_head { "</th>" } else { "</td>" });
            return;
        }
        self.in_head &= tag != TagEnd::TableHead;
        self.in_code &= tag != TagEnd::CodeBlock;
        self.html.push_str(around(tag).1);
    }

    fn cited(&mut self, text: &str) {
        for piece in pieces(text) {
            match piece.numbers() {
                Some(numbers) => numbers.for_each(|number| self.citation(number)),
                None => {
                    if let super::cite::Piece::Words(words) = piece {
                        self.escaped(words);
                    }
                }
            }
        }
    }

    fn citation(&mut self, number: u32) {
        let _ = match self.citations {
            Citations::Unknown => write!(self.html, "<span class=\"cite\">[{number}]</span>"),
            Citations::Known { prefix, numbers } if numbers.contains(&number) => write!(
                self.html,
                "<a class=\"cite\" href=\"#{prefix}-s{number}\" title=\"Source {number}\">[{number}]</a>"
            ),
            Citations::Known { .. } => write!(self.html, "[{number}]"),
        };
    }

    fn escaped(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = Escaper::new(&mut self.html).write_str(text);
    }
}

/// What opens and closes an element.
fn around(tag: TagEnd) -> (&'static str, &'static str) {
    match tag {
        TagEnd::Paragraph | TagEnd::HtmlBlock | TagEnd::FootnoteDefinition | TagEnd::MetadataBlock(_) => {
            ("<p>", "</p>")
        }
        TagEnd::Heading(_) => ("<h4>", "</h4>"),
        TagEnd::BlockQuote(_) => ("<blockquote>", "</blockquote>"),
        TagEnd::CodeBlock => ("<pre><code>", "</code></pre>"),
        TagEnd::List(true) => ("<ol>", "</ol>"),
        TagEnd::List(false) => ("<ul>", "</ul>"),
        TagEnd::Item => ("<li>", "</li>"),
        TagEnd::DefinitionList => ("<dl>", "</dl>"),
        TagEnd::DefinitionListTitle => ("<dt>", "</dt>"),
        TagEnd::DefinitionListDefinition => ("<dd>", "</dd>"),
        TagEnd::Table => ("", "</tbody></table></div>"),
        TagEnd::TableHead => ("<thead><tr>", "</tr></thead><tbody>"),
        TagEnd::TableRow => ("<tr>", "</tr>"),
        TagEnd::TableCell => ("", ""),
        TagEnd::Emphasis => ("<em>", "</em>"),
        TagEnd::Strong => ("<strong>", "</strong>"),
        TagEnd::Strikethrough => ("<del>", "</del>"),
        TagEnd::Superscript => ("<sup>", "</sup>"),
        TagEnd::Subscript => ("<sub>", "</sub>"),
        TagEnd::Link | TagEnd::Image => ("", ""),
    }
}
