//! One question from start to end: understood, figures looked up, sentences found, an answer written and checked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use finrag_engine::{Embedder, KpiBlock, Retrieval, RetrievalStats, Scope, Understanding};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::chart::Kpi;
use super::citations::{Gate, Leak};
use super::footer::footer;
use super::numbers::Checker;
use super::sources::{Candidates, Source};
use super::{extractive, prompt};
use crate::data::{Loaded, Pool};
use crate::llm::{Catalogue, Limits, LlmError, Mode, Model, Piece, Prompt, Provider, Remote, Usage};

/// What is needed to answer, shared by all questions.
pub struct Answerer {
    /// The models that can be asked for.
    pub catalogue: Catalogue,
    /// The provider behind them; none when all answers are extractive.
    pub remote: Option<Arc<Remote>>,
    /// Time limits of a model's call.
    pub limits: Limits,
    /// Embeds questions, when the data has vectors of the same name.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// Where retrieval runs.
    pub pool: Pool,
}

/// A question that passed validation.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The question.
    pub question: String,
    /// Those before it in the same talk, the oldest first.
    pub earlier: Vec<String>,
    /// Look up figures.
    pub include_kpi: bool,
    /// Search sentences.
    pub include_rag: bool,
    /// The model that is to answer.
    pub model: Model,
    /// How the answer's text is written.
    pub text: super::TextForm,
}

/// What happens on the way to an answer.
#[derive(Debug, Clone)]
pub enum Event {
    /// A stage ended.
    Stage {
        /// Its name.
        stage: &'static str,
        /// How long it took.
        elapsed: Duration,
        /// What it found.
        detail: Value,
    },
    /// More of the answer, checked already.
    Token(String),
}

/// Durations of the stages, in the order they ended.
pub type Stages = Vec<(&'static str, Duration)>;

/// An answer, with everything that is told about it.
#[derive(Debug)]
pub struct Outcome {
    /// The answer, footer included.
    pub answer: String,
    /// The figures and passages it was written from.
    pub context: String,
    /// What it cites.
    pub sources: Vec<Source>,
    /// Figures for a chart.
    pub kpi: Option<Kpi>,
    /// The figures looked up, where any were asked for.
    pub block: Option<KpiBlock>,
    /// What was understood.
    pub understanding: Understanding,
    /// What retrieval took and saw.
    pub retrieval: Option<RetrievalStats>,
    /// Whether and how the question was embedded.
    pub embedding: &'static str,
    /// Tokens; zero without a model.
    pub usage: Usage,
    /// Whether `usage` is our estimate because the provider did not count.
    pub estimated: bool,
    /// Why writing stopped.
    pub stop_reason: String,
    /// Numbers that stood for no source, and were removed.
    pub unknown_citations: usize,
    /// Statements with figures that cite nothing.
    pub uncited_statements: usize,
    /// Numbers that are in no source their sentence cites, and were marked.
    pub unfounded_numbers: usize,
    /// Links that no source has, and were removed.
    pub removed_links: usize,
    /// Durations.
    pub stages: Stages,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The model failed.
    #[error(transparent)]
    Llm(#[from] LlmError),
    /// A stage of ours broke.
    #[error("{reason}")]
    Broke {
        /// The stage.
        stage: &'static str,
        /// What is known.
        reason: String,
    },
    /// Whoever asked does not listen any more.
    #[error("the client left before the answer was written")]
    Gone,
}

struct Run<'a> {
    events: Option<&'a mpsc::Sender<Event>>,
    stages: Stages,
}

impl Run<'_> {
    /// Notes the end of a stage. `detail` is only made when somebody listens.
    async fn stage(
        &mut self,
        stage: &'static str,
        since: Instant,
        detail: impl FnOnce() -> Value,
    ) -> Result<(), Failure> {
        let elapsed = since.elapsed();
        self.stages.push((stage, elapsed));
        match self.events {
            None => Ok(()),
            Some(_) => self.tell(Event::Stage { stage, elapsed, detail: detail() }).await,
        }
    }

    async fn token(&self, text: String) -> Result<(), Failure> {
        if text.is_empty() { Ok(()) } else { self.tell(Event::Token(text)).await }
    }

    async fn tell(&self, event: Event) -> Result<(), Failure> {
        match self.events {
            None => Ok(()),
            Some(events) => events.send(event).await.map_err(|_| Failure::Gone),
        }
    }
}

/// What a model is told beside the numbered sources.
#[derive(Clone, Copy)]
struct Told<'a> {
    question: &'a str,
    block: Option<&'a KpiBlock>,
    remarks: &'a [String],
}

/// What was written, before the footer.
struct Written {
    answer: String,
    sources: Vec<Source>,
    usage: Option<Usage>,
    stop_reason: String,
    prompt_chars: usize,
    tally: super::citations::Tally,
}

impl Answerer {
    /// Answers. `events` hears of stages and words as they come; without it the model is asked for the whole at once.
    pub async fn answer(
        &self,
        asked: &Asked,
        data: Arc<Loaded>,
        events: Option<&mpsc::Sender<Event>>,
    ) -> Result<Outcome, Failure> {
        let mut run = Run { events, stages: Stages::new() };

        let started = Instant::now();
        let (understood, (vector, embedding)) =
            tokio::join!(self.understand(asked, &data), self.embed(asked, &data));
        let (understanding, block) = understood?;
        run.stage("understanding", started, || entities(&understanding)).await?;

        if let Scope::Out { reason, in_scope } = &understanding.scope {
            let answer = format!("{} {}", reason.trim(), in_scope.trim());
            run.token(answer.clone()).await?;
            let outcome = Outcome::plain(answer, "out_of_scope", understanding, embedding);
            return Ok(Outcome { stages: run.stages, ..outcome });
        }
        if let Some(block) = &block {
            let detail = || json!({ "facts": block.facts.len(), "conflicts": block.conflicts.len() });
            run.stage("kpi", started, detail).await?;
        }

        let started = Instant::now();
        let retrieval = if asked.include_rag {
            let found = self.retrieve(&understanding, vector, Arc::clone(&data)).await?;
            let detail = || serde_json::to_value(&found.stats).unwrap_or_default();
            run.stage("retrieval", started, detail).await?;
            Some(found)
        } else {
            None
        };

        let remarks = reading(&understanding, block.as_ref());
        let companies = &data.summary.companies;
        let cik = |ticker: &str| {
            companies.iter().find(|company| company.ticker == ticker).map(|company| company.cik)
        };
        let candidates = Candidates::new(block.as_ref(), retrieval.as_ref()).with_filings(cik);
        if candidates.is_empty() {
            let answer = nothing_found(&understanding, block.as_ref(), &remarks);
            run.token(answer.clone()).await?;
            let outcome = Outcome::plain(answer, "no_context", understanding, embedding);
            return Ok(Outcome {
                retrieval: retrieval.map(|found| found.stats),
                block,
                stages: run.stages,
                ..outcome
            });
        }

        let started = Instant::now();
        let written = match (asked.model.provider, &self.remote) {
            (Provider::Bedrock | Provider::OpenAi, Some(remote)) => {
                let told =
                    Told { question: &understanding.question, block: block.as_ref(), remarks: &remarks };
                self.synthesise(remote, &asked.model, told, &candidates, &mut run).await?
            }
            (Provider::Extractive, _) | (Provider::Bedrock | Provider::OpenAi, None) => {
                quote(block.as_ref(), retrieval.as_ref(), &candidates, &remarks)?
            }
        };
        let footer = footer(&written.sources, written.tally);
        if asked.model.provider == Provider::Extractive {
            run.token(written.answer.clone()).await?;
        }
        run.token(footer.clone()).await?;
        run.stage("synthesis", started, || json!({ "sources": written.sources.len() })).await?;

        let mut context = block.as_ref().map(|block| block.text.clone()).unwrap_or_default();
        if let Some(found) = &retrieval {
            if !context.is_empty() && !found.context.is_empty() {
                context.push_str("\n\n");
            }
            context.push_str(&found.context);
        }
        let answer = written.answer + &footer;
        let is_remote = asked.model.provider != Provider::Extractive;
        let estimated = is_remote && written.usage.is_none();
        Ok(Outcome {
            usage: written.usage.unwrap_or_else(|| {
                if estimated { estimate(written.prompt_chars, answer.len()) } else { Usage::default() }
            }),
            estimated,
            context,
            sources: written.sources,
            kpi: block.as_ref().and_then(Kpi::new),
            block,
            understanding,
            retrieval: retrieval.map(|found| found.stats),
            embedding,
            stop_reason: written.stop_reason,
            unknown_citations: written.tally.unknown,
            uncited_statements: written.tally.uncited,
            unfounded_numbers: written.tally.unfounded,
            removed_links: written.tally.links,
            stages: run.stages,
            answer,
        })
    }

    async fn understand(
        &self,
        asked: &Asked,
        data: &Arc<Loaded>,
    ) -> Result<(Understanding, Option<KpiBlock>), Failure> {
        let (asked, data) = (asked.clone(), Arc::clone(data));
        let work = move || {
            let include_kpi = asked.include_kpi;
            let earlier: Vec<&str> = asked.earlier.iter().map(String::as_str).collect();
            let understanding = data.engine.understand_after(&earlier, &asked.question);
            let block = if include_kpi { data.engine.kpi(&understanding) } else { None };
            (understanding, block)
        };
        self.pool
            .run(work)
            .await
            .map_err(|e| Failure::Broke { stage: "understanding", reason: e.to_string() })
    }

    async fn retrieve(
        &self,
        understanding: &Understanding,
        vector: Option<Vec<f32>>,
        data: Arc<Loaded>,
    ) -> Result<Retrieval, Failure> {
        let understanding = understanding.clone();
        self.pool
            .run(move || data.engine.retrieve(&understanding, vector.as_deref()))
            .await
            .map_err(|e| Failure::Broke { stage: "retrieval", reason: e.to_string() })
    }

    /// The question's vector, when there are vectors to compare it with. Failing is no reason to give no answer: BM25
    /// goes on alone, and the statistics say so.
    async fn embed(&self, asked: &Asked, data: &Loaded) -> (Option<Vec<f32>>, &'static str) {
        let Some(embedder) = &self.embedder else { return (None, "none") };
        if !asked.include_rag || data.summary.vectors == 0 {
            return (None, "none");
        }
        if data.summary.embedder.as_deref() != Some(embedder.name()) || data.summary.dims != embedder.dims() {
            return (None, "other_model");
        }
        match tokio::time::timeout(self.limits.first_token, embedder.embed_query(&asked.question)).await {
            Ok(Ok(vector)) => (Some(vector), "used"),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the question could not be embedded; BM25 alone");
                (None, "failed")
            }
            Err(_) => {
                tracing::warn!("embedding the question took too long; BM25 alone");
                (None, "failed")
            }
        }
    }

    async fn synthesise(
        &self,
        remote: &Arc<Remote>,
        model: &Model,
        told: Told<'_>,
        candidates: &Candidates,
        run: &mut Run<'_>,
    ) -> Result<Written, Failure> {
        let fence = prompt::fence();
        let mut computed = told.block.map(extractive::computed).unwrap_or_default();
        computed.extend_from_slice(told.remarks);
        let prompt: Prompt = prompt::build(told.question, candidates, &computed, &fence);
        let prompt_chars = prompt.system.len() + prompt.user.len();
        let is_known_link = |link: &str| prompt.user.contains(link);
        let checker = Checker::new(candidates, told.block);
        let mut gate = Gate::new(candidates.len(), &fence, &is_known_link, Some(&checker));

        let started = Instant::now();
        let mode = if run.events.is_some() { Mode::Stream } else { Mode::Whole };
        let mut reading = remote.ask(model, &prompt, mode, self.limits).await?;
        let mut is_first = true;
        let (stop_reason, usage) = loop {
            match reading.next().await {
                Some(Ok(Piece::Text(text))) => {
                    if std::mem::take(&mut is_first) {
                        run.stage("first_token", started, || Value::Null).await?;
                    }
                    let passed = gate.push(&text).map_err(leaked)?;
                    run.token(passed).await?;
                }
                Some(Ok(Piece::Done { stop_reason, usage })) => break (stop_reason, usage),
                Some(Err(error)) => return Err(error.into()),
                None => {
                    let reason = "the stream closed without an end".to_owned();
                    return Err(LlmError::Broken { reason }.into());
                }
            }
        };
        let rest = gate.finish().map_err(leaked)?;
        run.token(rest).await?;
        if gate.passed().trim().is_empty() {
            let reason = "nothing is left of the answer once it is checked".to_owned();
            return Err(LlmError::Nonsense { reason }.into());
        }
        Ok(Written {
            answer: gate.passed().to_owned(),
            sources: candidates.renumbered(gate.used()),
            usage,
            stop_reason,
            prompt_chars,
            tally: gate.tally(),
        })
    }
}

/// The keyless answer, through the same gate: one numbering for all.
fn quote(
    block: Option<&KpiBlock>,
    retrieval: Option<&Retrieval>,
    candidates: &Candidates,
    remarks: &[String],
) -> Result<Written, Failure> {
    let hits = retrieval.map(|found| found.hits.as_slice()).unwrap_or_default();
    let text = extractive::write(block, hits, candidates, remarks);
    let fence = prompt::fence();
    // Quotations keep the links they have: they are the filing's own words.
    let mut gate = Gate::new(candidates.len(), &fence, &|_| true, None);
    let pieces = gate.push(&text).and_then(|_| gate.finish());
    pieces.map_err(leaked)?;
    Ok(Written {
        answer: gate.passed().to_owned(),
        sources: candidates.renumbered(gate.used()),
        usage: None,
        stop_reason: "extractive".to_owned(),
        prompt_chars: 0,
        tally: super::citations::Tally { uncited: 0, ..gate.tally() },
    })
}

impl Outcome {
    /// An answer that cites nothing.
    fn plain(
        answer: String,
        stop_reason: &str,
        understanding: Understanding,
        embedding: &'static str,
    ) -> Self {
        Self {
            answer,
            context: String::new(),
            sources: Vec::new(),
            kpi: None,
            block: None,
            understanding,
            retrieval: None,
            embedding,
            usage: Usage::default(),
            estimated: false,
            stop_reason: stop_reason.to_owned(),
            unknown_citations: 0,
            uncited_statements: 0,
            unfounded_numbers: 0,
            removed_links: 0,
            stages: Stages::new(),
        }
    }
}

/// How the question was read, where that is not plain, and of whom there is nothing.
fn reading(understanding: &Understanding, block: Option<&KpiBlock>) -> Vec<String> {
    let mut remarks = understanding.readings.clone();
    if !understanding.quarters.is_empty() && block.is_none() {
        remarks.push("The table of figures has whole fiscal years and no quarters.".to_owned());
    }
    if !understanding.strangers.is_empty() {
        let names: Vec<String> = understanding.strangers.iter().map(|name| format!("“{name}”")).collect();
        remarks.push(format!("No filing of {} is in the data.", names.join(", ")));
    }
    remarks
}

fn leaked(_: Leak) -> Failure {
    let reason = "the answer repeats the instructions it was given".to_owned();
    Failure::Llm(LlmError::Nonsense { reason })
}

fn nothing_found(understanding: &Understanding, block: Option<&KpiBlock>, remarks: &[String]) -> String {
    let names: Vec<&str> = understanding.companies.iter().map(|company| company.name.trim()).collect();
    let of = if names.is_empty() { String::new() } else { format!(" of {}", names.join(", ")) };
    let mut answer = format!("The data holds no sentence and no figure{of} that answers this question.");
    let own = block.into_iter().flat_map(extractive::remarks);
    for remark in remarks.iter().cloned().chain(own) {
        answer.push(' ');
        answer.push_str(&remark);
    }
    answer
}

/// Tokens of a provider that does not count them: about four characters each, as in English.
fn estimate(read: usize, written: usize) -> Usage {
    Usage { input: read.div_ceil(4) as u64, output: written.div_ceil(4) as u64 }
}

/// What was understood, as the API shows it.
pub(crate) fn entities(understanding: &Understanding) -> Value {
    let companies: Vec<_> = understanding
        .companies
        .iter()
        .map(|company| json!({ "ticker": company.ticker, "name": company.name, "matched": company.matched }))
        .collect();
    json!({
        "companies": companies,
        "years": understanding.years,
        "metrics": understanding.metrics.iter().map(|metric| &metric.key).collect::<Vec<_>>(),
        "sections": understanding.items.iter().map(|item| &item.item).collect::<Vec<_>>(),
        "topics": understanding.topics,
    })
}
