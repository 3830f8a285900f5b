//! `[n]` in an answer.

use std::collections::BTreeSet;

/// What the `[n]` of a text can link to.
#[derive(Debug, Clone, Copy)]
pub enum Citations<'a> {
    /// Not known yet: the answer is still being written.
    Unknown,
    /// These sources.
    Known {
        /// What their element ids begin with, as in `turn-3`.
        prefix: &'a str,
        /// Their numbers.
        numbers: &'a BTreeSet<u32>,
    },
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Words.
    Words(&'a str),
    /// What stands between the brackets of a citation: numbers and commas.
    Cite(&'a str),
}

impl<'a> Piece<'a> {
    /// The numbers of a citation.
    pub(super) fn numbers(self) -> Option<impl Iterator<Item = u32> + use<'a>> {
        match self {
            Self::Words(_) => None,
            Self::Cite(inner) => Some(inner.split(',').filter_map(|number| number.trim().parse().ok())),
        }
    }
}

/// Cuts a text at its citations.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(open) = rest[from..].find('[').map(|at| from + at) {
            if let Some(inner) = citation(&rest[open + 1..]) {
                if open > 0 {
                    let words = &rest[..open];
                    rest = &rest[open..];
                    return Some(Piece::Words(words));
                }
                rest = &rest[inner.len() + 2..];
                return Some(Piece::Cite(inner));
            }
            from = open + 1;
        }
        Some(Piece::Words(std::mem::take(&mut rest)))
    })
}

/// The numbers at the start of a text that a bracket closes; numbers of one to three digits, not 0.
fn citation(text: &str) -> Option<&str> {
    let inner = &text[..text.find(']')?];
    let number = |part: &str| {
        let part = part.trim();
        (1..=3).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && !part.starts_with('0')
    };
    inner.split(',').all(number).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_its_citations() {
        let table: [(&str, &[Piece<'_>]); 6] = [
            ("", &[]),
            ("[]", &[Piece::Words("[]")]),
            ("[1]", &[Piece::Cite("1")]),
            ("a [[12]] b", &[Piece::Words("a ["), Piece::Cite("12"), Piece::Words("] b")]),
            ("[1, 2] [2023]", &[Piece::Cite("1, 2"), Piece::Words(" [2023]")]),
            ("é [1,] [3", &[Piece::Words("é [1,] [3")]),
        ];
        for (text, wanted) in table {
            assert_eq!(pieces(text).collect::<Vec<_>>(), wanted, "{text}");
        }
    }
}
