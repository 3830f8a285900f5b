//! Reading a question against one snapshot's companies, years, metrics and words.

use super::companies::Names;
use super::metrics::MetricNames;
use super::scope::{Seen, judge};
use super::words::words;
use super::{MentionKind, Understanding, items, terms, topics, years};
use crate::engine::Engine;
use crate::tables::companies::Companies;
use crate::tables::facts::Facts;
use crate::tables::sentences::Sentences;

/// Characters of a question that are read; an API's limit is below.
const READ: usize = 8_000;

/// What a snapshot's questions are read against.
#[derive(Debug)]
pub(crate) struct Understander {
    names: Names,
    metrics: MetricNames,
    /// First and last year of each company.
    years: Vec<Option<(i32, i32)>>,
    in_scope: String,
}

impl Understander {
    pub(crate) fn new(companies: &Companies, sentences: &Sentences, facts: &Facts) -> Self {
        let mut years: Vec<Option<(i32, i32)>> = vec![None; companies.len()];
        let all = sentences
            .groups()
            .map(|(company, year, _)| (company, year))
            .chain(facts.rows.iter().map(|row| (row.company, row.year)));
        for (company, year) in all {
            let known = &mut years[usize::from(company)];
            *known = Some(known.map_or((year, year), |(first, last)| (first.min(year), last.max(year))));
        }
        let mut listed: Vec<String> = companies
            .iter()
            .filter(|(id, _)| years[usize::from(*id)].is_some())
            .take(30)
            .map(|(_, row)| format!("{} ({})", row.name, row.ticker))
            .collect();
        listed.sort();
        let (first, last) = span(years.iter().copied()).unwrap_or_default();
        let in_scope = format!(
            "You can ask about the 10-K filings of {} for the years {first} to {last}: their business, risks, results and figures.",
            listed.join(", ")
        );
        Self { names: Names::new(companies), metrics: MetricNames::new(facts), years, in_scope }
    }

    pub(crate) fn read(&self, question: &str, engine: &Engine) -> Understanding {
        let end = question.char_indices().nth(READ).map_or(question.len(), |(at, _)| at);
        let question = &question[..end];
        let found = self.names.find(question, &engine.companies, &|word| engine.knows(word));
        let named = found.iter().map(|found| self.years[usize::from(found.company)]);
        let (first, last) = span(named).or_else(|| span(self.years.iter().copied())).unwrap_or_default();
        let years = years::find(question, last);
        let items = items::find(question);
        let topics = topics::find(question);
        let metrics = self.metrics.find(question);
        let mut taken = years.spans.clone();
        let all = words(question);
        for found in &found {
            // "Google Cloud" names a company and a thing of it: the name is then worth searching for.
            let next = all.iter().find(|word| word.start >= found.end);
            let part_of_a_name = found.mention.kind == MentionKind::Alias
                && next.is_some_and(|word| {
                    word.typed.starts_with(char::is_uppercase)
                        && question[found.end..word.start].trim().is_empty()
                });
            if !found.brand && !part_of_a_name {
                taken.push((found.start, found.end));
            }
        }
        // Where to look is no word to look for.
        let lower = question.to_lowercase();
        if lower.len() == question.len() {
            let names = ["risk factors", "risk factor", "md&a"]
                .into_iter()
                .flat_map(|name| lower.match_indices(name));
            taken.extend(names.map(|(at, name)| (at, at + name.len())));
        }
        let terms = terms::left(question, &taken);
        let mut companies = Vec::new();
        for found in &found {
            if !companies.iter().any(|known: &super::CompanyMention| known.cik == found.mention.cik) {
                companies.push(found.mention.clone());
            }
        }
        let seen = Seen {
            question,
            terms: &terms,
            companies: companies.len(),
            years: &years.years,
            first,
            last,
            named: metrics.len() + topics.len() + items.len(),
            in_scope: &self.in_scope,
        };
        let scope = judge(&seen, &|word| engine.knows(word));
        Understanding {
            question: question.to_owned(),
            companies,
            years: years.years,
            items,
            topics,
            metrics,
            scope,
            terms,
        }
    }
}

fn span(years: impl Iterator<Item = Option<(i32, i32)>>) -> Option<(i32, i32)> {
    years.flatten().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}
