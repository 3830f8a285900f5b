//! What kind of sentence each is, whatever is asked of it.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// What a sentence's words say of it. Read once, when the table is loaded: questions read hundreds of sentences each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Nature {
    /// Whether it has an amount or a percentage.
    pub(crate) has_figure: bool,
    /// Whether it gives a reason.
    pub(crate) has_reason: bool,
    /// Whether it says what something is.
    pub(crate) defines: bool,
    /// Whether it only leads to a table or a list.
    pub(crate) leads_on: bool,
    /// Whether it looks like a heading, a page header or a list's entry rather than a sentence.
    pub(crate) is_fragment: bool,
    /// Whether it is longer than sentences are: a table or a list run together.
    pub(crate) is_long: bool,
}

/// Words above which a sentence is long.
const LONG: usize = 110;

#[derive(Debug, Clone, Copy)]
enum Sign {
    Figure,
    Reason,
    Definition,
    Lead,
    Header,
}

/// What is looked for, in any case.
const SIGNS: &[(&str, Sign)] = &[
    ("$", Sign::Figure),
    ("%", Sign::Figure),
    ("percent", Sign::Figure),
    ("million", Sign::Figure),
    ("billion", Sign::Figure),
    ("primarily", Sign::Reason),
    ("due to", Sign::Reason),
    ("driven by", Sign::Reason),
    ("as a result", Sign::Reason),
    ("attributable", Sign::Reason),
    ("reflect", Sign::Reason),
    ("because", Sign::Reason),
    ("result of", Sign::Reason),
    (" are ", Sign::Definition),
    (" is ", Sign::Definition),
    ("consist", Sign::Definition),
    ("include", Sign::Definition),
    ("represent", Sign::Definition),
    (" mean", Sign::Definition),
    ("defined as", Sign::Definition),
    ("refers to", Sign::Definition),
    ("following table", Sign::Lead),
    ("(file no.", Sign::Header),
];

static FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(SIGNS.iter().map(|(sign, _)| sign))
        .expect("a few short patterns")
});

impl Nature {
    pub(crate) fn of(text: &str) -> Self {
        let mut nature = Self::default();
        for found in FINDER.find_overlapping_iter(text) {
            match SIGNS[found.pattern().as_usize()].1 {
                Sign::Figure => nature.has_figure = true,
                Sign::Reason => nature.has_reason = true,
                Sign::Definition => nature.defines = true,
                Sign::Lead => nature.leads_on = true,
                Sign::Header => nature.is_fragment = true,
            }
        }
        let (mut words, mut capitals) = (0, 0);
        for word in words_of(text) {
            words += 1;
            if word.len() > 1 && word.starts_with(char::is_uppercase) {
                capitals += 1;
            }
        }
        let end = text.trim_end();
        nature.leads_on |= end.ends_with(':');
        nature.is_long = words > LONG;
        // Page headers ("Alphabet Inc."), headings: short, or without an end.
        let ended = end.ends_with(['.', '!', '?', '"', '”', ')', ';', ':']);
        nature.is_fragment |= words < 5 || (words < 9 && !ended) || text.starts_with("See accompanying");
        // Contents and indexes: most of the words begin with a capital.
        nature.is_fragment |= words >= 6 && capitals * 10 >= words * 7;
        nature
    }

    /// The natures of `count` texts, read on every core.
    pub(crate) fn of_all<'t>(count: usize, text: impl Fn(u32) -> &'t str + Sync) -> Vec<Self> {
        /// Texts below which another thread is not worth its while.
        const ALONE: usize = 10_000;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let each = count.div_ceil(cores).max(ALONE);
        let mut all = vec![Self::default(); count];
        std::thread::scope(|scope| {
            for (part, natures) in all.chunks_mut(each).enumerate() {
                let text = &text;
                scope.spawn(move || {
                    for (row, nature) in ((part * each) as u32..).zip(natures) {
                        *nature = Self::of(text(row));
                    }
                });
            }
        });
        all
    }
}

/// The words of a text: runs of letters and digits.
pub(crate) fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let nature = Nature::of(text);
        let said = [
            (nature.has_figure, "figure"),
            (nature.has_reason, "reason"),
            (nature.defines, "defines"),
            (nature.leads_on, "leads on"),
            (nature.is_fragment, "fragment"),
            (nature.is_long, "long"),
        ];
        let said: Vec<&str> = said.into_iter().filter_map(|(is, name)| is.then_some(name)).collect();
        expected.assert_eq(&said.join(", "));
    }

    #[test]
    fn sentences_are_told_apart() {
        check("Alphabet Inc.", expect!["fragment"]);
        check("Revenues grew 5% as a result of higher prices in all regions.", expect!["figure, reason"]);
        check("Cost of revenues CONSISTS of content and traffic acquisition costs.", expect!["defines"]);
        check("The following table shows revenues by source (in millions):", expect!["figure, leads on"]);
        check("Notes To Consolidated Financial Statements And Schedules.", expect!["fragment"]);
        check("We face intense competition in every market where we sell.", expect![""]);
        check(&"word ".repeat(LONG + 1), expect!["long"]);
    }

    #[test]
    fn every_core_reads_its_part() {
        let texts: Vec<String> = (0..25_000)
            .map(|at| {
                format!(
                    "It costs {at} per cent of all that we sell.{}",
                    if at % 7 == 0 { " That is much, at $5." } else { "" }
                )
            })
            .collect();
        let all = Nature::of_all(texts.len(), |row| &texts[row as usize]);
        assert!(all.iter().zip(&texts).all(|(nature, text)| *nature == Nature::of(text)));
    }
}
