//! `finrag audit FILE`.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use finrag_engine::eval::{self, Audit, Verdict};
use finrag_engine::{DataRoot, Engine, LoadOptions};

use crate::config::DataArgs;

/// Arguments of `finrag audit`.
#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    /// True figures, as CSV: ticker,year,metric,millions,also
    pub file: PathBuf,
    #[command(flatten)]
    /// The data they are looked up in.
    pub data: DataArgs,
    /// Name every figure that is wrong, missing, or doubted though right
    #[arg(long)]
    pub all: bool,
    /// Print the whole audit as JSON
    #[arg(long)]
    pub json: bool,
}

/// Looks up every true figure; returns what is to be printed.
pub async fn audit(args: &AuditArgs) -> anyhow::Result<String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let text = std::fs::read_to_string(&args.file)
        .with_context(|| format!("failed to read {}", args.file.display()))?;
    let truths =
        eval::truths(&text).with_context(|| format!("{} is no table of figures", args.file.display()))?;
    anyhow::ensure!(!truths.is_empty(), "{} holds no figures", args.file.display());
    let engine = Engine::load(&DataRoot::parse(&args.data.root)?, LoadOptions::default()).await?;
    let audit = eval::audit(&engine, &truths);
    if args.json {
        return Ok(serde_json::to_string_pretty(&audit)?);
    }
    Ok(if args.all { named(&audit) + &audit.to_string() } else { audit.to_string() })
}

/// A line for every figure that is not simply right.
fn named(audit: &Audit) -> String {
    let mut text = String::new();
    for finding in audit.findings.iter().filter(|finding| finding.verdict != Verdict::Right) {
        let given = finding.given.map_or("nothing".to_owned(), |given| format!("{given}"));
        let doubt = finding.doubt.as_deref().map_or(String::new(), |doubt| format!(" ({doubt})"));
        let _ = writeln!(
            text,
            "{} {} {}: {given}{doubt}, true {}",
            finding.ticker, finding.year, finding.metric, finding.truth
        );
    }
    text
}
