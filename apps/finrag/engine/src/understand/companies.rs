//! Finding companies: by ticker, central index key, name, alias, and by a name spelt nearly right.

use super::words::{Word, words};
use super::{CompanyMention, MentionKind};
use crate::tables::companies::Companies;

/// How alike a misspelt name must be: twice the common letters in order, over the letters of both.
const ALIKE: f64 = 0.85;
/// Shorter names have too many neighbours to be guessed at.
const GUESSABLE: usize = 5;

/// Other names of companies, by ticker. A company's row in `companies.json` can add its own.
const ALIASES: &[(&str, &[&str])] = &[
    ("GOOGL", &["google", "goog", "google inc"]),
    ("META", &["facebook", "fb", "facebook inc", "meta platforms"]),
    ("AMZN", &["amazon.com", "amazon com"]),
    ("MSFT", &["msft"]),
    ("NVDA", &["nvidea", "nvidia corporation"]),
    ("LLY", &["lilly", "eli lilly"]),
    ("XOM", &["exxonmobil", "exxon", "mobil"]),
    ("JNJ", &["j&j", "johnson and johnson", "jnj"]),
    ("MA", &["master card"]),
    ("IEP", &["icahn"]),
    ("WMT", &["wal-mart", "wal mart"]),
    ("COST", &["costco"]),
    ("AGO", &["assured guaranty", "assured"]),
    ("RDN", &["radian"]),
    ("GNW", &["genworth"]),
    ("TSLA", &["tesla motors"]),
    ("BRK.B", &["berkshire"]),
    ("JPM", &["jpmorgan", "jp morgan"]),
];

/// Names that are also words: they count when written as names.
const WORDS_TOO: &[&str] = &[
    "apple",
    "oracle",
    "visa",
    "meta",
    "alphabet",
    "target",
    "gap",
    "chase",
    "assured",
    "mobil",
    "radian",
    "block",
    "square",
    "costco wholesale",
];

/// Tickers that are also words or letters: they count as `$V`, `(V)`, `NYSE: V`, `ticker V`; those of two letters and more also
/// in capitals, when the question is not all capitals.
const TICKER_WORDS: &[&str] = &[
    "a", "all", "an", "are", "at", "be", "c", "can", "cash", "cost", "d", "do", "f", "for", "ge", "go",
    "has", "he", "i", "it", "k", "key", "l", "lly", "low", "ma", "main", "meta", "net", "now", "o", "on",
    "one", "or", "out", "r", "see", "so", "t", "to", "u", "v", "well", "x",
];

/// Endings of names that say nothing.
const LEGAL: &[&str] = &[
    "inc",
    "incorporated",
    "corp",
    "corporation",
    "co",
    "company",
    "ltd",
    "limited",
    "lp",
    "l.p",
    "plc",
    "llc",
    "com",
    "new",
    "the",
    "&",
    "holdings",
    "de",
    "sa",
    "nv",
];
/// Endings that people leave out as well.
const DESCRIPTIVE: &[&str] =
    &["group", "platforms", "financial", "enterprises", "wholesale", "holdings", "international"];

#[derive(Debug)]
struct Name {
    words: Vec<String>,
    company: u16,
    kind: MentionKind,
    careful: bool,
}

/// Where a company was named.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) company: u16,
    pub(crate) mention: CompanyMention,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// A product's name: worth searching for.
    pub(crate) brand: bool,
}

/// Everything companies are known by.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: Vec<Name>,
    tickers: Vec<(String, u16)>,
    ciks: Vec<(u64, u16)>,
}

impl Names {
    pub(crate) fn new(companies: &Companies) -> Self {
        let mut names = Self::default();
        for (id, row) in companies.iter() {
            names.tickers.push((row.ticker.to_lowercase(), id));
            names.ciks.push((row.cik, id));
            let full = lower(&row.name);
            let mut short = full.clone();
            while short.len() > 1 && short.last().is_some_and(|word| LEGAL.contains(&word.as_str())) {
                short.pop();
            }
            let mut shorter = short.clone();
            while shorter.len() > 1 && shorter.last().is_some_and(|word| DESCRIPTIVE.contains(&word.as_str()))
            {
                shorter.pop();
            }
            for words in [full, short, shorter] {
                names.add(words, id, MentionKind::Name);
            }
            for alias in &row.aliases {
                names.add(lower(alias), id, MentionKind::Alias);
            }
        }
        for (ticker, aliases) in ALIASES {
            if let Some(id) = companies.by_ticker(ticker) {
                for alias in *aliases {
                    names.add(lower(alias), id, MentionKind::Alias);
                }
            }
        }
        names
    }

    fn add(&mut self, words: Vec<String>, company: u16, kind: MentionKind) {
        let known = self.names.iter().any(|name| name.words == words);
        if !words.is_empty() && !known {
            let careful = WORDS_TOO.contains(&words.join(" ").as_str());
            self.names.push(Name { words, company, kind, careful });
        }
    }

    /// Every mention, in order.
    /// `is_word` tells what filings use as a word: such is no misspelling.
    pub(crate) fn find(
        &self,
        question: &str,
        companies: &Companies,
        is_word: &dyn Fn(&str) -> bool,
    ) -> Vec<Found> {
        let words = words(question);
        let mut found: Vec<Found> = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let hit = self
                .longest(&words, at)
                .or_else(|| self.ticker(question, &words, at).map(|id| (id, 1, MentionKind::Ticker)))
                .or_else(|| self.cik(&words, at).map(|id| (id, 1, MentionKind::Cik)))
                .or_else(|| {
                    self.misspelt(&words, at, is_word).map(|(id, count)| (id, count, MentionKind::Typo))
                });
            let Some((company, count, kind)) = hit else {
                at += 1;
                continue;
            };
            let (start, end) = (words[at].start, words[at + count - 1].end);
            let row = companies.get(company);
            let mention = CompanyMention {
                ticker: row.ticker.clone(),
                name: row.name.clone(),
                cik: row.cik,
                matched: question[start..end].to_owned(),
                kind,
            };
            found.push(Found { company, mention, start, end, brand: false });
            at += count;
        }
        found
    }

    /// The longest name that starts at a word.
    fn longest(&self, words: &[Word<'_>], at: usize) -> Option<(u16, usize, MentionKind)> {
        let quiet = words.iter().all(|word| word.typed == word.lower);
        self.names
            .iter()
            .filter(|name| {
                let here = words.get(at..at + name.words.len());
                let same = here
                    .is_some_and(|here| here.iter().zip(&name.words).all(|(word, name)| word.lower == *name));
                let capital = words[at].typed.starts_with(char::is_uppercase);
                same && (!name.careful || capital || quiet)
            })
            .max_by_key(|name| name.words.len())
            .map(|name| (name.company, name.words.len(), name.kind))
    }

    fn ticker(&self, question: &str, words: &[Word<'_>], at: usize) -> Option<u16> {
        let word = &words[at];
        let (_, company) = self.tickers.iter().find(|(ticker, _)| *ticker == word.lower)?;
        let marked = word.before == Some('$')
            || (word.before == Some('(') && word.after == Some(')'))
            || at.checked_sub(1).is_some_and(|before| {
                matches!(words[before].lower.as_str(), "ticker" | "symbol" | "nyse" | "nasdaq")
            });
        if marked {
            return Some(*company);
        }
        if word.after.is_some_and(|after| after == '-') || word.before == Some('-') {
            return None;
        }
        let capitals = word.typed.chars().all(|c| !c.is_lowercase());
        let all_capitals = question.chars().filter(|c| c.is_alphabetic()).all(char::is_uppercase);
        if TICKER_WORDS.contains(&word.lower.as_str()) || word.lower.len() < 2 {
            return (capitals && word.lower.len() >= 2 && !all_capitals).then_some(*company);
        }
        (capitals || word.lower.len() >= 3).then_some(*company)
    }

    fn cik(&self, words: &[Word<'_>], at: usize) -> Option<u16> {
        let digits = &words[at].lower;
        let said = at.checked_sub(1).is_some_and(|before| words[before].lower == "cik")
            || at.checked_sub(2).is_some_and(|before| words[before].lower == "cik");
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) || (digits.len() < 5 && !said) {
            return None;
        }
        let cik: u64 = digits.parse().ok()?;
        self.ciks.iter().find(|(known, _)| *known == cik).map(|(_, company)| *company)
    }

    /// A name spelt nearly right, in one to three words.
    fn misspelt(
        &self,
        words: &[Word<'_>],
        at: usize,
        is_word: &dyn Fn(&str) -> bool,
    ) -> Option<(u16, usize)> {
        let mut best: Option<(f64, u16, usize)> = None;
        for count in 1..=3_usize.min(words.len() - at) {
            let typed =
                words[at..at + count].iter().map(|word| word.lower.as_str()).collect::<Vec<_>>().join(" ");
            // A letter may be lost of the shortest.
            if typed.len() + 1 < GUESSABLE || !words[at].typed.starts_with(char::is_alphabetic) {
                continue;
            }
            for name in &self.names {
                let known = name.words.join(" ");
                let plural = typed.strip_suffix('s').is_some_and(|one| one == known);
                if known.len() < GUESSABLE
                    || plural
                    || known == typed
                    || known.as_bytes()[0] != typed.as_bytes()[0]
                    || known.len().abs_diff(typed.len()) > 3
                {
                    continue;
                }
                let alike = ratio(&typed, &known);
                if alike >= ALIKE && best.is_none_or(|(other, ..)| alike > other) {
                    best = Some((alike, name.company, count));
                }
            }
        }
        let (_, company, count) = best?;
        let all_words = words[at..at + count].iter().all(|word| is_word(&word.lower));
        (!all_words).then_some((company, count))
    }
}

fn lower(name: &str) -> Vec<String> {
    words(name).into_iter().map(|word| word.lower).collect()
}

/// Twice the length of the longest common subsequence over both lengths; 1 for equal, 0 for nothing in common.
fn ratio(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut row = vec![0_usize; b.len() + 1];
    for x in &a {
        let mut corner = 0;
        for (at, y) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if x == y { corner + 1 } else { above.max(row[at]) };
            corner = above;
        }
    }
    2.0 * row[b.len()] as f64 / (a.len() + b.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Companies {
        let row = |(cik, ticker, name): &(u64, &str, &str)| {
            format!(r#"{{"cik": {cik}, "ticker": "{ticker}", "name": "{name}"}}"#)
        };
        let rows = [
            (1_652_044, "GOOGL", "Alphabet Inc."),
            (320_193, "AAPL", "Apple Inc."),
            (789_019, "MSFT", "MICROSOFT CORP"),
            (1_018_724, "AMZN", "AMAZON COM INC"),
            (1_326_801, "META", "Meta Platforms, Inc."),
            (1_403_161, "V", "VISA INC."),
            (1_141_391, "MA", "Mastercard Inc"),
            (909_832, "COST", "COSTCO WHOLESALE CORP /NEW"),
            (200_406, "JNJ", "JOHNSON & JOHNSON"),
            (34_088, "XOM", "EXXON MOBIL CORP"),
            (813_762, "IEP", "ICAHN ENTERPRISES L.P."),
            (890_926, "RDN", "RADIAN GROUP INC"),
        ];
        let rows: Vec<String> = rows.iter().map(row).collect();
        Companies::parse(format!("[{}]", rows.join(",")).as_bytes()).unwrap()
    }

    #[test]
    fn companies_are_found_however_they_are_named() {
        use MentionKind::{Alias, Cik, Name, Ticker, Typo};
        let companies = data();
        let names = Names::new(&companies);
        for (question, expected) in [
            ("How did AAPL do?", vec![("AAPL", Ticker)]),
            ("how did $aapl do?", vec![("AAPL", Ticker)]),
            ("how did aapl do", vec![("AAPL", Ticker)]),
            ("Is a V-shaped recovery expected?", vec![]),
            ("What does V say of cost and ma?", vec![]),
            ("Revenue of $V", vec![("V", Ticker)]),
            ("Visa (V) and MA revenue", vec![("V", Name), ("V", Ticker), ("MA", Ticker)]),
            ("NYSE: V revenue", vec![("V", Ticker)]),
            ("COST revenue", vec![("COST", Ticker)]),
            ("WHAT DO SALES COST?", vec![]),
            ("CIK 1652044 risks", vec![("GOOGL", Cik)]),
            ("0000320193 risks", vec![("AAPL", Cik)]),
            ("in 2019 revenue", vec![]),
            ("Apple's revenue", vec![("AAPL", Name)]),
            ("what is an apple pie", vec![("AAPL", Name)]),
            ("Was an apple sold? Says Google", vec![("GOOGL", Alias)]),
            ("Google and Facebook", vec![("GOOGL", Alias), ("META", Alias)]),
            ("Microsft revenue", vec![("MSFT", Typo)]),
            ("Amazn revenue", vec![("AMZN", Typo)]),
            ("Aple revenue", vec![("AAPL", Typo)]),
            ("able to pay", vec![]),
            ("Exxon Mobil vs. exxonmobil", vec![("XOM", Name), ("XOM", Alias)]),
            (
                "Johnson & Johnson, J&J, johnson and johnson",
                vec![("JNJ", Name), ("JNJ", Alias), ("JNJ", Alias)],
            ),
            ("Costco Wholesale", vec![("COST", Name)]),
            ("Icahn Enterprises L.P.", vec![("IEP", Name)]),
            ("Radian's losses are radiant", vec![("RDN", Name)]),
            ("Does Microsoft fear AWS?", vec![("MSFT", Name)]),
            ("Boeing revenue on mobile phones", vec![]),
        ] {
            let found: Vec<(String, MentionKind)> = names
                .find(question, &companies, &|word| ["radiant", "mobile", "costs"].contains(&word))
                .into_iter()
                .map(|found| (found.mention.ticker, found.mention.kind))
                .collect();
            let expected: Vec<(String, MentionKind)> =
                expected.into_iter().map(|(ticker, kind)| (ticker.to_owned(), kind)).collect();
            assert_eq!(found, expected, "{question}");
        }
    }

    #[test]
    fn the_ratio_is_that_of_common_letters_in_order() {
        assert!((ratio("gogle", "google") - 10.0 / 11.0).abs() < 1e-9);
        assert!(ratio("apply", "apple") < ALIKE);
    }
}
