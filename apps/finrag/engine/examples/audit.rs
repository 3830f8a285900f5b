//! `cargo run -p finrag-engine --example audit -- DATA TRUTH [--all]`: what `finrag audit` gives, without the backend; with `--all`
//! also every figure that is not right.

use std::error::Error;
use std::io::Write;

use finrag_engine::eval::{Verdict, audit, truths};
use finrag_engine::{DataRoot, Engine, LoadOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [data, file, rest @ ..] = args.as_slice() else { return Err("DATA and TRUTH are needed".into()) };
    let truths = truths(&std::fs::read_to_string(file)?)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let engine = runtime.block_on(Engine::load(&DataRoot::parse(data)?, LoadOptions::default()))?;
    let audit = audit(&engine, &truths);
    let mut out = std::io::stdout().lock();
    if rest.iter().any(|arg| arg == "--all") {
        for found in audit.findings.iter().filter(|found| found.verdict != Verdict::Right) {
            writeln!(
                out,
                "{} {} {}: {} given {:?} {:?} {}",
                found.ticker,
                found.year,
                found.metric,
                found.truth,
                found.given,
                found.verdict,
                found.doubt.as_deref().unwrap_or_default()
            )?;
        }
    }
    write!(out, "{audit}")?;
    Ok(())
}
