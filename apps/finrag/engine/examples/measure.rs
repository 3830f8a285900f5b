//! What `bench/finrag/retrieval` runs: `tile FROM INTO ROWS`, `copy FROM INTO`, `embed ROOT` and `run ROOT QUESTIONS…`, which prints load time,
//! memory and the latencies of retrieval, one fact a line. Where `FINRAG_MINILM` names a model's folder (and the feature `minilm` is on) `embed`
//! makes vectors, and `run` encodes each question: its time is told apart.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use finrag_engine::{DataRoot, Engine, LoadOptions, eval};
use object_store::{ObjectStoreExt, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Times that every question is asked.
const ROUNDS: usize = 20;

const FILES: [&str; 4] = ["sentences.parquet", "kpi_facts.parquet", "companies.json", "sections.json"];

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["tile", from, into, rows] => tile(Path::new(from), Path::new(into), rows.parse()?),
        ["copy", from, into] => copy(from, into),
        ["embed", root] => embed(root),
        ["run", root, questions @ ..] => run(root, questions),
        _ => Err("tile FROM INTO ROWS | copy FROM INTO | run ROOT QUESTIONS…".into()),
    }
}

/// Repeats the sentences under other ids and documents until there are `rows` of them: the companies and years stay, so a filter has
/// as many times more rows to look at as the whole.
fn tile(from: &Path, into: &Path, rows: usize) -> Outcome<()> {
    std::fs::create_dir_all(into)?;
    for file in &FILES[1..] {
        std::fs::copy(from.join(file), into.join(file))?;
    }
    let file = std::fs::File::open(from.join(FILES[0]))?;
    let batches: Vec<RecordBatch> =
        ParquetRecordBatchReaderBuilder::try_new(file)?.build()?.collect::<Result<_, _>>()?;
    let first = batches.first().ok_or("no rows")?;
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?)).build();
    let mut writer: Option<ArrowWriter<std::fs::File>> = None;
    let mut written = 0;
    for copy in 0.. {
        for batch in &batches {
            let take = batch.num_rows().min(rows - written);
            let batch = renamed(&batch.slice(0, take), copy)?;
            let writer = match &mut writer {
                Some(writer) => writer,
                None => {
                    let out = std::fs::File::create(into.join(FILES[0]))?;
                    writer.insert(ArrowWriter::try_new(out, batch.schema(), Some(properties.clone()))?)
                }
            };
            writer.write(&batch)?;
            written += take;
        }
        if written >= rows || first.num_rows() == 0 {
            break;
        }
    }
    if let Some(writer) = writer {
        writer.close()?;
    }
    Ok(())
}

fn renamed(batch: &RecordBatch, copy: usize) -> Outcome<RecordBatch> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        let name = field.name().clone();
        if !["sentence_id", "doc_id"].contains(&name.as_str()) || copy == 0 {
            if let Some(text) = column.as_string_opt::<i64>() {
                return (name, Arc::new(text.iter().collect::<StringArray>()) as ArrayRef);
            }
            return (name, Arc::clone(column));
        }
        let text = column
            .as_string_opt::<i64>()
            .map(|text| text.iter().map(|id| id.map(|id| format!("{id}~{copy}"))).collect::<StringArray>());
        (name, text.map_or_else(|| Arc::clone(column), |text| Arc::new(text) as ArrayRef))
    });
    Ok(RecordBatch::try_from_iter(columns.collect::<Vec<_>>())?)
}

fn copy(from: &str, into: &str) -> Outcome<()> {
    let (from, into) = (DataRoot::parse(from)?, DataRoot::parse(into)?);
    tokio::runtime::Runtime::new()?.block_on(async {
        for file in FILES {
            let bytes = from.store().get(&from.path(file)).await?.bytes().await?;
            into.store().put(&into.path(file), PutPayload::from(bytes)).await?;
        }
        Ok(())
    })
}

type Model = std::sync::Arc<dyn finrag_engine::Embedder>;

#[cfg(feature = "minilm")]
fn model() -> Outcome<Option<Model>> {
    let Ok(folder) = std::env::var("FINRAG_MINILM") else { return Ok(None) };
    Ok(Some(Arc::new(finrag_engine::minilm::MiniLm::load(Path::new(&folder))?)))
}

#[cfg(not(feature = "minilm"))]
#[expect(clippy::unnecessary_wraps, reason = "the other one reads files")]
fn model() -> Outcome<Option<Model>> {
    Ok(None)
}

fn embed(root: &str) -> Outcome<()> {
    let model = model()?.ok_or("FINRAG_MINILM must name a model, and the feature minilm be on")?;
    let root = DataRoot::parse(root)?;
    let started = Instant::now();
    tokio::runtime::Runtime::new()?.block_on(finrag_engine::ingest::embed(&root, model.as_ref(), &|_| {}))?;
    writeln!(std::io::stdout(), "embedded          {:.0} s", started.elapsed().as_secs_f64())?;
    Ok(())
}

fn run(root: &str, files: &[&str]) -> Outcome<()> {
    let mut questions = Vec::new();
    for file in files {
        questions.extend(eval::parse(&std::fs::read_to_string(file)?)?);
    }
    let started = Instant::now();
    let runtime = tokio::runtime::Runtime::new()?;
    let engine = runtime.block_on(Engine::load(&DataRoot::parse(root)?, LoadOptions::default()))?;
    let loaded = started.elapsed();
    let model = model()?.filter(|_| engine.summary().vectors > 0);
    let mut out = std::io::stdout().lock();
    writeln!(out, "rows              {}", engine.summary().rows)?;
    writeln!(out, "load              {:.2} s", loaded.as_secs_f64())?;
    writeln!(out, "RSS after load    {} MB (peak {} MB)", memory("VmRSS")?, memory("VmHWM")?)?;
    let mut taken: Vec<f64> = Vec::new();
    let mut encoding: Vec<f64> = Vec::new();
    let mut vectors: Vec<Option<Vec<f32>>> = Vec::new();
    for question in &questions {
        let asked = Instant::now();
        vectors.push(match &model {
            Some(model) => Some(runtime.block_on(model.embed_query(&question.question))?),
            None => None,
        });
        encoding.push(asked.elapsed().as_secs_f64() * 1e3);
    }
    for round in 0..=ROUNDS {
        for (question, vector) in questions.iter().zip(&vectors) {
            let asked = Instant::now();
            let understanding = engine.understand(&question.question);
            let found = engine.retrieve(&understanding, vector.as_deref());
            let time = asked.elapsed().as_secs_f64() * 1e3;
            // The first round warms caches, as a server's first questions do.
            if round > 0 && !found.hits.is_empty() {
                taken.push(time);
            }
        }
    }
    taken.sort_by(f64::total_cmp);
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize];
    if model.is_some() {
        encoding.sort_by(f64::total_cmp);
        writeln!(out, "question's encoding p50 {:.2} ms", encoding[encoding.len() / 2])?;
    }
    writeln!(out, "queries           {}", taken.len())?;
    writeln!(
        out,
        "understand+retrieve p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    )?;
    writeln!(out, "RSS after queries {} MB (peak {} MB)", memory("VmRSS")?, memory("VmHWM")?)?;
    Ok(())
}

/// A field of this process's memory, in MB.
fn memory(field: &str) -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(field)).ok_or("no such field")?;
    let kilobytes: u64 = line.split_whitespace().nth(1).ok_or("no value")?.parse()?;
    Ok(kilobytes / 1024)
}
