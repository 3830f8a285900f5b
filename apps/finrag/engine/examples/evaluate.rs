//! `cargo run -p finrag-engine --example evaluate -- DATA FILE [--misses]`: the report that `finrag eval` gives, without the backend.
//! With the feature `minilm`, `FINRAG_MINILM` names the folder of a model that encodes the questions.

use std::error::Error;
use std::io::Write;

use finrag_engine::{DataRoot, Engine, LoadOptions, RetrieveOptions, eval};

type Model = Box<dyn finrag_engine::Embedder>;

#[cfg(feature = "minilm")]
fn model() -> Result<Option<Model>, Box<dyn Error>> {
    let Ok(folder) = std::env::var("FINRAG_MINILM") else { return Ok(None) };
    Ok(Some(Box::new(finrag_engine::minilm::MiniLm::load(std::path::Path::new(&folder))?)))
}

#[cfg(not(feature = "minilm"))]
#[expect(clippy::unnecessary_wraps, reason = "the other one reads files")]
fn model() -> Result<Option<Model>, Box<dyn Error>> {
    Ok(None)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [data, file, rest @ ..] = args.as_slice() else { return Err("DATA and FILE are needed".into()) };
    let questions = eval::parse(&std::fs::read_to_string(file)?)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let engine = runtime.block_on(Engine::load(&DataRoot::parse(data)?, LoadOptions::default()))?;
    let report = runtime.block_on(eval::run(&engine, &questions, model()?.as_deref()))?;
    let mut out = std::io::stdout().lock();
    if rest.iter().any(|arg| arg == "--misses") {
        for outcome in &report.outcomes {
            let figures = outcome.figures_found < outcome.figures_asked;
            let missed = outcome.regime.is_some() && outcome.rank.is_none_or(|rank| rank > 5);
            if !figures && !missed {
                continue;
            }
            let question =
                questions.iter().find(|question| question.id == outcome.id).ok_or("no such question")?;
            let read = engine.understand(&question.question);
            writeln!(
                out,
                "\n{} {:?} rank {:?} figures {}/{}",
                outcome.id, outcome.regime, outcome.rank, outcome.figures_found, outcome.figures_asked
            )?;
            writeln!(
                out,
                "  {}\n  terms [{}] years {:?} companies {:?} metrics {:?} items {:?}",
                question.question,
                read.terms,
                read.years,
                read.companies.iter().map(|c| &c.ticker).collect::<Vec<_>>(),
                read.metrics.iter().map(|m| &m.key).collect::<Vec<_>>(),
                read.items.iter().map(|i| &i.item).collect::<Vec<_>>()
            )?;
            if let (true, Some(regime)) = (missed, outcome.regime) {
                for id in &question.expected {
                    let text =
                        engine.neighbours(id, 0).map(|p| p.sentences[0].text.clone()).unwrap_or_default();
                    writeln!(out, "  want {id}: {}", text.chars().take(220).collect::<String>())?;
                }
                let options = RetrieveOptions { regimes: vec![regime], ..RetrieveOptions::default() };
                for hit in engine.retrieve_with(&read, None, &options).hits.iter().take(5) {
                    writeln!(
                        out,
                        "  got  {}: {}",
                        hit.sentence_id,
                        hit.text.chars().take(160).collect::<String>()
                    )?;
                }
            }
        }
    }
    write!(out, "{report}")?;
    Ok(())
}
