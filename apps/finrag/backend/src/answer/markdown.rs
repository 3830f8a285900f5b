//! Text that a Markdown renderer shows as it is: the original's page renders answers through one where `$` begins mathematics,
//! and a filing's `*` or `_` would become emphasis.

use serde::Deserialize;
use utoipa::ToSchema;

/// How an answer's text is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TextForm {
    /// For a Markdown renderer: what a filing says is shown as it says it.
    #[default]
    Markdown,
    /// As it is.
    Plain,
}

impl TextForm {
    /// A whole text in this form.
    pub(crate) fn write(self, text: String) -> String {
        match self {
            Self::Markdown => Escaper::new().push(&text),
            Self::Plain => text,
        }
    }
}

/// Escapes an answer that may come in pieces, each ending where a word ends. Bold (`**`) and a list's bullets stay, for they are meant.
#[derive(Debug)]
pub(crate) struct Escaper {
    starts_line: bool,
}

impl Escaper {
    /// At an answer's beginning.
    pub(crate) fn new() -> Self {
        Self { starts_line: true }
    }

    /// The next piece, escaped.
    pub(crate) fn push(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + text.len() / 16);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                // A model that escapes by itself is not escaped twice.
                '\\' if chars.peek().is_some_and(|next| matches!(next, '$' | '*' | '_' | '`' | '~')) => {
                    out.push('\\');
                    out.extend(chars.next());
                }
                '*' if chars.peek() == Some(&'*') => {
                    out.push_str("**");
                    chars.next();
                }
                '*' if self.starts_line && chars.peek().is_none_or(|next| next.is_whitespace()) => {
                    out.push('*')
                }
                '$' | '*' | '_' | '`' | '~' => {
                    out.push('\\');
                    out.push(c);
                }
                other => out.push(other),
            }
            match c {
                '\n' => self.starts_line = true,
                other if !other.is_whitespace() => self.starts_line = false,
                _ => {}
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_that_mean_something_are_escaped_and_structure_stays() {
        for (text, expected) in [
            ("It was $2.25 billion, then $3 billion.", "It was \\$2.25 billion, then \\$3 billion."),
            ("net_income and a*b*c", "net\\_income and a\\*b\\*c"),
            ("- one\n* two\n**three**", "- one\n* two\n**three**"),
            ("already \\$5", "already \\$5"),
            ("~~gone~~ `code`", "\\~\\~gone\\~\\~ \\`code\\`"),
        ] {
            assert_eq!(TextForm::Markdown.write(text.to_owned()), expected);
            let mut escaper = Escaper::new();
            let pieces: String = text.split_inclusive(' ').map(|piece| escaper.push(piece)).collect();
            assert_eq!(pieces, expected, "the same in pieces");
        }
    }
}
