//! Finding years: single ones, ranges, and those counted back from the newest year in the data.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// What a question says of years.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Years {
    /// Ascending.
    pub(crate) years: Vec<i32>,
    /// Byte ranges of the question that said so.
    pub(crate) spans: Vec<(usize, usize)>,
}

/// Filings of EDGAR begin in 1993; nothing is asked of years far ahead.
const FIRST: i32 = 1990;
const LAST: i32 = 2100;
/// More years than this are "all of them".
const MOST: i32 = 40;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is well-formed")
}

static RANGE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix)\b (?:between|from)? \s* (?:the\s+)? (?:fiscal\s+years?\s+|fiscal\s+|fy\s*|years?\s+)? '? ((?:19|20)\d\d)
          \s* (?: - | – | — | \bto\b | \bthrough\b | \bthru\b | \buntil\b | \btill\b | \band\b )
          \s* (?:fiscal\s+years?\s+|fiscal\s+|fy\s*|years?\s+)? '? ((?:19|20)\d\d|\d\d) \b",
    )
});
static SINCE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(since|after|from|starting in|beginning in|before|prior to|until|up to|through)\s+(?:fiscal\s+year\s+|fiscal\s+|fy\s*|the\s+year\s+)?((?:19|20)\d\d)(\s+(?:onwards?|on|and later))?\b",
    )
});
static LAST_N: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:last|past|previous|prior|recent|most recent|latest|trailing)\s+(\d{1,2}|two|three|four|five|six|seven|eight|nine|ten|few|several|couple of)\s+(?:fiscal\s+|calendar\s+|reported\s+|full\s+)*years?\b",
    )
});
static NEWEST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:latest|most recent|newest|current|last)\s+(?:fiscal\s+|reported\s+|reporting\s+|full\s+|available\s+)*(?:year|10-?k|annual report|filing)\b|\b(?:most recently|currently|this year)\b",
    )
});
static SINGLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)(?:\bfy\s*'?|\bfiscal\s+'?|\b|')((?:19|20)\d\d)\b|\b(?:fy|fiscal)\s*'?(\d\d)\b")
});

/// A year counted from another: "the year before", "the previous year", "the year after".
static BESIDE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:the\s+|a\s+|one\s+)?(?:fiscal\s+)?(?:year\s+(before|earlier|prior|after|later)|(previous|prior|preceding|following|next)\s+(?:fiscal\s+)?year)\b",
    )
});

/// How far from the year that is spoken of a question's own is, and where it says so.
pub(crate) fn beside(question: &str) -> Option<(i32, std::ops::Range<usize>)> {
    let found = BESIDE.captures(question)?;
    let way = found.get(1).or(found.get(2))?.as_str().to_lowercase();
    let far = if ["after", "later", "following", "next"].contains(&way.as_str()) { 1 } else { -1 };
    Some((far, found.get(0)?.range()))
}

/// Reads a question; `newest` is the newest year of the companies it names.
pub(crate) fn find(question: &str, newest: i32) -> Years {
    let mut years = BTreeSet::new();
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let free = |spans: &[(usize, usize)], at: regex::Match<'_>| {
        spans.iter().all(|(start, end)| at.end() <= *start || at.start() >= *end)
    };
    for found in RANGE.captures_iter(question) {
        let whole = found.get(0).expect("group 0 always is");
        let (Some(from), Some(to)) = (parse(&found[1], None), parse(&found[2], Some(&found[1]))) else {
            continue;
        };
        // "2019 and 2021" without "between" is two years, not three.
        let two =
            whole.as_str().to_lowercase().contains(" and ") && !before(question, whole.start(), &["between"]);
        let two = two && !whole.as_str().to_lowercase().starts_with("between");
        if two {
            years.extend([from, to]);
        } else if from <= to && to - from <= MOST {
            years.extend(from..=to);
        } else {
            continue;
        }
        spans.push((whole.start(), whole.end()));
    }
    for found in SINCE.captures_iter(question) {
        let whole = found.get(0).expect("group 0 always is");
        let Some(year) = parse(&found[2], None).filter(|_| free(&spans, whole)) else { continue };
        let onwards = found.get(3).is_some();
        match found[1].to_lowercase().as_str() {
            "since" | "starting in" | "beginning in" if year <= newest => years.extend(year..=newest),
            "after" if year < newest => years.extend(year + 1..=newest),
            "from" if onwards && year <= newest => years.extend(year..=newest),
            "before" | "prior to" => years.extend(year - 3..year),
            "until" | "up to" | "through" => years.extend(year - 2..=year),
            // "from 2019" alone is the year itself; and "since" a year to come says nothing else.
            _ => years.extend([year]),
        }
        spans.push((whole.start(), whole.end()));
    }
    for found in LAST_N.captures_iter(question) {
        let whole = found.get(0).expect("group 0 always is");
        if free(&spans, whole) {
            let count = count(&found[1]);
            years.extend(newest - count + 1..=newest);
            spans.push((whole.start(), whole.end()));
        }
    }
    for found in NEWEST.find_iter(question) {
        if free(&spans, found) {
            years.extend([newest]);
            spans.push((found.start(), found.end()));
        }
    }
    for found in SINGLE.captures_iter(question) {
        let whole = found.get(0).expect("group 0 always is");
        let digits = found.get(1).or_else(|| found.get(2)).expect("one of the two is there");
        if free(&spans, whole)
            && let Some(year) = parse(digits.as_str(), None)
        {
            years.extend([year]);
            spans.push((whole.start(), whole.end()));
        }
    }
    // "in 2024 and the year before"
    if let (Some((far, range)), Some(first), Some(last)) =
        (beside(question), years.first().copied(), years.last().copied())
    {
        years.insert(if far < 0 { first + far } else { last + far });
        spans.push((range.start, range.end));
    }
    spans.sort_unstable();
    Years { years: years.into_iter().collect(), spans }
}

fn before(question: &str, at: usize, words: &[&str]) -> bool {
    let lead = question[..at].trim_end().to_lowercase();
    words.iter().any(|word| lead.ends_with(word))
}

fn parse(digits: &str, century_of: Option<&str>) -> Option<i32> {
    let year: i32 = digits.parse().ok()?;
    let year = match (digits.len(), century_of) {
        (2, Some(other)) => other.get(..2)?.parse::<i32>().ok()? * 100 + year,
        (2, None) => 2000 + year,
        _ => year,
    };
    (FIRST..=LAST).contains(&year).then_some(year)
}

fn count(word: &str) -> i32 {
    let words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let lower = word.to_lowercase();
    let named = words.iter().position(|known| *known == lower).map(|at| at as i32);
    let few = match lower.as_str() {
        "few" | "several" => Some(3),
        "couple of" => Some(2),
        _ => None,
    };
    lower.parse().ok().or(named).or(few).unwrap_or(1).clamp(1, 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_and_ranges() {
        for (question, expected) in [
            ("revenue in 2019", vec![2019]),
            ("revenue in FY2023 and fy24", vec![2023, 2024]),
            ("fiscal 2020 results", vec![2020]),
            ("2019-2021", vec![2019, 2020, 2021]),
            ("2019–21", vec![2019, 2020, 2021]),
            ("from 2019 to 2021", vec![2019, 2020, 2021]),
            ("between 2019 and 2021", vec![2019, 2020, 2021]),
            ("in 2019 and 2021", vec![2019, 2021]),
            ("in 2019, 2020 and 2022", vec![2019, 2020, 2022]),
            ("FY2019 through FY2020", vec![2019, 2020]),
            ("since 2022", vec![2022, 2023, 2024]),
            ("after 2022", vec![2023, 2024]),
            ("from 2022 onwards", vec![2022, 2023, 2024]),
            ("before 2010", vec![2007, 2008, 2009]),
            ("over the last three years", vec![2022, 2023, 2024]),
            ("the past 5 fiscal years", vec![2020, 2021, 2022, 2023, 2024]),
            ("in the most recent fiscal year", vec![2024]),
            ("latest 10-K", vec![2024]),
            ("from 2018", vec![2018]),
            ("in 2023 and the year before", vec![2022, 2023]),
            ("2020 against the following fiscal year", vec![2020, 2021]),
            ("the year before", vec![]),
            ("how much of $2,019 million", vec![]),
            ("no years here", vec![]),
            ("cik 1652044", vec![]),
        ] {
            assert_eq!(find(question, 2024).years, expected, "{question}");
        }
    }
}
