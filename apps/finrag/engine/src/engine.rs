//! One loaded, immutable snapshot of the data, and what can be asked of it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use tantivy::tokenizer::TextAnalyzer;

use crate::index::analyzer;
use crate::index::lexical::Lexical;
use crate::kpi::trust::Ledger;
use crate::retrieve::{passage_around, search};
use crate::tables::companies::Companies;
use crate::tables::facts::Facts;
use crate::tables::sections::Sections;
use crate::tables::sentences::Sentences;
use crate::tables::vectors::Vectors;
use crate::tables::{self, fetch};
use crate::understand::Understander;
use crate::{
    CompanySummary, DataRoot, Fact, KpiBlock, LoadError, MetricSummary, Passage, Retrieval, RetrieveOptions,
    SectionSummary, Summary, Understanding, kpi,
};

/// A loaded snapshot: `Send + Sync`, cheap to share in an `Arc`, never changed. A refresh loads another.
pub struct Engine {
    pub(crate) sentences: Sentences,
    pub(crate) companies: Companies,
    pub(crate) sections: Sections,
    pub(crate) facts: Facts,
    pub(crate) ledger: Ledger,
    pub(crate) vectors: Option<Vectors>,
    pub(crate) lexical: Lexical,
    pub(crate) analyzer: TextAnalyzer,
    understander: Understander,
    about: Option<String>,
    fingerprint: String,
}

/// How to load.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Leave vectors alone even when they are there.
    pub without_vectors: bool,
}

/// The tables' bytes, as fetched.
struct Fetched {
    sentences: Vec<(String, Bytes)>,
    facts: Option<Bytes>,
    companies: Option<Bytes>,
    sections: Option<Bytes>,
    vectors: Option<(Bytes, Bytes)>,
    about: Option<Bytes>,
    fingerprint: String,
}

async fn fetch_all(from: &DataRoot, options: &LoadOptions) -> Result<Fetched, LoadError> {
    let sentences = async {
        let parts = fetch::parts(from, tables::SENTENCES_FOLDER).await?;
        let names = if parts.is_empty() { vec![tables::SENTENCES.to_owned()] } else { parts };
        let fetched = names.into_iter().map(|name| async move {
            let bytes = fetch::required(from, &name).await?;
            Ok::<_, LoadError>((name, bytes))
        });
        futures_util::future::try_join_all(fetched).await
    };
    let vectors = async {
        if options.without_vectors {
            return Ok(None);
        }
        let Some(meta) = fetch::optional(from, tables::VECTORS_META).await? else { return Ok(None) };
        let bytes = fetch::required(from, tables::VECTORS).await?;
        Ok::<_, LoadError>(Some((meta, bytes)))
    };
    let (sentences, facts, companies, sections, vectors, about, fingerprint) = futures_util::try_join!(
        sentences,
        fetch::optional(from, tables::FACTS),
        fetch::optional(from, tables::COMPANIES),
        fetch::optional(from, tables::SECTIONS),
        vectors,
        fetch::optional(from, tables::ABOUT),
        fetch::fingerprint(from),
    )?;
    Ok(Fetched { sentences, facts, companies, sections, vectors, about, fingerprint })
}

impl Engine {
    /// Fetches the tables concurrently and indexes them.
    pub async fn load(from: &DataRoot, options: LoadOptions) -> Result<Self, LoadError> {
        let fetched = fetch_all(from, &options).await?;
        // Decoding is CPU work; and a decoder that panics over a corrupt file must not take the caller along.
        let built = tokio::task::spawn_blocking(move || Self::build(fetched)).await;
        built.unwrap_or_else(|panicked| {
            Err(LoadError::Corrupt {
                file: "a table".to_owned(),
                reason: format!("decoding it broke off ({panicked})"),
            })
        })
    }

    fn build(fetched: Fetched) -> Result<Self, LoadError> {
        let mut companies = match &fetched.companies {
            Some(bytes) => Companies::parse(bytes)?,
            None => Companies::default(),
        };
        let mut sections = Sections::parse(fetched.sections.as_deref())?;
        let sentences = Sentences::decode(fetched.sentences, &mut companies, &mut sections)?;
        let facts = match fetched.facts {
            Some(bytes) => Facts::decode(bytes, &mut companies)?,
            None => Facts::default(),
        };
        let vectors = match fetched.vectors {
            Some((meta, bytes)) => Some(Vectors::join(&meta, bytes, &sentences)?),
            None => None,
        };
        // Both read all sentences.
        let (ledger, lexical) = std::thread::scope(|scope| {
            let ledger = scope.spawn(|| Ledger::build(&facts, &sentences));
            let lexical = Lexical::build(&sentences);
            (ledger.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked)), lexical)
        });
        let lexical = lexical?;
        let understander = Understander::new(&companies, &sentences, &facts);
        let about = fetched.about.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        let fingerprint = fetched.fingerprint;
        let analyzer = analyzer::analyzer();
        Ok(Self {
            sentences,
            companies,
            sections,
            facts,
            ledger,
            vectors,
            lexical,
            analyzer,
            understander,
            about: about.filter(|about| !about.is_empty()),
            fingerprint,
        })
    }

    /// What the store says of its files now (names, sizes, entity tags), without reading them: when it differs from
    /// [`Engine::fingerprint`], a load would give something new.
    pub async fn probe(from: &DataRoot) -> Result<String, LoadError> {
        fetch::fingerprint(from).await
    }

    /// The probe's answer as of this snapshot's load.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Finds what a question asks for. No I/O.
    pub fn understand(&self, question: &str) -> Understanding {
        self.understander.read(question, self)
    }

    /// [`Engine::understand`] for a question that may go on from earlier ones of the same talk, the oldest first: what it leaves out
    /// (the company, the subject, the years) is taken from them, and [`Understanding::readings`] says so.
    pub fn understand_after(&self, earlier: &[&str], question: &str) -> Understanding {
        self.understander.read_after(earlier, question, self)
    }

    /// Finds sentences. Blocks the thread for some milliseconds. `embedding` is the question's, by the embedder the
    /// vectors came from; without it, or without vectors, BM25 works alone.
    pub fn retrieve(&self, understanding: &Understanding, embedding: Option<&[f32]>) -> Retrieval {
        self.retrieve_with(understanding, embedding, &RetrieveOptions::default())
    }

    /// [`Engine::retrieve`] with options.
    pub fn retrieve_with(
        &self,
        understanding: &Understanding,
        embedding: Option<&[f32]>,
        options: &RetrieveOptions,
    ) -> Retrieval {
        search::retrieve(self, understanding, embedding, options)
    }

    /// Looks up and computes the figures a question asks for; `None` when it asks for none, or for those of a thing that is
    /// no company.
    pub fn kpi(&self, understanding: &Understanding) -> Option<KpiBlock> {
        // A company's figure is not that of one of its products.
        if !understanding.things.is_empty() {
            return None;
        }
        kpi::quarterly::block(self, understanding).or_else(|| kpi::block(self, understanding))
    }

    /// The figure of a metric (by its key) of one company and fiscal year, with what speaks against it; `None` when the data has none.
    pub fn figure(&self, ticker: &str, metric: &str, year: i32) -> Option<Fact> {
        kpi::figure(self, self.companies.by_ticker(ticker)?, metric, year)
    }

    /// The sentences around one, at most `radius` positions away in its section; `None` when there is no such sentence.
    pub fn neighbours(&self, sentence_id: &str, radius: usize) -> Option<Passage> {
        passage_around(self, self.sentences.find(sentence_id)?, radius)
    }

    /// Whether filings have a word more than a few times.
    pub(crate) fn knows(&self, word: &str) -> bool {
        /// Below this a word is rare enough to be a name that one filing has once.
        const TELLING: f32 = 9.0;
        let terms = analyzer::terms(&mut self.analyzer.clone(), word);
        terms.iter().all(|term| self.lexical.idf(term).is_some_and(|idf| idf < TELLING))
    }

    /// Whether a sentence writes a word just so, case aside: its stem alone may be another word's.
    pub(crate) fn writes(&self, word: &str) -> bool {
        /// Sentences with the word's stem that are read.
        const READ: usize = 60;
        let terms = analyzer::terms(&mut self.analyzer.clone(), word);
        let Some(term) = terms.first() else { return true };
        let is_it = |other: &str| other.eq_ignore_ascii_case(word);
        self.lexical
            .rows_of(term, READ)
            .into_iter()
            .any(|row| self.sentences.text(row).split(|c: char| !c.is_alphanumeric()).any(is_it))
    }

    /// Whether a sentence has nearly all of a text's words at once: then the text is of what filings discuss.
    pub(crate) fn has_together(&self, text: &str) -> bool {
        /// Sentences of the rarest word that are read.
        const READ: usize = 60;
        let mut with = self.analyzer.clone();
        let mut terms: Vec<(f32, String)> = analyzer::terms(&mut with, text)
            .into_iter()
            .map(|term| (self.lexical.idf(&term).unwrap_or(f32::MAX), term))
            .collect();
        terms.sort_by(|a, b| b.0.total_cmp(&a.0));
        terms.dedup();
        if let [(_, only)] = terms.as_slice() {
            return self.discusses(only);
        }
        // Of few words all must be there; of many, which no sentence has all of, more than half.
        let needed = if terms.len() > 3 { (terms.len() * 3).div_ceil(5) } else { terms.len() };
        let rarest: Vec<&String> = terms
            .iter()
            .filter(|(idf, _)| *idf < f32::MAX)
            .take(1 + terms.len() - needed)
            .map(|(_, term)| term)
            .collect();
        let said: Vec<String> = terms.iter().map(|(_, term)| term.clone()).collect();
        let others = crate::retrieve::other_words(&said, &mut with);
        let looked_at = others.iter().filter(|(term, _)| rarest.contains(&term)).map(|(_, other)| other);
        let rows = rarest.iter().copied().chain(looked_at).flat_map(|term| self.lexical.rows_of(term, READ));
        rows.collect::<std::collections::BTreeSet<u32>>().into_iter().any(|row| {
            let own = analyzer::terms(&mut with, self.sentences.text(row));
            let has = |term: &String| {
                own.contains(term) || others.iter().any(|(said, other)| said == term && own.contains(other))
            };
            said.iter().filter(|term| has(term)).count() >= needed
        })
    }

    /// Whether filings discuss a word rather than have it in a name: they write it small, and more than a few times.
    fn discusses(&self, term: &str) -> bool {
        const READ: usize = 60;
        let few = (self.sentences.len() / 2_000).clamp(2, 10);
        let mut with = self.analyzer.clone();
        let mut small = |row: &u32| {
            let text = self.sentences.text(*row);
            text.split(|c: char| !c.is_alphanumeric()).any(|word| {
                word.starts_with(char::is_lowercase)
                    && analyzer::terms(&mut with, word).first().is_some_and(|own| own == term)
            })
        };
        self.lexical.rows_of(term, READ).iter().filter(|row| small(row)).count() > few
    }

    /// What is in the data.
    pub fn summary(&self) -> Summary {
        let mut years: BTreeMap<u16, BTreeSet<i32>> = BTreeMap::new();
        let mut rows_of: BTreeMap<u16, usize> = BTreeMap::new();
        for (company, year, rows) in self.sentences.groups() {
            years.entry(company).or_default().insert(year);
            *rows_of.entry(company).or_default() += rows.len();
        }
        for fact in &self.facts.rows {
            years.entry(fact.company).or_default().insert(fact.year);
        }
        let mut companies: Vec<CompanySummary> = self
            .companies
            .iter()
            .filter(|(id, _)| years.contains_key(id))
            .map(|(id, row)| CompanySummary {
                ticker: row.ticker.clone(),
                name: row.name.clone(),
                cik: row.cik,
                years: years.get(&id).into_iter().flatten().copied().collect(),
                rows: rows_of.get(&id).copied().unwrap_or(0),
            })
            .collect();
        companies.sort_by(|a, b| a.ticker.cmp(&b.ticker));
        let mut by_section = vec![0_usize; self.sections.iter().count()];
        for row in 0..self.sentences.len() as u32 {
            by_section[usize::from(self.sentences.section(row))] += 1;
        }
        let sections = self
            .sections
            .iter()
            .filter(|(id, _)| by_section[usize::from(*id)] > 0)
            .map(|(id, row)| SectionSummary {
                item: row.item.clone(),
                name: row.name.clone(),
                rows: by_section[usize::from(id)],
            })
            .collect();
        Summary {
            about: self.about.clone(),
            rows: self.sentences.len(),
            facts: self.facts.distinct(),
            vectors: self.vectors.as_ref().map_or(0, |vectors| vectors.meta.rows),
            dims: self.vectors.as_ref().map_or(0, |vectors| vectors.meta.dims),
            embedder: self.vectors.as_ref().map(|vectors| vectors.meta.embedder.clone()),
            companies,
            sections,
            metrics: self.metric_summaries(),
        }
    }

    fn metric_summaries(&self) -> Vec<MetricSummary> {
        let mut metrics: Vec<MetricSummary> = self
            .facts
            .metrics
            .iter()
            .zip(0_u16..)
            .map(|(metric, number)| {
                let mut of: Vec<_> = self.facts.rows.iter().filter(|row| row.metric == number).collect();
                of.dedup_by_key(|row| (row.company, row.year));
                MetricSummary {
                    key: metric.key.clone(),
                    label: metric.label.clone(),
                    unit: of.first().map_or_else(String::new, |row| row.unit.to_string()),
                    facts: of.len(),
                }
            })
            .collect();
        metrics.sort_by(|a, b| a.label.cmp(&b.label));
        metrics
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("rows", &self.sentences.len())
            .field("fingerprint", &self.fingerprint)
            .finish()
    }
}
