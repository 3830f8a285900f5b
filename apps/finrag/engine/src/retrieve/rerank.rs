//! How well one sentence's own words meet the question: which groups it has, and how near each other. BM25 sees none of
//! that.

use foldhash::HashMap;
use tantivy::tokenizer::TextAnalyzer;

use super::query::LexicalQuery;
use crate::index::analyzer;
use crate::tables::nature::words_of;
use crate::tables::sentences::Sentences;

/// What a sentence's words say of the question.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Features {
    /// Share of the question's groups it has, weighted by how telling they are; 0 to 1.
    pub(crate) coverage: f32,
    /// Share of the question's neighbouring groups that are neighbours here; 0 to 1.
    pub(crate) proximity: f32,
    /// The same share within its first words: what a sentence begins with is what it is about.
    pub(crate) subject: f32,
}

/// Reads sentences against one question, each once.
pub(crate) struct Reader<'q> {
    wants_reason: bool,
    sentences: &'q Sentences,
    with: TextAnalyzer,
    /// The question's terms, as places in `groups`.
    terms: HashMap<&'q str, usize>,
    /// Groups of each term, with what it weighs there.
    groups: Vec<Vec<(usize, f32)>>,
    starts: Starts,
    /// Words seen, with their term when it is one of the question's.
    known: HashMap<String, Option<usize>>,
    /// Rows read: one regime's candidates are often another's too.
    read: HashMap<u32, Features>,
    /// How telling each group is, and all together.
    weights: Vec<f32>,
    total: f32,
    /// Of the sentence being read: the weight of each group's best term, the places of groups as (word, group), which
    /// neighbours were met, and a word in lower case. Kept, for they would be allocated a thousand times a question.
    best: Vec<f32>,
    places: Vec<(usize, usize)>,
    met: Vec<bool>,
    lower: String,
}

/// A sentence's first words, which tell what it is about.
const SUBJECT: usize = 9;

/// Words between two terms that still count as neighbours.
const NEAR: usize = 3;

/// Sentences before one that gives a reason ("The increase was primarily due to …") which may say of what; and how much it
/// counts that they, and not the sentence itself, say so.
pub(super) const BEFORE: u32 = 3;
const SAID_BEFORE: f32 = 0.85;

impl<'q> Reader<'q> {
    pub(crate) fn new(query: &'q LexicalQuery, sentences: &'q Sentences, with: TextAnalyzer) -> Self {
        let mut terms: HashMap<&str, usize> = HashMap::default();
        let mut groups: Vec<Vec<(usize, f32)>> = Vec::new();
        for (at, group) in query.groups.iter().enumerate() {
            for (term, weight) in &group.terms {
                let term = *terms.entry(term).or_insert_with(|| {
                    groups.push(Vec::new());
                    groups.len() - 1
                });
                groups[term].push((at, *weight));
            }
        }
        let starts = Starts::of(terms.keys().copied());
        let weights: Vec<f32> = query.groups.iter().map(weight).collect();
        Self {
            wants_reason: query.wants_reason,
            sentences,
            with,
            terms,
            groups,
            starts,
            known: HashMap::default(),
            read: HashMap::default(),
            total: weights.iter().sum::<f32>().max(f32::MIN_POSITIVE),
            best: vec![0.0; weights.len()],
            places: Vec::new(),
            met: vec![false; weights.len()],
            lower: String::new(),
            weights,
        }
    }

    /// Reads a row.
    pub(crate) fn features(&mut self, row: u32) -> Features {
        if let Some(features) = self.read.get(&row) {
            return *features;
        }
        let sentences = self.sentences;
        let mut features = self.read(sentences.text(row));
        if self.wants_reason && sentences.nature(row).has_reason {
            let before = (1..=BEFORE).map_while(|back| {
                let before = row.checked_sub(back)?;
                sentences.same_section(before, row).then_some(before)
            });
            let texts = before.chain([row]).map(|row| sentences.text(row));
            features.coverage = features.coverage.max(SAID_BEFORE * self.coverage_of(texts));
        }
        self.read.insert(row, features);
        features
    }

    /// The share of the question's groups that several sentences have between them.
    fn coverage_of<'t>(&mut self, texts: impl Iterator<Item = &'t str>) -> f32 {
        self.best.fill(0.0);
        for text in texts {
            self.find_places(text);
        }
        self.covered()
    }

    fn read(&mut self, text: &str) -> Features {
        self.best.fill(0.0);
        self.find_places(text);
        let coverage = self.covered();
        self.best.fill(0.0);
        for (_, group) in self.places.iter().take_while(|(place, _)| *place <= SUBJECT) {
            self.best[*group] = 1.0;
        }
        Features { coverage, subject: self.covered(), proximity: self.proximity() }
    }

    fn covered(&self) -> f32 {
        self.weights.iter().zip(&self.best).map(|(weight, best)| weight * best.min(1.0)).sum::<f32>()
            / self.total
    }

    /// Of the pairs of groups that follow each other in the question, the share that stand near each other, in either order.
    fn proximity(&mut self) -> f32 {
        let pairs = self.weights.len().saturating_sub(1);
        if pairs == 0 {
            return 0.0;
        }
        self.met.fill(false);
        for (at, (place, group)) in self.places.iter().enumerate() {
            for (other_place, other) in &self.places[at + 1..] {
                if other_place - place > NEAR {
                    break;
                }
                if group.abs_diff(*other) == 1 {
                    self.met[*group.min(other)] = true;
                }
            }
        }
        self.met.iter().filter(|met| **met).count() as f32 / pairs as f32
    }

    /// Where the question's groups stand in a text; each group's best term raises `best`.
    fn find_places(&mut self, text: &str) {
        self.places.clear();
        let mut lower = std::mem::take(&mut self.lower);
        for (at, word) in words_of(text).enumerate() {
            if !self.starts.may_have(word) {
                continue;
            }
            lower.clear();
            if word.is_ascii() {
                lower.push_str(word);
                lower.make_ascii_lowercase();
            } else {
                lower.extend(word.chars().flat_map(char::to_lowercase));
            }
            if let Some(term) = self.term(&lower) {
                for (group, weight) in &self.groups[term] {
                    self.best[*group] = self.best[*group].max(*weight);
                    self.places.push((at + 1, *group));
                }
            }
        }
        self.lower = lower;
    }

    fn term(&mut self, word: &str) -> Option<usize> {
        if let Some(known) = self.known.get(word) {
            return *known;
        }
        let stems = analyzer::terms(&mut self.with, word);
        let found = stems.first().and_then(|stem| self.terms.get(stem.as_str()).copied());
        self.known.insert(word.to_owned(), found);
        found
    }
}

fn weight(group: &super::query::Group) -> f32 {
    group.idf * group.terms.iter().fold(0.0_f32, |most, (_, weight)| most.max(*weight)).min(1.0)
}

/// The first two letters that the question's terms have: a word that starts otherwise is neither lower-cased nor stemmed.
struct Starts {
    /// A bit for each second letter, by first letter.
    ascii: [u128; 128],
    /// Whether a term starts with another letter; then every such word is looked at.
    other: bool,
}

impl Starts {
    fn of<'t>(terms: impl Iterator<Item = &'t str>) -> Self {
        let mut starts = Self { ascii: [0; 128], other: false };
        for term in terms {
            match term.as_bytes() {
                [first, second, ..] if first.is_ascii() && second.is_ascii() => {
                    starts.ascii[usize::from(*first)] |= 1 << second;
                }
                [_, _, ..] => starts.other = true,
                // A single letter tells nothing.
                [_] | [] => {}
            }
        }
        starts
    }

    /// Whether a word, in any case, may be one of the terms.
    fn may_have(&self, word: &str) -> bool {
        match word.as_bytes() {
            [first, second, ..] if first.is_ascii() && second.is_ascii() => {
                let (first, second) = (first.to_ascii_lowercase(), second.to_ascii_lowercase());
                self.ascii[usize::from(first)] >> second & 1 == 1
            }
            [_, _, ..] => self.other,
            [_] | [] => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieve::query::Group;

    fn features(terms: &[&str], text: &str) -> Features {
        let groups =
            terms.iter().map(|term| Group { terms: vec![((*term).to_owned(), 1.0)], idf: 1.0 }).collect();
        let query = LexicalQuery { groups, ..LexicalQuery::default() };
        let sentences = Sentences::of_texts(&[text.to_owned()]);
        Reader::new(&query, &sentences, analyzer::analyzer()).features(0)
    }

    #[test]
    fn groups_are_found_by_stem_and_neighbours_by_distance() {
        let found = features(&["advertis", "revenu", "zebra"], "Revenues from advertising grew 5%.");
        assert!((found.coverage - 2.0 / 3.0).abs() < 1e-6, "{found:?}");
        assert!((found.proximity - 0.5).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn words_of_any_script_and_case_are_found() {
        for (term, text, found) in
            [("über", "ÜBER alles", 1.0), ("nestlé", "The NESTLÉ group", 1.0), ("ab", "Abc and ABD", 0.0)]
        {
            let coverage = features(&[term], text).coverage;
            assert!((coverage - found).abs() < 1e-6, "{term} in {text}: {coverage}");
        }
    }

    #[test]
    fn a_reason_takes_its_subject_from_the_sentence_before() {
        let texts = ["Advertising revenues rose.".to_owned(), "This was due to prices.".to_owned()];
        let groups = vec![Group { terms: vec![("advertis".to_owned(), 1.0)], idf: 1.0 }];
        let query = LexicalQuery { groups, wants_reason: true, ..LexicalQuery::default() };
        let sentences = Sentences::of_texts(&texts);
        let mut reader = Reader::new(&query, &sentences, analyzer::analyzer());
        assert!((reader.features(1).coverage - SAID_BEFORE).abs() < 1e-6);
    }
}
