//! What an answer may cite, numbered.

use finrag_engine::{Fact, KpiBlock, Retrieval};
use serde::Serialize;
use utoipa::ToSchema;

use super::figures::amount;

/// What kind of thing a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A sentence of a filing.
    Sentence,
    /// A figure of the fact table.
    Fact,
}

/// A sentence or fact that an answer cites as `[n]`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Source {
    /// The number in the answer, from 1 in order of first citation.
    pub n: usize,
    /// Sentence or fact.
    pub kind: SourceKind,
    /// One line for a list of sources.
    pub label: String,
    /// Ticker.
    pub ticker: String,
    /// The company's name as filed.
    pub company: String,
    /// Report year.
    pub year: i32,
    /// The sentence's id; sentences, and facts that a sentence says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence_id: Option<String>,
    /// The filing; sentences only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc_id: Option<String>,
    /// The item, as in `ITEM_1A`; sentences only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// The sentence; sentences only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The filing's accession number, where known; facts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accession_no: Option<String>,
    /// Where the filing can be read, where its number is known; facts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filing_url: Option<String>,
    /// The metric's key; facts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// The metric's label; facts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_label: Option<String>,
    /// The figure, in `unit`; facts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The unit; facts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// `ITEM_1A` as a reader writes it: `Item 1A`.
pub(super) fn section_name(section: &str) -> String {
    match section.strip_prefix("ITEM_") {
        Some(number) => format!("Item {number}"),
        None => section.replace('_', " "),
    }
}

/// EDGAR's page of a filing, by the company's central index key and the accession number.
fn edgar(cik: u64, accession: &str) -> Option<String> {
    let digits: String = accession.chars().filter(char::is_ascii_digit).collect();
    let dashed = accession.len() == 20 && accession.chars().all(|c| c.is_ascii_digit() || c == '-');
    (digits.len() == 18 && dashed)
        .then(|| format!("https://www.sec.gov/Archives/edgar/data/{cik}/{digits}/{accession}-index.htm"))
}

fn of_fact(n: usize, fact: &Fact) -> Source {
    let figure = amount(fact.value, &fact.unit);
    let form = fact.form.as_deref().map(|form| format!(", {form}")).unwrap_or_default();
    let filing = fact.accession_no.as_deref().map(|no| format!(", accession {no}")).unwrap_or_default();
    let ended = fact.period.as_ref().map_or(String::new(), |period| format!(" (ended {})", period.end));
    let said = fact.sentence_id.as_deref().map(|id| format!(", said in {id}")).unwrap_or_default();
    let doubt = fact.doubt.as_deref().map(|doubt| format!("; {doubt}")).unwrap_or_default();
    Source {
        n,
        kind: SourceKind::Fact,
        label: format!(
            "{} ({}), FY {}{ended}, {}: {figure}{form}{filing}{said}{doubt}",
            fact.company, fact.ticker, fact.year, fact.metric_label
        ),
        ticker: fact.ticker.clone(),
        company: fact.company.clone(),
        year: fact.year,
        sentence_id: fact.sentence_id.clone(),
        doc_id: None,
        section: None,
        text: None,
        accession_no: fact.accession_no.clone(),
        filing_url: None,
        metric: Some(fact.metric_key.clone()),
        metric_label: Some(fact.metric_label.clone()),
        value: Some(fact.value),
        unit: Some(fact.unit.clone()),
    }
}

/// The candidates of one answer. Candidate `i` is numbered `i + 1` in the prompt; the answer's own numbers
/// are given out later, in order of use.
#[derive(Debug, Clone, Default)]
pub(super) struct Candidates {
    sources: Vec<Source>,
    facts: usize,
}

impl Candidates {
    /// Facts first (the figures asked for, then the rows that contradict them), then all sentences of the passages.
    pub(super) fn new(kpi: Option<&KpiBlock>, retrieval: Option<&Retrieval>) -> Self {
        let mut sources = Vec::new();
        if let Some(kpi) = kpi {
            let disputed = kpi.conflicts.iter().flat_map(|conflict| &conflict.others);
            for fact in kpi.facts.iter().chain(disputed) {
                sources.push(of_fact(sources.len() + 1, fact));
            }
        }
        let facts = sources.len();
        for passage in retrieval.into_iter().flat_map(|retrieval| &retrieval.passages) {
            for sentence in &passage.sentences {
                sources.push(Source {
                    n: sources.len() + 1,
                    kind: SourceKind::Sentence,
                    label: format!(
                        "{} ({}), FY {}, {}, sentence {}",
                        passage.company,
                        passage.ticker,
                        passage.year,
                        section_name(&passage.section),
                        sentence.position
                    ),
                    ticker: passage.ticker.clone(),
                    company: passage.company.clone(),
                    year: passage.year,
                    sentence_id: Some(sentence.sentence_id.clone()),
                    doc_id: Some(passage.doc_id.clone()),
                    section: Some(passage.section.clone()),
                    text: Some(sentence.text.clone()),
                    accession_no: None,
                    filing_url: None,
                    metric: None,
                    metric_label: None,
                    value: None,
                    unit: None,
                });
            }
        }
        Self { sources, facts }
    }

    /// Says where the figures' filings can be read; `cik` knows a company's central index key by its ticker.
    pub(super) fn with_filings(mut self, cik: impl Fn(&str) -> Option<u64>) -> Self {
        for source in &mut self.sources[..self.facts] {
            let accession = source.accession_no.as_deref();
            source.filing_url =
                accession.zip(cik(&source.ticker)).and_then(|(accession, cik)| edgar(cik, accession));
        }
        self
    }

    pub(super) fn len(&self) -> usize {
        self.sources.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The facts, in the order of [`KpiBlock::facts`] and then of its conflicts.
    pub(super) fn facts(&self) -> &[Source] {
        &self.sources[..self.facts]
    }

    /// The sentences, in reading order.
    pub(super) fn sentences(&self) -> &[Source] {
        &self.sources[self.facts..]
    }

    /// The used ones under the numbers they have in the answer: `used[i]` is the prompt number of `[i + 1]`.
    pub(super) fn renumbered(&self, used: &[usize]) -> Vec<Source> {
        used.iter()
            .enumerate()
            .filter_map(|(place, candidate)| {
                let source = self.sources.get(candidate.checked_sub(1)?)?;
                Some(Source { n: place + 1, ..source.clone() })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filing_is_found_by_its_accession_number() {
        let url = "https://www.sec.gov/Archives/edgar/data/320193/000032019323000106/0000320193-23-000106-index.htm";
        assert_eq!(edgar(320_193, "0000320193-23-000106").as_deref(), Some(url));
        for wrong in ["", "0000320193", "00003201932300010600", "../../../../x-23-0001"] {
            assert_eq!(edgar(1, wrong), None, "{wrong}");
        }
    }
}
