//! Reading a question against one snapshot's companies, years, metrics and words.

use super::companies::{Found, Names};
use super::metrics::MetricNames;
use super::scope::{Seen, judge};
use super::spelling::{Spelling, replaced};
use super::strangers::{self, Name};
use super::words::words;
use super::{
    CompanyMention, MentionKind, Understanding, evidence, follow, items, quarters, terms, topics, years,
};
use crate::engine::Engine;
use crate::tables::companies::Companies;
use crate::tables::facts::Facts;
use crate::tables::sentences::Sentences;

/// Characters of a question that are read; an API's limit is below.
const READ: usize = 8_000;

/// A thing that a question names.
struct Thing {
    name: String,
    /// Whether what it has is asked for.
    has: bool,
}

/// What a snapshot's questions are read against.
#[derive(Debug)]
pub(crate) struct Understander {
    names: Names,
    metrics: MetricNames,
    spelling: Spelling,
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
        let (names, metrics) = (Names::new(companies), MetricNames::new(facts));
        Self { names, metrics, spelling: Spelling::new(facts), years, in_scope }
    }

    /// Reads a question after others of the same talk, the oldest first.
    pub(crate) fn read_after(&self, earlier: &[&str], question: &str, engine: &Engine) -> Understanding {
        let mut before: Option<Understanding> = None;
        for asked in earlier {
            before = Some(self.read_on(before.as_ref(), asked, engine));
        }
        self.read_on(before.as_ref(), question, engine)
    }

    fn read_on(&self, before: Option<&Understanding>, question: &str, engine: &Engine) -> Understanding {
        let alone = self.read(question, engine);
        let Some((whole, what)) = before.and_then(|before| follow::completed(question, &alone, before))
        else {
            return alone;
        };
        let mut read = self.read(&whole, engine);
        read.readings.insert(0, format!("Read on from the question before: {what}."));
        read
    }

    pub(crate) fn read(&self, question: &str, engine: &Engine) -> Understanding {
        let end = question.char_indices().nth(READ).map_or(question.len(), |(at, _)| at);
        let question = &question[..end];
        let found = self.names.find(question, &engine.companies, &|word| engine.knows(word));
        let known = |word: &str| engine.knows(word);
        let mended = self.spelling.mend(question, &|word| engine.writes(word));
        // A name is no misspelt metric.
        let mended: Vec<(String, String)> = mended
            .into_iter()
            .filter(|(wrong, _)| {
                !found.iter().any(|found| found.mention.matched.to_lowercase().contains(wrong))
            })
            .collect();
        let plain = replaced(question, &mended);
        let metrics = self.metrics.find(&plain);
        let found = self.with_things(question, found, &metrics, &mended, engine);
        let (found, strangers, things) = found;
        let named = found.iter().map(|found| self.years[usize::from(found.company)]);
        let (first, last) = span(named).or_else(|| span(self.years.iter().copied())).unwrap_or_default();
        let years = years::find(question, last);
        let items = items::find(&plain);
        let topics = topics::find(&plain);
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
        let terms = replaced(&terms::left(question, &taken), &mended);
        let mut companies = Vec::new();
        for found in &found {
            if !companies.iter().any(|known: &CompanyMention| known.cik == found.mention.cik) {
                companies.push(found.mention.clone());
            }
        }
        let seen = Seen {
            question,
            terms: &terms,
            companies: companies.len(),
            strangers: &strangers,
            years: &years.years,
            first,
            last,
            named: metrics.len() + topics.len() + items.len() + things.len(),
            in_scope: &self.in_scope,
        };
        let scope = judge(&seen, &known, &|terms| engine.has_together(terms));
        let mut readings: Vec<String> =
            mended.iter().map(|(wrong, right)| format!("“{wrong}” is read as “{right}”.")).collect();
        let without_figures: Vec<String> = things
            .iter()
            .filter(|thing| thing.has && !metrics.is_empty())
            .map(|thing| thing.name.clone())
            .collect();
        readings.extend(without_figures.iter().map(|name| {
            format!("The table of figures is of whole companies, and has none of “{name}” alone.")
        }));
        Understanding {
            question: question.to_owned(),
            companies,
            years: years.years,
            items,
            topics,
            metrics,
            scope,
            quarters: quarters::find(question),
            strangers,
            things: without_figures,
            readings,
            terms,
        }
    }

    /// Companies by their things, where nothing else names one, the names of companies that are not there, and the things.
    fn with_things(
        &self,
        question: &str,
        mut found: Vec<Found>,
        metrics: &[super::MetricMention],
        mended: &[(String, String)],
        engine: &Engine,
    ) -> (Vec<Found>, Vec<String>, Vec<Thing>) {
        let companies: Vec<(usize, usize)> = found.iter().map(|found| (found.start, found.end)).collect();
        let mut metric_words: Vec<String> =
            metrics.iter().flat_map(|metric| words(&metric.matched)).map(|word| word.lower).collect();
        metric_words.extend(mended.iter().map(|(wrong, _)| wrong.clone()));
        let asked = strangers::Asked {
            question,
            taken: &companies,
            companies: &companies,
            metrics: &metric_words,
            known: &|word| engine.knows(word),
            evidence: &|name| evidence::of(engine, name),
            sentences: engine.sentences.len(),
        };
        let (mut names, mut things) = (Vec::new(), Vec::new());
        for name in strangers::find(&asked) {
            match name {
                Name::Stranger { name, .. } => {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                Name::Thing { name, start, end, company, has } => {
                    things.push(Thing { name: name.clone(), has });
                    if let Some(company) = company.filter(|_| companies.is_empty()) {
                        let row = engine.companies.get(company);
                        let mention = CompanyMention {
                            ticker: row.ticker.clone(),
                            name: row.name.clone(),
                            cik: row.cik,
                            matched: name,
                            kind: MentionKind::Thing,
                        };
                        found.push(Found { company, mention, start, end, brand: true });
                    }
                }
            }
        }
        (found, names, things)
    }
}

fn span(years: impl Iterator<Item = Option<(i32, i32)>>) -> Option<(i32, i32)> {
    years.flatten().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}
