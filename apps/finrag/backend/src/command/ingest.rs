//! `finrag ingest`.

use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::Context;
use clap::Args;
use finrag_engine::DataRoot;
use finrag_engine::ingest::{self, IngestOptions, Progress};
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::{DataArgs, EmbedArgs, embedder};
use crate::llm::Limits;

/// Arguments of `finrag ingest`.
#[derive(Debug, Clone, Args)]
pub struct IngestArgs {
    /// Filings, or folders searched for .txt, .htm and .html; the SEC's companyfacts JSON and folders of its data sets
    #[arg(required = true)]
    pub sources: Vec<PathBuf>,
    #[command(flatten)]
    /// Where the tables are written.
    pub data: DataArgs,
    #[command(flatten)]
    /// Who embeds the sentences.
    pub embed: EmbedArgs,
    /// Read again what is unchanged
    #[arg(long)]
    pub force: bool,
}

/// Reads filings into the tables.
pub async fn ingest(args: &IngestArgs) -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let into = DataRoot::parse(&args.data.root)?;
    let limits = Limits::default();
    let http = reqwest::Client::builder().connect_timeout(limits.connect).build()?;
    let embedder = embedder(&args.embed.resolve()?, &http, limits).await?;
    let options = IngestOptions { sources: args.sources.clone(), into, force: args.force };
    let bar = Bar::new();
    let report = ingest::run(options, embedder.as_deref(), &|progress| bar.show(progress)).await;
    bar.finish();
    let report = report.context("ingesting failed")?;
    for (file, reason) in &report.refused {
        tracing::warn!("{} was not used: {reason}", file.display());
    }
    for (file, remark) in &report.remarks {
        tracing::warn!("{}: {remark}", file.display());
    }
    tracing::info!(
        read = report.read,
        unchanged = report.unchanged,
        facts = report.facts,
        refused = report.refused.len(),
        sentences = report.sentences,
        "ingested"
    );
    anyhow::ensure!(
        report.read + report.unchanged + report.facts > 0,
        "none of the {} files could be used\nhint: 10-K filings as .txt, .htm or .html are read",
        report.refused.len()
    );
    Ok(())
}

/// Progress drawn on the terminal; nothing where there is none.
struct Bar {
    bar: ProgressBar,
    /// Sentences come after files, on the same line.
    embedding: Mutex<bool>,
}

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        Self { bar, embedding: Mutex::new(false) }
    }

    fn show(&self, progress: Progress) {
        let name = |file: &PathBuf| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match progress {
            Progress::Found { files } => self.bar.set_length(files as u64),
            Progress::Unchanged { file } => self.step(format!("{} unchanged", name(&file))),
            Progress::Read { file, sentences } => {
                self.step(format!("{}: {sentences} sentences", name(&file)))
            }
            Progress::Refused { file, reason } => self.step(format!("{} refused: {reason}", name(&file))),
            Progress::Embedded { done, of } => {
                if let Ok(mut embedding) = self.embedding.lock()
                    && !std::mem::replace(&mut *embedding, true)
                {
                    self.bar.reset();
                }
                self.bar.set_length(of as u64);
                self.bar.set_position(done as u64);
                self.bar.set_message("embedding");
            }
            Progress::Written { file, rows } => self.bar.set_message(format!("{file}: {rows} rows")),
        }
    }

    fn step(&self, message: String) {
        self.bar.inc(1);
        self.bar.set_message(message);
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
