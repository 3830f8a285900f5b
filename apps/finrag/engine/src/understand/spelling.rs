//! Mending metrics spelt nearly right, as names are.

use std::collections::BTreeSet;

use super::asked::ASKED;
use super::words::{stems, words};
use crate::tables::facts::Facts;

/// Shorter words have too many neighbours to be guessed at, but for their letters swapped or their last one lost.
const GUESSABLE: usize = 5;
const SHORTEST: usize = 4;
/// From this length on two letters may be wrong.
const LONG: usize = 8;

/// The words that metrics are called by.
#[derive(Debug, Default)]
pub(crate) struct Spelling {
    words: BTreeSet<String>,
}

impl Spelling {
    pub(crate) fn new(facts: &Facts) -> Self {
        let said = ASKED.iter().flat_map(|asked| asked.said.iter().copied());
        let labels = facts.metrics.iter().map(|metric| metric.label.as_str());
        // What filings are searched for most, beside figures.
        let others = ["employees", "competition", "competitors", "quarter", "dividends", "acquisitions"];
        let words = said
            .chain(labels)
            .chain(others)
            .flat_map(words)
            .map(|word| word.lower)
            .filter(|word| word.len() >= SHORTEST && word.chars().all(char::is_alphabetic))
            .collect();
        Self { words }
    }

    /// A question's misspelt words, each with what it must be. `is_word` tells what filings write; such is no misspelling.
    pub(crate) fn mend(&self, question: &str, is_word: &dyn Fn(&str) -> bool) -> Vec<(String, String)> {
        let mut mended: Vec<(String, String)> = Vec::new();
        let all = words(question);
        for (at, word) in all.iter().enumerate() {
            let typed = word.lower.as_str();
            // "free cash flw": beside a metric's word a shorter one may have lost a letter.
            let beside = [at.wrapping_sub(1), at + 1]
                .iter()
                .any(|at| all.get(*at).is_some_and(|other| self.words.contains(&other.lower)));
            let is_short = typed.len() + 1 == SHORTEST && beside && word.typed == word.lower;
            let plain = (typed.len() >= SHORTEST || is_short) && typed.chars().all(char::is_alphabetic);
            if !plain || self.words.contains(typed) || mended.iter().any(|(wrong, _)| wrong == typed) {
                continue;
            }
            // "revenues" is no misspelling of "revenue".
            if self.words.iter().any(|known| stems(known) == [word.stem.clone()]) {
                continue;
            }
            let best = self
                .words
                .iter()
                .filter(|known| known.chars().next() == typed.chars().next())
                .map(|known| (strsim::osa_distance(typed, known), known))
                .min_by_key(|(far, known)| (*far, known.len().abs_diff(typed.len())));
            let Some((far, known)) = best else { continue };
            let most = if typed.len() >= LONG { 2 } else { 1 };
            let is_cut = known.starts_with(typed);
            let is_swapped = letters(typed) == letters(known);
            let is_without = is_short && known.len() == SHORTEST;
            let is_guess = typed.len() >= GUESSABLE || is_cut || is_swapped || is_without;
            if far <= most && is_guess && !is_word(typed) {
                mended.push((typed.to_owned(), known.clone()));
            }
        }
        mended
    }
}

fn letters(word: &str) -> Vec<char> {
    let mut letters: Vec<char> = word.chars().collect();
    letters.sort_unstable();
    letters
}

/// A text with the misspelt words replaced.
pub(crate) fn replaced(text: &str, mended: &[(String, String)]) -> String {
    if mended.is_empty() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for word in words(text) {
        if let Some((_, right)) = mended.iter().find(|(wrong, _)| *wrong == word.lower) {
            out.push_str(&text[done..word.start]);
            out.push_str(right);
            done = word.end;
        }
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_mended_and_others_are_left() {
        let spelling = Spelling::new(&Facts::default());
        let known = |word: &str| ["grossly", "shares", "equities"].contains(&word);
        for (question, expected) in [
            ("Apple's revenu in 2023", "Apple's revenue in 2023"),
            ("its net incom", "its net income"),
            ("operting margin", "operating margin"),
            ("free cash flwo and gros profit", "free cash flow and gross profit"),
            ("cost of a flew", "cost of a flew"),
            ("free cash flw in 2023", "free cash flow in 2023"),
            ("total dbt of KLM", "total debt of KLM"),
            ("AMD total assets", "AMD total assets"),
            ("reserch and developement", "research and development"),
            ("shareholers equtiy", "shareholders equity"),
            ("captial expenditurs", "capital expenditure"),
            ("grossly shares", "grossly shares"),
            ("revenues and assets", "revenues and assets"),
        ] {
            assert_eq!(replaced(question, &spelling.mend(question, &known)), expected);
        }
    }
}
