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
    /// Of them, bought, held or dealt with, as only a company is (`the purchase of A`, `a stake in A`).
    pub(crate) dealt: usize,
    /// Whether filings write it small: it is a plain word, too.
    pub(crate) small: bool,
    /// The company in whose filings nearly all of them stand.
    pub(crate) company: Option<u16>,
}

impl Evidence {
    /// Whether it is a thing that filings discuss (a product, a law, an event) rather than another company.
    pub(crate) fn is_thing(self, at_least: usize) -> bool {
        self.rows >= at_least && self.incorporated * 10 < self.rows && self.listed * 10 < self.rows * 7
    }

    /// Whether filings mostly deal with it as with a company.
    pub(crate) fn is_dealt_with(self) -> bool {
        self.dealt * 2 >= self.rows.max(1)
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
    let mut beginnings: Vec<u16> = Vec::new();
    let mut names = Names { engine, known: Vec::new() };
    for row in engine.lexical.rows_of(term, READ) {
        let text = engine.sentences.text(row);
        let company = engine.sentences.company(row);
        let Some((before, after)) = around(text, &wanted) else {
            if text.get(..name.len()).is_some_and(|first| first.eq_ignore_ascii_case(name)) {
                beginnings.push(company);
            }
            evidence.small |= text.contains(&wanted);
            continue;
        };
        evidence.rows += 1;
        evidence.incorporated += usize::from(is_incorporated(after));
        evidence.listed += usize::from(beside(before, after).is_some_and(|other| names.is_one(other)));
        evidence.dealt += usize::from(is_dealt_with(before));
        count(&mut by, company);
    }
    if !evidence.small {
        evidence.rows += beginnings.len();
        for company in beginnings {
            count(&mut by, company);
        }
    }
    let most = by.iter().max_by_key(|(_, count)| *count);
    evidence.company = most.filter(|(_, count)| count * 10 >= evidence.rows * 9).map(|(company, _)| *company);
    evidence
}

fn count(by: &mut Vec<(u16, usize)>, company: u16) {
    match by.iter_mut().find(|(known, _)| *known == company) {
        Some((_, count)) => *count += 1,
        None => by.push((company, 1)),
    }
}

/// Words with a capital beside a name, each judged once.
struct Names<'e> {
    engine: &'e Engine,
    known: Vec<(String, bool)>,
}

impl Names<'_> {
    /// Whether a word is a name: filings do not write it small ("Search, YouTube and Cloud" lists no rivals).
    fn is_one(&mut self, word: &str) -> bool {
        const READ: usize = 60;
        let lower = word.to_lowercase();
        if let Some((_, known)) = self.known.iter().find(|(other, _)| *other == lower) {
            return *known;
        }
        let terms = analyzer::terms(&mut self.engine.analyzer.clone(), word);
        let rows = terms.first().map(|term| self.engine.lexical.rows_of(term, READ)).unwrap_or_default();
        let is_small = |row: u32| {
            self.engine.sentences.text(row).split(|c: char| !c.is_alphanumeric()).any(|other| other == lower)
        };
        let is_one = !rows.into_iter().any(is_small);
        self.known.push((lower, is_one));
        is_one
    }
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
        // A sentence's first word has its capital from there, a name's second word has its own.
        let own = if at == 0 {
            text[at..at + found.len()].split_once([' ', '-']).map(|(_, rest)| rest)
        } else {
            Some(&text[at..at + found.len()])
        };
        let capital = own.is_some_and(|own| own.contains(char::is_uppercase));
        (whole && capital).then_some((before, after))
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

/// The word with a capital that a row of names has beside one.
fn beside<'t>(before: &'t str, after: &'t str) -> Option<&'t str> {
    let name = |word: Option<&'t str>| {
        let word = word?.trim_matches(|c: char| !c.is_alphanumeric());
        word.contains(char::is_uppercase).then_some(word)
    };
    let next = after
        .strip_prefix(',')
        .map(|rest| rest.trim_start().trim_start_matches("and ").trim_start_matches("or "));
    let joined = after.strip_prefix(" and ").or_else(|| after.strip_prefix(" or "));
    if let Some(found) = name(next.or(joined).and_then(|rest| rest.split_whitespace().next())) {
        return Some(found);
    }
    let head = before.trim_end();
    let head = head.strip_suffix(" and").or_else(|| head.strip_suffix(" or")).unwrap_or(head).trim_end();
    let list = head.strip_suffix(',').or((head.len() + 2 < before.len()).then_some(head))?;
    name(list.split_whitespace().next_back())
}

/// What is done with companies, before the name of one.
const DEALINGS: &[&str] = &[
    "purchase of",
    "acquisition of",
    "acquired",
    "acquire",
    "acquiring",
    "bought",
    "investment in",
    "investments in",
    "interest in",
    "stake in",
    "shares of",
    "shares in",
    "stock of",
    "loss on",
    "gain on",
    "gains on",
    "merger with",
    "merged with",
    "compete with",
    "competes with",
    "maker",
    "company",
    "supplier",
    "foundry",
    "retailer",
];

fn is_dealt_with(before: &str) -> bool {
    let before = before.trim_end().to_lowercase();
    DEALINGS.iter().any(|dealing| {
        before.strip_suffix(dealing).is_some_and(|head| head.is_empty() || head.ends_with([' ', '-']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_in_its_sentence() {
        fn read<'t>(text: &'t str, name: &str) -> Option<(bool, Option<&'t str>, bool)> {
            around(text, name)
                .map(|(before, after)| (is_incorporated(after), beside(before, after), is_dealt_with(before)))
        }
        for (text, name, expected) in [
            ("We hold shares of Rivian Automotive, Inc. and sell them.", "rivian", Some((true, None, true))),
            ("We compete with Hulu, Disney and others.", "hulu", Some((false, Some("Disney"), true))),
            ("We compete with Hulu, Disney and others.", "disney", Some((false, Some("Hulu"), false))),
            ("We compete with Hulu and Disney.", "disney", Some((false, Some("Hulu"), false))),
            ("Sales of Strattera rose.", "strattera", Some((false, None, false))),
            ("The iPhone sold well.", "iphone", Some((false, None, false))),
            ("Data Center products sold well.", "data center", Some((false, None, false))),
            ("Data center products sold well.", "data center", None),
            ("Pet coke is sold.", "coke", None),
            ("Coke is sold.", "coke", None),
        ] {
            assert_eq!(read(text, name), expected, "{text} {name}");
        }
    }
}
