//! Names of companies that are not in the data: told by how a question writes and uses them, and by what filings have of
//! them, never by a list of companies.

use super::evidence::Evidence;
use super::terms::is_asking;
use super::words::{Word, words};

/// What a company has and a filing tells: "NAME's revenue", "dividends of NAME", "NAME 10-K".
const OWNED: &[&str] = &[
    "revenue",
    "sale",
    "income",
    "profit",
    "earning",
    "eps",
    "loss",
    "margin",
    "debt",
    "cash",
    "asset",
    "liability",
    "equity",
    "capex",
    "dividend",
    "buyback",
    "repurchase",
    "employee",
    "headcount",
    "staff",
    "workforce",
    "competitor",
    "rival",
    "competition",
    "business",
    "strategy",
    "result",
    "performance",
    "growth",
    "10-k",
    "10k",
    "filing",
    "report",
    "figure",
    "financial",
    "number",
    "ceo",
    "cfo",
    "auditor",
    "customer",
    "supplier",
    "product",
    "segment",
    "store",
    "lawsuit",
    "litigation",
    "headquarter",
    "r&d",
    "spending",
    "expense",
    "cost",
    "tax",
    "guidance",
    "outlook",
    "turnover",
    "liquidity",
    "acquisition",
    "share",
    "stock",
    "balance",
    "net",
    "gross",
    "operating",
    "total",
    "annual",
    "free",
    "capital",
    "research",
    "return",
    "risk",
    "threat",
    "challenge",
    "exposure",
    "factor",
];
/// Of them, what may also be of a thing: "the risks of Brexit".
const OF_THINGS: &[&str] = &[
    "risk",
    "threat",
    "challenge",
    "exposure",
    "factor",
    "cost",
    "growth",
    "share",
    "result",
    "number",
    "business",
];

/// Before a name that does or has something: "did NAME pay".
const BEFORE_SUBJECT: &[&str] = &[
    "did", "does", "do", "has", "had", "is", "was", "will", "can", "could", "should", "would", "are", "were",
    "how's",
];
/// Of them, those that a verb follows later.
const BEFORE_VERB: &[&str] = &["did", "does", "do", "will", "can", "could", "should", "would"];
/// Before a name that something is of: "revenue of NAME".
const BEFORE_OWNER: &[&str] = &["of", "for", "at", "by", "from", "about", "regarding", "at", "with"];
/// Between companies that are compared.
const COMPARING: &[&str] =
    &["compare", "compared", "comparison", "versus", "vs", "than", "between", "against", "or"];
/// Owners that are nobody's name.
const ANYBODY: &[&str] = &[
    "management",
    "today",
    "yesterday",
    "tomorrow",
    "everyone",
    "somebody",
    "someone",
    "people",
    "who",
    "it",
    "that",
    "what",
    "here",
    "there",
    "let",
    "company",
    "firm",
    "industry",
    "sector",
    "market",
    "investor",
    "shareholder",
    "stockholder",
    "year",
    "month",
    "quarter",
    "customer",
    "world",
    "country",
    "government",
    "competitor",
];
/// Words that are capitals or names and no companies: of the calendar, of places, of the field.
const NOBODY: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "christmas",
    "america",
    "americas",
    "africa",
    "asia",
    "europe",
    "european",
    "emea",
    "apac",
    "world",
    "usa",
    "u.s",
    "us",
    "u.k",
    "uk",
    "eu",
    "china",
    "chinese",
    "india",
    "japan",
    "germany",
    "france",
    "britain",
    "england",
    "ireland",
    "italy",
    "spain",
    "russia",
    "ukraine",
    "brazil",
    "mexico",
    "canada",
    "australia",
    "taiwan",
    "korea",
    "israel",
    "iran",
    "turkey",
    "netherlands",
    "switzerland",
    "sweden",
    "norway",
    "poland",
    "singapore",
    "vietnam",
    "hong",
    "kong",
    "united",
    "states",
    "kingdom",
    "california",
    "texas",
    "delaware",
    "washington",
    "virginia",
    "north",
    "south",
    "east",
    "west",
    "american",
    "sec",
    "gaap",
    "ifrs",
    "fasb",
    "pcaob",
    "irs",
    "ftc",
    "doj",
    "fcc",
    "fda",
    "epa",
    "gdpr",
    "ccpa",
    "ebit",
    "ebitda",
    "eps",
    "roe",
    "roa",
    "roi",
    "r&d",
    "m&a",
    "md&a",
    "kpi",
    "ceo",
    "cfo",
    "ai",
    "it",
    "ip",
    "esg",
    "hr",
    "fx",
    "ipo",
    "cagr",
    "yoy",
    "qoq",
    "fy",
    "q1",
    "q2",
    "q3",
    "q4",
    "10-k",
    "10-q",
    "usd",
    "dollar",
    "euro",
    "item",
    "section",
    "part",
    "form",
    "covid",
    "covid-19",
    "internet",
    "congress",
    "fed",
    "federal",
    "reserve",
    "supreme",
    "court",
    "nasdaq",
    "nyse",
    "s&p",
    "dow",
    "capex",
    "fcf",
    "cfo",
    "tac",
    "libor",
    "sofr",
    "nol",
    "vat",
    "bitcoin",
    "english",
];

/// Everything that a question's names are judged by.
pub(crate) struct Asked<'q> {
    pub(crate) question: &'q str,
    /// Byte ranges that name the data's companies, years and other understood things.
    pub(crate) taken: &'q [(usize, usize)],
    /// Of them, the data's companies.
    pub(crate) companies: &'q [(usize, usize)],
    /// Words that name metrics, in lower case.
    pub(crate) metrics: &'q [String],
    /// Whether filings have a word more than a few times.
    pub(crate) known: &'q dyn Fn(&str) -> bool,
    /// What filings show of a name.
    pub(crate) evidence: &'q dyn Fn(&str) -> Evidence,
    /// Sentences that there are: few of them write a thing's name seldom.
    pub(crate) sentences: usize,
}

/// A name that is not a company of the data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Name {
    /// A company that the data does not have.
    Stranger { name: String, start: usize },
    /// A thing that filings discuss: a product, a law, an event.
    Thing {
        name: String,
        start: usize,
        end: usize,
        /// Whose filings alone discuss it: it stands for that company.
        company: Option<u16>,
        /// Whether the question asks for what it has ("NAME's revenue"), which a table of companies does not tell.
        has: bool,
    },
}

/// The names of a question that are none of the data's companies.
pub(crate) fn find(asked: &Asked<'_>) -> Vec<Name> {
    let words = words(asked.question);
    let style = Style::of(&words);
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let Some(end) = run(asked, &words, at, style) else {
            at += 1;
            continue;
        };
        let (start, stop) = (words[at].start, words[end - 1].end);
        let name = asked.question[start..stop].to_owned();
        // Where capitals tell nothing, an unknown word is a name only by what it has.
        let used = used(asked, &words, at, end).filter(|used| {
            style == Style::Plain
                || matches!(used.role, Role::Owner | Role::Ticker)
                || words[end - 1].owns
                || words.len() <= 3
        });
        if let Some(Used { role, has }) = used {
            let evidence = (asked.evidence)(&name);
            let many = (asked.sentences / 2_000).clamp(2, 10);
            let is_thing = match role {
                Role::Owner => evidence.is_thing(many) && !evidence.is_dealt_with(),
                Role::Weak => evidence.is_thing((asked.sentences / 6_000).clamp(1, 3)),
                Role::Loose => evidence.small || evidence.rows > 0,
                Role::Ticker => false,
            };
            if !is_thing {
                found.push(Name::Stranger { name, start });
            } else if evidence.rows > 0 {
                let company = evidence.company.filter(|_| evidence.rows >= many);
                found.push(Name::Thing { name, start, end: stop, company, has });
            }
        }
        at = end;
    }
    found
}

/// How a question is written: where all is small or all begins with capitals, they tell nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Plain,
    Quiet,
    Titled,
}

impl Style {
    fn of(words: &[Word<'_>]) -> Self {
        let letters = || words.iter().filter(|word| word.typed.starts_with(char::is_alphabetic));
        let capitals = letters().filter(|word| word.typed.contains(char::is_uppercase)).count();
        match (capitals, letters().count()) {
            (0, _) => Self::Quiet,
            (capitals, all) if all > 4 && capitals * 10 > all * 7 => Self::Titled,
            (_, _) => Self::Plain,
        }
    }
}

/// How a name is used.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Role {
    /// It has what only a company has.
    Owner,
    /// It does something, or has what things may have too.
    Weak,
    /// It stands behind `of` and has nothing: "the effects of NAME".
    Loose,
    /// It is marked as a ticker.
    Ticker,
}

fn is_free(asked: &Asked<'_>, word: &Word<'_>) -> bool {
    !asked.taken.iter().any(|(start, end)| word.start < *end && word.end > *start)
}

fn may_be_a_name(asked: &Asked<'_>, word: &Word<'_>) -> bool {
    is_free(asked, word)
        && word.typed.starts_with(char::is_alphanumeric)
        && word.typed.chars().any(char::is_alphabetic)
        && !NOBODY.contains(&word.lower.as_str())
        && !OWNED.contains(&word.stem.as_str())
        && !asked.metrics.contains(&word.lower)
        && !is_asking(&word.lower)
        && !COMPARING.contains(&word.lower.as_str())
}

/// One past the last word of a name that begins at a word.
fn run(asked: &Asked<'_>, words: &[Word<'_>], at: usize, style: Style) -> Option<usize> {
    let word = &words[at];
    if !may_be_a_name(asked, word) {
        return None;
    }
    if is_marked(words, at) {
        return Some(at + 1);
    }
    let follows = |word: &Word<'_>, next: &Word<'_>| {
        let gap = &asked.question[word.end..next.start];
        !word.owns && matches!(gap, " " | "-" | " & " | ". " | "’s " | "'s ")
    };
    let determined = at.checked_sub(1).is_some_and(|before| {
        matches!(
            words[before].lower.as_str(),
            "the"
                | "a"
                | "an"
                | "its"
                | "their"
                | "our"
                | "this"
                | "these"
                | "those"
                | "any"
                | "each"
                | "every"
                | "his"
                | "your"
                | "my"
        )
    });
    match style {
        Style::Plain => {
            if !word.typed.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit())
                && !word.typed.chars().skip(1).any(char::is_uppercase)
            {
                // "the snowflake's" is no name, "snowflake's" is one.
                let owner = word.owns && !determined && !ANYBODY.contains(&word.lower.as_str());
                return (owner && !(asked.known)(word.typed)).then_some(at + 1);
            }
            if determined {
                return None;
            }
            // A sentence's first word has its capital from there.
            if at == 0 && !word.owns && (asked.known)(word.typed) && is_plain_word(word) {
                let next = words.get(1).is_some_and(|next| {
                    next.typed.starts_with(char::is_uppercase)
                        && may_be_a_name(asked, next)
                        && follows(word, next)
                });
                let before_owned = words.get(1).is_some_and(|next| is_owned(asked, next));
                if !next && !before_owned {
                    return None;
                }
            }
            let mut end = at + 1;
            while let Some(next) = words.get(end) {
                let name = next.typed.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit())
                    && may_be_a_name(asked, next);
                // "Bank of America", "Procter & Gamble"
                let linked = matches!(next.lower.as_str(), "of" | "&")
                    && words.get(end + 1).is_some_and(|after| {
                        after.typed.starts_with(char::is_uppercase) && is_free(asked, after)
                    });
                if linked && !words[end - 1].owns {
                    end += 2;
                } else if name && follows(&words[end - 1], next) {
                    end += 1;
                } else {
                    break;
                }
            }
            Some(end)
        }
        Style::Quiet | Style::Titled => {
            let unknown = !(asked.known)(word.typed);
            let owner = word.owns && !determined && !ANYBODY.contains(&word.stem.as_str());
            let stands = !determined && unknown && word.lower.len() >= 3;
            (owner || stands).then_some(at + 1)
        }
    }
}

fn is_plain_word(word: &Word<'_>) -> bool {
    !word.typed.chars().skip(1).any(|c| c.is_uppercase() || c == '&')
}

/// Whether a word is marked as a ticker: `$KO`, `(KO)`, `NYSE: KO`, `ticker KO`.
fn is_marked(words: &[Word<'_>], at: usize) -> bool {
    let word = &words[at];
    let short = word.typed.len() <= 5 && word.typed.chars().all(|c| c.is_ascii_uppercase() || c == '.');
    let named = at.checked_sub(1).is_some_and(|before| {
        matches!(words[before].lower.as_str(), "ticker" | "symbol" | "nyse" | "nasdaq")
    });
    let dollar = word.before == Some('$') && word.typed.chars().all(char::is_alphabetic);
    dollar || (short && named)
}

fn is_owned(asked: &Asked<'_>, word: &Word<'_>) -> bool {
    OWNED.contains(&word.stem.as_str()) || asked.metrics.contains(&word.lower)
}

/// How a name is used, and whether what it has is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Used {
    role: Role,
    has: bool,
}

fn used(asked: &Asked<'_>, words: &[Word<'_>], at: usize, end: usize) -> Option<Used> {
    let by = |role: Role| Some(Used { role, has: false });
    let owner = |role: Role| Some(Used { role, has: true });
    if is_marked(words, at) {
        return by(Role::Ticker);
    }
    let last = &words[end - 1];
    let near = |words: &[Word<'_>], most: usize| {
        words.iter().take(most).find(|word| is_owned(asked, word)).map(role_of)
    };
    if last.owns {
        // "Rivian's wonderful revenue"
        return near(&words[end..], 5).map_or_else(|| by(Role::Weak), owner);
    }
    // "Rivian revenue", "Rivian 10-K"
    if let Some(next) = words.get(end).filter(|next| is_owned(asked, next)) {
        return owner(role_of(next));
    }
    let before = at.checked_sub(1).map(|before| words[before].lower.as_str()).unwrap_or_default();
    // "Rivian membership revenue", but not "did Rivian pay dividends", where a verb follows.
    let verb = words[..at].iter().any(|word| BEFORE_VERB.contains(&word.lower.as_str()));
    let noun = words.get(end).is_some_and(|next| next.typed == next.lower && !is_asking(&next.lower));
    if let Some(owned) = words.get(end + 1).filter(|next| noun && !verb && is_owned(asked, next)) {
        return owner(role_of(owned));
    }
    if BEFORE_OWNER.contains(&before) {
        let owned = words[..at].iter().rev().find(|word| is_owned(asked, word)).map(role_of);
        return owned.map_or_else(|| by(if before == "of" { Role::Loose } else { Role::Weak }), owner);
    }
    if BEFORE_SUBJECT.contains(&before) {
        let owned = near(&words[end..], 6)
            .or_else(|| words[..at].iter().find(|word| is_owned(asked, word)).map(role_of));
        return by(owned.unwrap_or(Role::Weak));
    }
    let compares = words.iter().any(|word| COMPARING.contains(&word.lower.as_str()));
    let beside = |word: Option<&Word<'_>>| {
        word.is_some_and(|word| {
            asked.companies.iter().any(|(start, end)| word.start < *end && word.end > *start)
        })
    };
    let joined = matches!(
        before,
        "and" | "or" | "vs" | "versus" | "than" | "compare" | "with" | "to" | "against" | "between"
    ) && (compares || beside(at.checked_sub(2).and_then(|at| words.get(at))));
    let joins =
        words.get(end).is_some_and(|next| matches!(next.lower.as_str(), "and" | "or" | "vs" | "versus"))
            && compares;
    if joined || joins {
        let owned = words.iter().any(|word| is_owned(asked, word));
        return by(if owned { Role::Owner } else { Role::Weak });
    }
    // "Boeing 2020?", "Tell me about Boeing": a name and nothing else.
    let names_nothing = |word: &Word<'_>| !word.typed.contains(char::is_alphabetic) || is_asking(&word.lower);
    let rest = || words[..at].iter().chain(&words[end..]);
    rest().all(names_nothing).then_some(Used { role: Role::Weak, has: false })
}

fn role_of(owned: &Word<'_>) -> Role {
    if OF_THINGS.contains(&owned.stem.as_str()) { Role::Weak } else { Role::Owner }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strangers(question: &str) -> Vec<String> {
        let known = |word: &str| {
            [
                "target", "compare", "total", "supply", "chain", "climate", "change", "people", "work",
                "pay", "tax",
            ]
            .contains(&word.to_lowercase().as_str())
        };
        let evidence = |name: &str| match name {
            "Brexit" => Evidence { rows: 5, ..Evidence::default() },
            "Strattera" => Evidence { rows: 13, company: Some(3), ..Evidence::default() },
            "Motorola" => Evidence { rows: 22, incorporated: 4, ..Evidence::default() },
            "Twitter" => Evidence { rows: 12, listed: 12, ..Evidence::default() },
            "Prime" => Evidence { rows: 11, company: Some(4), ..Evidence::default() },
            "Figma" => Evidence { rows: 11, company: Some(4), dealt: 9, ..Evidence::default() },
            "iPhone" => Evidence { rows: 40, company: Some(0), ..Evidence::default() },
            "Inflation" => Evidence { small: true, ..Evidence::default() },
            _ => Evidence::default(),
        };
        let at = question.find("Apple").map(|at| (at, at + 5));
        let taken: Vec<(usize, usize)> = at.into_iter().collect();
        let metrics = ["revenue".to_owned(), "net".to_owned(), "income".to_owned()];
        let asked = Asked {
            question,
            taken: &taken,
            companies: &taken,
            metrics: &metrics,
            known: &known,
            evidence: &evidence,
            sentences: 20_000,
        };
        find(&asked)
            .into_iter()
            .map(|name| match name {
                Name::Stranger { name, .. } => name,
                Name::Thing { name, company, has, .. } => {
                    let company = company.map_or_else(String::new, |company| format!("={company}"));
                    format!("{name}{company}{}", if has { " has" } else { "" })
                }
            })
            .collect()
    }

    #[test]
    fn names_are_told_by_their_use() {
        for (question, expected) in [
            ("What was Boeing's revenue in 2020?", vec!["Boeing"]),
            ("What was Coke's net income?", vec!["Coke"]),
            ("Snowflake's revenue", vec!["Snowflake"]),
            ("snowflake revenue 2023", vec!["snowflake"]),
            ("Revenue of Bank of America in 2021", vec!["Bank of America"]),
            ("How many people work at Procter & Gamble?", vec!["Procter & Gamble"]),
            ("Does Rivian pay a dividend?", vec!["Rivian"]),
            ("Target revenue in 2023", vec!["Target"]),
            ("Compare the revenue of Apple and Dell", vec!["Dell"]),
            ("What does $KO sell?", vec!["KO"]),
            ("ticker PEP net income", vec!["PEP"]),
            ("What are the risks of Brexit?", vec!["Brexit has"]),
            ("What was Strattera's revenue?", vec!["Strattera=3 has"]),
            ("What was Prime membership revenue in 2023?", vec!["Prime=4 has"]),
            ("How fast did Prime grow?", vec!["Prime=4"]),
            ("Revenue from Prime in 2023", vec!["Prime=4 has"]),
            ("How did the purchase of Figma affect results?", vec!["Figma=4"]),
            ("What was Figma's revenue?", vec!["Figma"]),
            ("Did Figma pay dividends?", vec!["Figma"]),
            ("iPhone share of sales", vec!["iPhone=0 has"]),
            ("What are the effects of Inflation on results?", vec![]),
            ("What is the share of Inflation?", vec!["Inflation"]),
            ("What was Motorola's revenue?", vec!["Motorola"]),
            ("What was Twitter's revenue?", vec!["Twitter"]),
            ("Total revenue by country, and tax in China", vec![]),
            ("What Are The Climate Change Risks Of Supply Chain?", vec![]),
            ("What is management's view on tax?", vec![]),
            ("What does the SEC say about GAAP?", vec![]),
        ] {
            assert_eq!(strangers(question), expected, "{question}");
        }
    }
}
