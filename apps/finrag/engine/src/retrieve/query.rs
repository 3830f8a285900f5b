//! A question as BM25 sees it: groups of terms that mean one thing, each with a weight.

use std::collections::HashSet;

use tantivy::tokenizer::TextAnalyzer;

use super::synonyms;
use crate::index::analyzer;
use crate::index::lexical::{Lexical, Weighted};

/// What another word for the same counts, beside the asker's own.
const SYNONYM: f32 = 0.45;

/// Terms of one meaning.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// (term, weight); the asker's own words weigh 1.
    pub(crate) terms: Vec<(String, f32)>,
    /// How telling the group is: the rarest of the asker's own terms, or of the others when the data has none of them.
    pub(crate) idf: f32,
}

/// A question for the index.
#[derive(Debug, Clone, Default)]
pub(crate) struct LexicalQuery {
    pub(crate) groups: Vec<Group>,
    /// Whether it asks how much or how many: then a sentence with figures is likelier to answer.
    pub(crate) wants_figure: bool,
    /// Whether it asks why.
    pub(crate) wants_reason: bool,
    /// Whether it asks what something is.
    pub(crate) wants_definition: bool,
}

impl LexicalQuery {
    /// Reads the terms that understanding left.
    pub(crate) fn new(
        question: &str,
        terms: &str,
        extra: &[&str],
        index: &Lexical,
        with: &mut TextAnalyzer,
    ) -> Self {
        let mut seen: HashSet<String> = HashSet::new();
        let mut groups = Vec::new();
        let own = analyzer::terms(with, terms);
        for term in own.iter().cloned() {
            if seen.insert(term.clone()) {
                groups.push(vec![(term, 1.0)]);
            }
        }
        for found in synonyms::of(&own) {
            let heads = analyzer::terms(with, found.said);
            let others: Vec<String> = found
                .means
                .iter()
                .flat_map(|means| analyzer::terms(with, means))
                .filter(|term| !seen.contains(term))
                .collect();
            // A synonym joins the group of the word it stands for; what stands for a phrase joins the phrase's last word.
            if let Some(group) =
                groups.iter_mut().rev().find(|group| heads.last().is_some_and(|head| group[0].0 == *head))
            {
                for other in others {
                    if !group.iter().any(|(term, _)| *term == other) {
                        group.push((other, SYNONYM * found.weight));
                    }
                }
            }
        }
        let lower = question.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let wants_reason = says(&[
            "why",
            "reason",
            "drove",
            "driver",
            "driven",
            "factors",
            "because",
            "caused",
            "led to",
            "due to",
            "explain",
            "raised",
            "lowered",
            "pushed",
            "lifted",
            "contribut",
            "behind",
        ]);
        let reasons = if wants_reason { "primarily due driven" } else { "" };
        for text in extra.iter().copied().chain([reasons]) {
            for term in analyzer::terms(with, text) {
                if seen.insert(term.clone()) {
                    groups.push(vec![(term, 0.3)]);
                }
            }
        }
        let groups = groups
            .into_iter()
            .filter_map(|terms| {
                let own =
                    terms.iter().filter(|(_, weight)| *weight >= 1.0).filter_map(|(term, _)| index.idf(term));
                let idf = own.reduce(f32::max).or_else(|| {
                    terms.iter().filter_map(|(term, weight)| Some(index.idf(term)? * weight)).reduce(f32::max)
                })?;
                Some(Group { terms, idf })
            })
            .collect();
        Self {
            groups,
            wants_figure: says(&[
                "how much",
                "how many",
                "what percent",
                "percentage",
                "amount",
                "how large",
                "how big",
                "what was the total",
                "figure",
                "what was ",
                "what were ",
                "by how",
                "value of",
                "number of",
                "growth",
                "rate",
            ]),
            wants_reason,
            wants_definition: ["what is ", "what are ", "what does "]
                .iter()
                .any(|ask| lower.starts_with(ask))
                || says(&["define", "definition", "meant by", "consist of", "made up of", "makes up"]),
        }
    }

    /// Every term once, with its weight.
    pub(crate) fn weighted(&self) -> Vec<Weighted> {
        let mut all: Vec<Weighted> = Vec::new();
        for (term, weight) in self.groups.iter().flat_map(|group| &group.terms) {
            match all.iter_mut().find(|known| known.term == *term) {
                Some(known) => known.weight = known.weight.max(*weight),
                None => all.push(Weighted { term: term.clone(), weight: *weight }),
            }
        }
        all
    }
}
