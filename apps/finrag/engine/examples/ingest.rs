//! `cargo run -p finrag-engine --example ingest -- FOLDER INTO`: what `finrag ingest` does, without the backend. The demo corpus is made with it.

use std::error::Error;
use std::io::Write;

use finrag_engine::DataRoot;
use finrag_engine::ingest::{IngestOptions, Progress, run};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [from, into] = args.as_slice() else { return Err("FOLDER and INTO are needed".into()) };
    let options = IngestOptions { sources: vec![from.into()], into: DataRoot::parse(into)?, force: false };
    let told = |progress: Progress| {
        if let Progress::Refused { file, reason } = progress {
            let _ = writeln!(std::io::stderr(), "{}: {reason}", file.display());
        }
    };
    let report = tokio::runtime::Runtime::new()?.block_on(run(options, None, &told))?;
    writeln!(
        std::io::stdout(),
        "{} read, {} unchanged, {} refused, {} sentences",
        report.read,
        report.unchanged,
        report.refused.len(),
        report.sentences
    )?;
    Ok(())
}
