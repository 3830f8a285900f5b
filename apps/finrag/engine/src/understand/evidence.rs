//! What filings themselves show of a name: how often they write it, and whether as another company's.

use crate::engine::Engine;
use crate::index::analyzer;

/// Sentences of a name's rarest word that are read.
const READ: usize = 300;

/// What was read of a name.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Evidence {
    /// Sentences that write it with its capital: at their beginning, too, where none writes it small.
    pub(crate) rows: usize,
    /// Of them, with a legal ending behind it (`Inc.`): it is a company.
    pub(crate) incorporated: usize,
    /// Of them, in a row of names (`A, B and C`): rivals and partners mostly are.
    pub(crate) listed: usize,
    /// The company in whose filings nearly all of them stand, and how many do not.
    pub(crate) company: Option<u16>,
}

impl Evidence {
    /// Whether it is a thing that filings discuss (a product, a law, an event) rather than another company.
    pub(crate) fn is_thing(self, at_least: usize) -> bool {
        self.rows >= at_least && self.incorporated * 10 < self.rows && self.listed * 10 < self.rows * 7
    }
}

/// Reads the sentences that have a name.
pub(crate) fn of(engine: &Engine, name: &str) -> Evidence {
    let terms = analyzer::terms(&mut engine.analyzer.clone(), name);
    let rarest = terms
        .iter()
        .map(|term| (engine.lexical.idf(term), term))
        // A word that no filing has makes the name one that none has.
        .max_by(|a, b| a.0.unwrap_or(f32::MAX).total_cmp(&b.0.unwrap_or(f32::MAX)));
    let Some((Some(_), term)) = rarest else { return Evidence::default() };
    let wanted = name.to_lowercase();
    let mut evidence = Evidence::default();
    let mut by: Vec<(u16, usize)> = Vec::new();
    let (mut beginnings, mut is_word) = (0, false);
    for row in engine.lexical.rows_of(term, READ) {
        let text = engine.sentences.text(row);
        let Some((before, after)) = around(text, &wanted) else {
            beginnings +=
                usize::from(text.get(..name.len()).is_some_and(|first| first.eq_ignore_ascii_case(name)));
            is_word |= text.contains(&wanted);
            continue;
        };
        evidence.rows += 1;
        evidence.incorporated += usize::from(is_incorporated(after));
        evidence.listed += usize::from(is_listed(before, after));
        let company = engine.sentences.company(row);
        match by.iter_mut().find(|(known, _)| *known == company) {
            Some((_, count)) => *count += 1,
            None => by.push((company, 1)),
        }
    }
    let placed = evidence.rows;
    if !is_word {
        evidence.rows += beginnings;
    }
    let most = by.iter().max_by_key(|(_, count)| *count);
    evidence.company = most.filter(|(_, count)| count * 10 >= placed * 9).map(|(company, _)| *company);
    evidence
}

/// What stands before and after a name that is written with a capital within a sentence.
fn around<'t>(text: &'t str, wanted: &str) -> Option<(&'t str, &'t str)> {
    let lower = text.to_lowercase();
    if lower.len() != text.len() {
        return None;
    }
    lower.match_indices(wanted).find_map(|(at, found)| {
        let (before, after) = (&text[..at], &text[at + found.len()..]);
        let whole = !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
        let capital = text[at..].starts_with(char::is_uppercase);
        (at > 0 && whole && capital).then_some((before, after))
    })
}

const ENDINGS: &[&str] = &[
    "inc",
    "corp",
    "corporation",
    "llc",
    "ltd",
    "limited",
    "plc",
    "company",
    "co",
    "ag",
    "n.v",
    "l.p",
    "s.a",
];

fn is_incorporated(after: &str) -> bool {
    // "Rivian Automotive, Inc.": up to two more words of the name.
    let mut words = after.split_whitespace();
    for _ in 0..3 {
        let Some(word) = words.next() else { return false };
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        if ENDINGS.contains(&bare.as_str()) {
            return true;
        }
        if !word.starts_with(char::is_uppercase) {
            return false;
        }
    }
    false
}

fn is_listed(before: &str, after: &str) -> bool {
    let starts = |text: &str| text.trim_start().starts_with(char::is_uppercase);
    let next = after
        .strip_prefix(',')
        .map(|rest| rest.trim_start().trim_start_matches("and ").trim_start_matches("or "));
    let joined = after.strip_prefix(" and ").or_else(|| after.strip_prefix(" or "));
    if next.or(joined).is_some_and(starts) {
        return true;
    }
    let head = before.trim_end();
    let head = head.strip_suffix("and").or_else(|| head.strip_suffix("or")).unwrap_or(head).trim_end();
    let Some(list) = head.strip_suffix(',').or((head.len() + 2 < before.len()).then_some(head)) else {
        return false;
    };
    list.split_whitespace().next_back().is_some_and(|word| word.starts_with(char::is_uppercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_in_its_sentence() {
        let read = |text: &str, name: &str| {
            around(text, name).map(|(before, after)| (is_incorporated(after), is_listed(before, after)))
        };
        for (text, name, expected) in [
            ("We hold shares of Rivian Automotive, Inc. and sell them.", "rivian", Some((true, false))),
            ("We compete with Hulu, Disney and others.", "hulu", Some((false, true))),
            ("We compete with Hulu, Disney and others.", "disney", Some((false, true))),
            ("We compete with Hulu and Disney.", "disney", Some((false, true))),
            ("Sales of Strattera rose.", "strattera", Some((false, false))),
            ("Pet coke is sold.", "coke", None),
            ("Coke is sold.", "coke", None),
        ] {
            assert_eq!(read(text, name), expected, "{text} {name}");
        }
    }
}
