//! An answer's text as HTML: a small, safe part of Markdown.
//!
//! Every tag written here is a literal of this module, without attributes that come from the text; everything else is
//! escaped. Links and images of the text become their words: an answer quotes filings, and a filing must not be able to
//! send a reader elsewhere.

mod cite;
mod footer;
mod partial;
mod write;

use std::collections::BTreeSet;

use pulldown_cmark::{Event, Options, Parser, TagEnd, TextMergeStream};

pub use cite::Citations;
pub use footer::without_footer;
pub use partial::partial;

/// Renders a text to HTML, a string for each of its blocks (paragraph, list, table, …), so that one that still grows can
/// be sent on block by block.
pub fn blocks(text: &str, citations: &Citations<'_>) -> Vec<String> {
    let text = keep_definitions(text);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut blocks = Vec::new();
    let mut writer = write::Writer::new(citations);
    let mut depth = 0_usize;
    for event in TextMergeStream::new(Parser::new_ext(&text, options)) {
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::Text(_)
            | Event::Code(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::Html(_)
            | Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::SoftBreak
            | Event::HardBreak
            | Event::Rule
            | Event::TaskListMarker(_) => {}
        }
        let metadata = matches!(event, Event::End(TagEnd::MetadataBlock(_)));
        writer.event(event);
        if depth == 0 && !metadata {
            blocks.push(writer.take());
        }
    }
    blocks
}

/// The numbers that a text cites.
pub fn cited(text: &str) -> BTreeSet<u32> {
    cite::pieces(text).filter_map(|piece| piece.numbers()).flatten().collect()
}

/// A line such as `[3]: 10-K of 2023` would be a link definition in Markdown, and vanish.
fn keep_definitions(text: &str) -> String {
    let mut kept = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        let words = line.trim_start_matches([' ', '\t', '>', '*', '-']);
        if words.starts_with('[') && words.contains("]:") {
            kept.push_str(&line[..line.len() - words.len()]);
            kept.push('\\');
            kept.push_str(words);
        } else {
            kept.push_str(line);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, wanted: Expect) {
        let known = BTreeSet::from([1, 2, 3]);
        wanted.assert_eq(&blocks(text, &Citations::Known { prefix: "t1", numbers: &known }).join("\n"));
    }

    #[test]
    fn a_small_part_of_markdown_is_rendered() {
        check(
            "Revenue was **$391 billion** [1].\nIt *grew*.\n\nNext.",
            expect![[r##"
            <p>Revenue was <strong>$391 billion</strong> <a class="cite" href="#t1-s1" title="Source 1">[1]</a>.<br>It <em>grew</em>.</p>
            <p>Next.</p>"##]],
        );
        check(
            "# Title\n- a\n- b\n\n3. c\n4. d",
            expect![[r#"
            <h4>Title</h4>
            <ul><li>a</li><li>b</li></ul>
            <ol start="3"><li>c</li><li>d</li></ol>"#]],
        );
        check(
            "| Year | Revenue |\n|---|--:|\n| 2023 | 383 |",
            expect![[
                r#"<div class="scroll"><table><thead><tr><th>Year</th><th class="number">Revenue</th></tr></thead><tbody><tr><td>2023</td><td class="number">383</td></tr></tbody></table></div>"#
            ]],
        );
        check(
            "> quoted\n\n```\n<b> [1]\n```\n\n---",
            expect![[r#"
            <blockquote><p>quoted</p></blockquote>
            <pre><code>&lt;b&gt; [1]
            </code></pre>
            <hr>"#]],
        );
    }

    #[test]
    fn citations_link_to_sources_that_exist() {
        check(
            "a [1, 2], b [1][3], c [9], d [0], e [x], f [12",
            expect![[
                r##"<p>a <a class="cite" href="#t1-s1" title="Source 1">[1]</a><a class="cite" href="#t1-s2" title="Source 2">[2]</a>, b <a class="cite" href="#t1-s1" title="Source 1">[1]</a><a class="cite" href="#t1-s3" title="Source 3">[3]</a>, c [9], d [0], e [x], f [12</p>"##
            ]],
        );
        check(
            "[1]: AAPL 10-K\n[2]: MSFT 10-K",
            expect![[
                r##"<p><a class="cite" href="#t1-s1" title="Source 1">[1]</a>: AAPL 10-K<br><a class="cite" href="#t1-s2" title="Source 2">[2]</a>: MSFT 10-K</p>"##
            ]],
        );
        assert_eq!(cited("x [1, 2] y [7] [a] [2]"), BTreeSet::from([1, 2, 7]));
    }

    #[test]
    fn nothing_of_the_text_becomes_markup() {
        check(
            "<script>alert(1)</script>\n\na <img src=x onerror=alert(1)> b & \"c\"",
            expect![[r#"
            <p>&lt;script&gt;alert(1)&lt;/script&gt;
            </p>
            <p>a &lt;img src=x onerror=alert(1)&gt; b &amp; &quot;c&quot;</p>"#]],
        );
        check(
            "[click](javascript:alert(1)) ![pic](http://evil/x.png) <http://evil> [a]\n\n[a]: http://evil",
            expect![[r#"
            <p>click pic http://evil [a]</p>
            <p>[a]: http://evil</p>"#]],
        );
        check("[1](http://evil) `<b>`", expect![[r#"<p>1 <code>&lt;b&gt;</code></p>"#]]);
    }

    #[test]
    fn a_growing_text_changes_only_its_last_blocks() {
        let text = "First paragraph.\n\n- one\n- two **bold**\n\nLast [1].";
        let whole = blocks(text, &Citations::Unknown);
        for cut in 0..text.len() {
            let part = blocks(&text[..cut], &Citations::Unknown);
            let same = part.iter().zip(&whole).take_while(|(a, b)| a == b).count();
            assert!(part.len() <= same + 1, "{part:?}");
        }
    }
}
