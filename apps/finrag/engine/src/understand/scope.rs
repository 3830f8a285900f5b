//! Whether the data can answer at all, and what can be asked instead.

use super::Scope;
use super::items::whole;
use super::words::words;

/// What is asked of other sources than filings, whatever company is named.
const ELSEWHERE: &[&str] = &[
    "weather",
    "recipe",
    "joke",
    "poem",
    "haiku",
    "song",
    "story",
    "capital of",
    "who won",
    "translate",
    "write code",
    "write a program",
    "write me",
    "share price today",
    "stock price today",
    "stock price",
    "price target",
    "should i",
    "will the stock",
    "horoscope",
    "lyrics",
    "movie",
    "football",
    "president of the united states",
    "bake",
    "cook",
];

/// What is asked of a person, or of life itself, when it names nothing that a filing has.
const OF_SOMEBODY: &[&str] = &[
    "you",
    "your",
    "yourself",
    "meaning of life",
    "god",
    "love",
    "happiness",
    "happy",
    "soul",
    "truth",
    "free will",
    "good and evil",
    "moral",
    "morality",
    "ethical",
    "philosophy",
    "philosophical",
    "universe",
    "humanity",
    "beauty",
    "death",
];

/// What only filings and their readers speak of: with one of these a question is about them.
const OF_FILINGS: &[&str] = &[
    "company",
    "companies",
    "firm",
    "firms",
    "filing",
    "filings",
    "10-k",
    "annual report",
    "fiscal",
    "shareholders",
    "stockholders",
    "issuer",
    "registrant",
];

/// What is known of a question when its scope is judged.
#[derive(Debug)]
pub(crate) struct Seen<'q> {
    pub(crate) question: &'q str,
    pub(crate) terms: &'q str,
    pub(crate) companies: usize,
    /// Names of companies that are not in the data.
    pub(crate) strangers: &'q [String],
    pub(crate) years: &'q [i32],
    /// Years of the data, of the named companies or of all.
    pub(crate) first: i32,
    pub(crate) last: i32,
    /// Metrics, topics and items that were named.
    pub(crate) named: usize,
    /// A sentence that says what can be asked.
    pub(crate) in_scope: &'q str,
}

/// Judges a question. `known` tells whether enough rows have a word, `together` whether one sentence has most of a text's words.
pub(crate) fn judge(seen: &Seen<'_>, known: &dyn Fn(&str) -> bool, together: &dyn Fn(&str) -> bool) -> Scope {
    let out = |reason: String| Scope::Out { reason, in_scope: seen.in_scope.to_owned() };
    let lower = seen.question.to_lowercase();
    if let Some(sign) = ELSEWHERE.iter().find(|sign| whole(&lower, sign)).filter(|_| seen.named == 0) {
        return out(format!("This is about 10-K filings, and the question (\"{sign}\") is not."));
    }
    if seen.companies == 0 && !seen.strangers.is_empty() {
        return out(format!("No filing of {} is in the data.", listed(seen.strangers)));
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
        let is_of_filings = OF_FILINGS.iter().any(|sign| whole(&lower, sign));
        let of_somebody = OF_SOMEBODY.iter().any(|sign| whole(&lower, sign));
        if of_somebody || of_filings * 3 < terms.len() * 2 || !(is_of_filings || together(seen.terms)) {
            return out("The question is not about what 10-K filings say.".to_owned());
        }
    }
    Scope::In
}

/// Names as one lists them: `"A", "B" and "C"`.
pub(crate) fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(
        question: &str,
        companies: usize,
        strangers: &[&str],
        years: &[i32],
        named: usize,
        terms: &str,
    ) -> bool {
        let strangers: Vec<String> = strangers.iter().map(|name| (*name).to_owned()).collect();
        let seen = Seen {
            question,
            terms,
            companies,
            strangers: &strangers,
            years,
            first: 2006,
            last: 2025,
            named,
            in_scope: "Ask of Apple.",
        };
        let known = |word: &str| ["revenue", "risks", "competition", "tax", "real", "life"].contains(&word);
        judge(&seen, &known, &|terms| terms.contains("tax")).is_in()
    }

    #[test]
    fn what_the_data_cannot_answer_is_said() {
        assert!(judged("What are Apple's risks?", 1, &[], &[], 1, "risks"));
        assert!(judged("competition and tax risks", 0, &[], &[], 0, "competition tax risks"));
        assert!(!judged("What was Boeing's revenue in 2020?", 0, &["Boeing"], &[2020], 1, "Boeing revenue"));
        assert!(judged("Revenue of Apple and Boeing", 1, &["Boeing"], &[], 1, "Boeing revenue"));
        assert!(!judged("Best recipe for apple pie?", 1, &[], &[], 0, "recipe pie"));
        assert!(!judged("Apple revenue in 1999", 1, &[], &[1999], 1, "revenue"));
        assert!(!judged("Who painted the Mona Lisa?", 0, &[], &[], 0, "painted Mona Lisa"));
        assert!(!judged("Is life real?", 0, &[], &[], 0, "life real"));
        assert!(!judged("Is competition real?", 0, &[], &[], 0, "competition real"), "no sentence has both");
    }

    #[test]
    fn several_names_are_listed() {
        assert_eq!(listed(&["A".to_owned(), "B".to_owned(), "C".to_owned()]), "\"A\", \"B\" or \"C\"");
    }
}
