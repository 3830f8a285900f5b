//! How well one sentence's own words meet the question: which groups it has, how near each other, and what kind of
//! sentence it is. BM25 sees none of that.

use std::collections::HashMap;

use tantivy::tokenizer::TextAnalyzer;

use super::query::LexicalQuery;
use crate::index::analyzer;

/// What a sentence's words say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Features {
    /// Share of the question's groups it has, weighted by how telling they are; 0 to 1.
    pub(crate) coverage: f32,
    /// Share of the question's neighbouring groups that are neighbours here; 0 to 1.
    pub(crate) proximity: f32,
    /// The same share within its first words: what a sentence begins with is what it is about.
    pub(crate) subject: f32,
    /// Words it has.
    pub(crate) words: usize,
    /// Whether it has an amount or a percentage.
    pub(crate) has_figure: bool,
    /// Whether it gives a reason.
    pub(crate) has_reason: bool,
    /// Whether it says what something is.
    pub(crate) defines: bool,
    /// Whether it looks like a heading, a page header or a list's entry rather than a sentence.
    pub(crate) is_fragment: bool,
    /// Whether it only leads to a table or a list.
    pub(crate) leads_on: bool,
}

/// Reads sentences against one question.
pub(crate) struct Reader<'q> {
    query: &'q LexicalQuery,
    with: TextAnalyzer,
    /// Groups of a term.
    groups: HashMap<&'q str, Vec<(usize, f32)>>,
    /// First two bytes of every term: a word that starts otherwise needs no stemming.
    starts: std::collections::HashSet<[u8; 2]>,
    /// Words seen, with their term when it is one of the question's.
    known: HashMap<String, Option<&'q str>>,
    total: f32,
}

/// A sentence's first words, which tell what it is about.
const SUBJECT: usize = 9;

/// Words between two terms that still count as neighbours.
const NEAR: usize = 3;

impl<'q> Reader<'q> {
    pub(crate) fn new(query: &'q LexicalQuery, with: TextAnalyzer) -> Self {
        let mut groups: HashMap<&str, Vec<(usize, f32)>> = HashMap::new();
        for (at, group) in query.groups.iter().enumerate() {
            for (term, weight) in &group.terms {
                groups.entry(term).or_default().push((at, *weight));
            }
        }
        let starts = groups.keys().filter_map(|term| start(term)).collect();
        let total = query.groups.iter().map(weight).sum::<f32>().max(f32::MIN_POSITIVE);
        Self { query, with, groups, starts, known: HashMap::new(), total }
    }

    /// The share of the question's groups that several sentences have between them.
    pub(crate) fn coverage_of<'t>(&mut self, texts: impl Iterator<Item = &'t str>) -> f32 {
        let mut best = vec![0.0_f32; self.query.groups.len()];
        for text in texts {
            self.places(text, &mut best);
        }
        self.covered(&best)
    }

    pub(crate) fn read(&mut self, text: &str) -> Features {
        let mut best = vec![0.0_f32; self.query.groups.len()];
        let (places, words) = self.places(text, &mut best);
        let has_figure = text.contains('$')
            || text.contains('%')
            || text.contains("percent")
            || text.contains("million")
            || text.contains("billion");
        let lower = text.to_lowercase();
        Features {
            coverage: self.covered(&best),
            subject: self.subject(&places),
            defines: [" are ", " is ", "consist", "include", "represent", " mean", "defined as", "refers to"]
                .iter()
                .any(|sign| lower.contains(sign)),
            proximity: proximity(&places, self.query.groups.len()),
            words,
            has_figure,
            has_reason: [
                "primarily",
                "due to",
                "driven by",
                "as a result",
                "attributable",
                "reflect",
                "because",
                "result of",
            ]
            .iter()
            .any(|sign| lower.contains(sign)),
            is_fragment: is_fragment(text, words) || is_title(text, words),
            leads_on: text.trim_end().ends_with(':') || text.contains("following table"),
        }
    }

    fn subject(&self, places: &[(usize, usize)]) -> f32 {
        let mut met = vec![0.0_f32; self.query.groups.len()];
        for (_, group) in places.iter().take_while(|(place, _)| *place <= SUBJECT) {
            met[*group] = 1.0;
        }
        self.covered(&met)
    }

    fn covered(&self, best: &[f32]) -> f32 {
        let covered: f32 =
            self.query.groups.iter().zip(best).map(|(group, best)| weight(group) * best.min(1.0)).sum();
        covered / self.total
    }

    /// Where the question's groups stand in a text, as (word, group), and how many words it has; `best` takes the weight of the best
    /// term of each group.
    fn places(&mut self, text: &str, best: &mut [f32]) -> (Vec<(usize, usize)>, usize) {
        let mut places = Vec::new();
        let mut words = 0;
        let mut lower = String::new();
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            words += 1;
            lower.clear();
            lower.extend(word.chars().flat_map(char::to_lowercase));
            if start(&lower).is_none_or(|start| !self.starts.contains(&start)) {
                continue;
            }
            if let Some(term) = self.term(&lower) {
                for (group, weight) in &self.groups[term] {
                    best[*group] = best[*group].max(*weight);
                    places.push((words, *group));
                }
            }
        }
        (places, words)
    }

    fn term(&mut self, word: &str) -> Option<&'q str> {
        if let Some(known) = self.known.get(word) {
            return *known;
        }
        let stems = analyzer::terms(&mut self.with, word);
        let found =
            stems.first().and_then(|stem| self.groups.get_key_value(stem.as_str())).map(|(term, _)| *term);
        self.known.insert(word.to_owned(), found);
        found
    }
}

fn weight(group: &super::query::Group) -> f32 {
    group.idf * group.terms.iter().fold(0.0_f32, |most, (_, weight)| most.max(*weight)).min(1.0)
}

fn start(term: &str) -> Option<[u8; 2]> {
    term.as_bytes().get(..2).map(|start| [start[0], start[1]])
}

/// Of the pairs of groups that follow each other in the question, the share that stand near each other, in either order.
fn proximity(places: &[(usize, usize)], groups: usize) -> f32 {
    if groups < 2 {
        return 0.0;
    }
    let mut met = vec![false; groups - 1];
    for (at, (place, group)) in places.iter().enumerate() {
        for (other_place, other) in &places[at + 1..] {
            if other_place - place > NEAR {
                break;
            }
            if group.abs_diff(*other) == 1 {
                met[*group.min(other)] = true;
            }
        }
    }
    met.iter().filter(|met| **met).count() as f32 / (groups - 1) as f32
}

/// Page headers ("Alphabet Inc."), exhibit lists, headings: short, or without an end, or a file's name.
fn is_fragment(text: &str, words: usize) -> bool {
    let ended = text.trim_end().ends_with(['.', '!', '?', '"', '”', ')', ';', ':']);
    words < 5 || (words < 9 && !ended) || text.contains("(File No.") || text.starts_with("See accompanying")
}

/// Contents and indexes: most of the words begin with a capital.
fn is_title(text: &str, words: usize) -> bool {
    let capitals = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.starts_with(char::is_uppercase) && word.len() > 1)
        .count();
    words >= 6 && capitals * 10 >= words * 7
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieve::query::Group;

    fn features(terms: &[&str], text: &str) -> Features {
        let groups =
            terms.iter().map(|term| Group { terms: vec![((*term).to_owned(), 1.0)], idf: 1.0 }).collect();
        let query = LexicalQuery { groups, ..LexicalQuery::default() };
        Reader::new(&query, analyzer::analyzer()).read(text)
    }

    #[test]
    fn groups_are_found_by_stem_and_neighbours_by_distance() {
        let found = features(&["advertis", "revenu", "zebra"], "Revenues from advertising grew 5%.");
        assert!((found.coverage - 2.0 / 3.0).abs() < 1e-6, "{found:?}");
        assert!((found.proximity - 0.5).abs() < 1e-6 && found.has_figure && !found.is_fragment, "{found:?}");
    }

    #[test]
    fn a_page_header_is_a_fragment() {
        assert!(features(&["x"], "Alphabet Inc.").is_fragment);
    }
}
