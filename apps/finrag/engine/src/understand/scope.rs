//! Whether the data can answer at all, and what can be asked instead.

use super::Scope;
use super::items::whole;
use super::words::words;

/// What is asked of other sources than filings.
const ELSEWHERE: &[&str] = &[
    "weather",
    "recipe",
    "joke",
    "poem",
    "capital of",
    "who won",
    "translate",
    "write code",
    "write a program",
    "share price today",
    "stock price today",
    "stock price",
    "price target",
    "should i buy",
    "should i invest",
    "should i sell",
    "will the stock",
    "horoscope",
    "lyrics",
    "movie",
    "football",
    "president of the united states",
    "bake",
    "cook",
];

/// Companies that people ask about; when one is named and none of the data's, the answer is what the data has.
const OTHERS: &[&str] = &[
    "apple",
    "microsoft",
    "amazon",
    "google",
    "alphabet",
    "meta platforms",
    "facebook",
    "nvidia",
    "tesla",
    "netflix",
    "oracle",
    "walmart",
    "costco",
    "exxon",
    "exxon mobil",
    "exxonmobil",
    "johnson & johnson",
    "eli lilly",
    "mastercard",
    "intel",
    "amd",
    "advanced micro devices",
    "ibm",
    "boeing",
    "pfizer",
    "merck",
    "moderna",
    "jpmorgan",
    "jp morgan",
    "goldman sachs",
    "morgan stanley",
    "citigroup",
    "wells fargo",
    "bank of america",
    "coca-cola",
    "pepsico",
    "pepsi",
    "disney",
    "walt disney",
    "uber",
    "lyft",
    "airbnb",
    "twitter",
    "snap inc",
    "snapchat",
    "salesforce",
    "cisco",
    "adobe",
    "paypal",
    "berkshire hathaway",
    "chevron",
    "shell",
    "bp",
    "ford",
    "general motors",
    "toyota",
    "volkswagen",
    "samsung",
    "sony",
    "alibaba",
    "tencent",
    "baidu",
    "tsmc",
    "qualcomm",
    "broadcom",
    "texas instruments",
    "micron",
    "at&t",
    "verizon",
    "comcast",
    "t-mobile",
    "nike",
    "adidas",
    "starbucks",
    "mcdonald's",
    "mcdonalds",
    "home depot",
    "lowe's",
    "procter & gamble",
    "unilever",
    "unitedhealth",
    "abbvie",
    "american express",
    "blackrock",
    "caterpillar",
    "general electric",
    "honeywell",
    "lockheed martin",
    "palantir",
    "spotify",
    "shopify",
    "zoom",
    "ebay",
    "dell",
    "hp",
    "target",
    "kroger",
    "deloitte",
];

/// What is known of a question when its scope is judged.
#[derive(Debug)]
pub(crate) struct Seen<'q> {
    pub(crate) question: &'q str,
    pub(crate) terms: &'q str,
    pub(crate) companies: usize,
    pub(crate) years: &'q [i32],
    /// Years of the data, of the named companies or of all.
    pub(crate) first: i32,
    pub(crate) last: i32,
    /// Metrics, topics and items that were named.
    pub(crate) named: usize,
    /// A sentence that says what can be asked.
    pub(crate) in_scope: &'q str,
}

/// Judges a question; `known` tells whether enough rows have a word.
pub(crate) fn judge(seen: &Seen<'_>, known: &dyn Fn(&str) -> bool) -> Scope {
    let out = |reason: String| Scope::Out { reason, in_scope: seen.in_scope.to_owned() };
    let lower = seen.question.to_lowercase();
    if let Some(sign) = ELSEWHERE.iter().find(|sign| whole(&lower, sign)).filter(|_| seen.named == 0) {
        return out(format!("This is about 10-K filings, and the question (\"{sign}\") is not."));
    }
    if seen.companies == 0
        && let Some(other) = OTHERS.iter().find(|name| named(seen.question, &lower, name))
    {
        return out(format!("No filing of \"{other}\" is in the data."));
    }
    if let (Some(first), Some(last)) = (seen.years.first(), seen.years.last())
        && (*first > seen.last || *last < seen.first)
    {
        let asked = if first == last { first.to_string() } else { format!("{first} to {last}") };
        return out(format!(
            "The data has the years {} to {}, and nothing of {asked}.",
            seen.first, seen.last
        ));
    }
    let terms = words(seen.terms);
    if terms.is_empty() && seen.companies == 0 && seen.named == 0 {
        return out("The question names nothing that could be looked up.".to_owned());
    }
    if seen.companies == 0 && seen.named == 0 {
        let of_filings = terms.iter().filter(|word| known(word.typed)).count();
        if of_filings * 3 < terms.len() * 2 {
            return out("The question is not about what 10-K filings say.".to_owned());
        }
    }
    Scope::In
}

/// Whether a company is named, rather than a word used: it is written with a capital, or the whole question is lower case.
fn named(question: &str, lower: &str, name: &str) -> bool {
    whole(lower, name)
        && (question == lower
            || question
                .match_indices(|c: char| c.is_uppercase())
                .any(|(at, _)| question[at..].to_lowercase().starts_with(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(question: &str, companies: usize, years: &[i32], named: usize, terms: &str) -> bool {
        let seen = Seen {
            question,
            terms,
            companies,
            years,
            first: 2006,
            last: 2025,
            named,
            in_scope: "Ask of Apple.",
        };
        judge(&seen, &|word| ["revenue", "risks", "competition", "tax"].contains(&word)).is_in()
    }

    #[test]
    fn what_the_data_cannot_answer_is_said() {
        assert!(judged("What are Apple's risks?", 1, &[], 1, "risks"));
        assert!(judged("competition and tax risks", 0, &[], 0, "competition tax risks"));
        assert!(!judged("What was Boeing's revenue in 2020?", 0, &[2020], 1, "Boeing revenue"));
        assert!(!judged("Best recipe for apple pie?", 1, &[], 0, "recipe pie"));
        assert!(!judged("What was Tesla's revenue?", 0, &[], 1, "Tesla revenue"), "a corpus without Tesla");
        assert!(!judged("Apple revenue in 1999", 1, &[1999], 1, "revenue"));
        assert!(!judged("Who painted the Mona Lisa?", 0, &[], 0, "painted Mona Lisa"));
        assert!(judged("Can shell companies be a tax risk?", 0, &[], 1, "shell tax"));
    }
}
