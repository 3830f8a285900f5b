//! `finrag eval FILE`.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use finrag_engine::eval::{self, Report};
use finrag_engine::{DataRoot, Engine, LoadOptions, Regime};

use crate::config::{DataArgs, EmbedArgs, embedder};
use crate::llm::Limits;

/// Arguments of `finrag eval`.
#[derive(Debug, Clone, Args)]
pub struct EvalArgs {
    /// Questions with expected sentence ids and figures, as JSON
    pub file: PathBuf,
    #[command(flatten)]
    /// The data they are asked of.
    pub data: DataArgs,
    #[command(flatten)]
    /// Who embeds the questions.
    pub embed: EmbedArgs,
    /// Print the whole report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Asks all questions of the file; returns what is to be printed.
pub async fn eval(args: &EvalArgs) -> anyhow::Result<String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let text = std::fs::read_to_string(&args.file)
        .with_context(|| format!("failed to read {}", args.file.display()))?;
    let questions =
        eval::parse(&text).with_context(|| format!("{} is no file of questions", args.file.display()))?;
    anyhow::ensure!(!questions.is_empty(), "{} holds no questions", args.file.display());
    let engine = Engine::load(&DataRoot::parse(&args.data.root)?, LoadOptions::default()).await?;
    let limits = Limits::default();
    let http = reqwest::Client::builder().connect_timeout(limits.connect).build()?;
    let embedder = embedder(&args.embed.resolve()?, &http, limits).await?;
    let report = eval::run(&engine, &questions, embedder.as_deref()).await?;
    if args.json { Ok(serde_json::to_string_pretty(&report)?) } else { Ok(table(&report)) }
}

/// The report as a table for a terminal.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<10} {:<16} {:>9} {:>7} {:>7} {:>7}",
        "regime", "difficulty", "questions", "Hit@5", "Hit@30", "MRR@30"
    );
    for row in &report.rows {
        let regime = match row.regime {
            Regime::Filtered => "filtered",
            Regime::Open => "open",
        };
        let _ = writeln!(
            text,
            "{regime:<10} {:<16} {:>9} {:>6.1}% {:>6.1}% {:>7.3}",
            row.difficulty,
            row.questions,
            row.hit_at_5 * 100.0,
            row.hit_at_30 * 100.0,
            row.mrr_at_30
        );
    }
    if report.figures_asked > 0 {
        #[expect(clippy::cast_precision_loss, reason = "a file has few figures")]
        let share = report.figures_found as f64 * 100.0 / report.figures_asked as f64;
        let _ = writeln!(
            text,
            "figures    exact: {} of {} ({share:.1}%)",
            report.figures_found, report.figures_asked
        );
    }
    if report.refused > 0 {
        let _ = writeln!(text, "refused    {} as out of scope", report.refused);
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use finrag_engine::eval::ReportRow;

    use super::*;

    #[test]
    fn the_table_has_a_line_a_regime_and_difficulty() {
        let row = |regime, difficulty: &str, hit_at_5| ReportRow {
            regime,
            difficulty: difficulty.to_owned(),
            questions: 40,
            hit_at_5,
            hit_at_30: 1.0,
            mrr_at_30: 0.4567,
        };
        let report = Report {
            rows: vec![row(Regime::Filtered, "local", 0.925), row(Regime::Open, "cross-company", 0.75)],
            figures_found: 39,
            figures_asked: 40,
            refused: 0,
            outcomes: Vec::new(),
        };
        expect![[r#"
            regime     difficulty       questions   Hit@5  Hit@30  MRR@30
            filtered   local                   40   92.5%  100.0%   0.457
            open       cross-company           40   75.0%  100.0%   0.457
            figures    exact: 39 of 40 (97.5%)
        "#]]
        .assert_eq(&table(&report));
    }
}
