//! The sentences around a source.

use maud::{Markup, html};

use super::words;
use crate::backend::Neighbours;

/// How many sentences to show on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Around(u8);

impl Around {
    /// What is shown first.
    pub const NEAR: Self = Self(3);
    const WIDE: Self = Self(8);
    const FAR: Self = Self(20);

    /// From an address; anything strange is brought within 1 to 20.
    pub fn parse(typed: Option<&str>) -> Self {
        typed
            .and_then(|typed| typed.parse::<u8>().ok())
            .map_or(Self::NEAR, |around| Self(around.clamp(1, Self::FAR.0)))
    }

    /// As a number.
    pub fn get(self) -> u8 {
        self.0
    }

    fn wider(self) -> Option<Self> {
        [Self::WIDE, Self::FAR].into_iter().find(|wider| wider.0 > self.0)
    }
}

/// The sentences, the one asked for marked.
pub fn passage(neighbours: &Neighbours) -> Markup {
    let mut before: Option<i64> = None;
    html! {
        blockquote.passage {
            p {
                @for sentence in &neighbours.sentences {
                    @if before.replace(sentence.position).is_some_and(|before| sentence.position > before + 1) {
                        span.gap title="Sentences that are not in the data" { "[…] " }
                    }
                    @if sentence.hit { mark { (sentence.text) } } @else { (sentence.text) }
                    " "
                }
            }
        }
    }
}

/// A page's main part for a source.
pub fn source(sentence_id: &str, address: &str, neighbours: &Neighbours, around: Around) -> Markup {
    let name = if neighbours.company.is_empty() { &neighbours.ticker } else { &neighbours.company };
    html! {
        div.lone {
            p.eyebrow { "Source" }
            h1 {
                (words::spoken(name))
                @if let Some(year) = neighbours.year { ", " (year) }
                @if !neighbours.section.is_empty() { ", " (words::section(&neighbours.section)) }
            }
            p.faint.breakable {
                @if neighbours.doc_id.is_empty() { (neighbours.header) } @else { "Filing " (neighbours.doc_id) }
                " · sentence " (sentence_id)
            }
            (passage(neighbours))
            p.inline {
                a.button href="/chat" { "Back to your questions" }
                @if let Some(wider) = around.wider() {
                    a href={ (address) "?around=" (wider.get()) } { "Show more around it" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_within_reason() {
        let widths = [None, Some("0"), Some("5"), Some("200"), Some("-1"), Some("x")]
            .map(|typed| Around::parse(typed).get());
        assert_eq!(widths, [3, 1, 5, 20, 3, 3]);
        assert_eq!([3, 8, 20].map(|width| Around(width).wider().map(Around::get)), [Some(8), Some(20), None]);
    }
}
