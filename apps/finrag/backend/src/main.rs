//! `finrag`: serve questions about 10-K filings, build the tables they are answered from, measure the answers.

use std::io::{IsTerminal, Write};

use clap::{Parser, Subcommand};
use finrag_backend::command::{self, AuditArgs, EvalArgs, IngestArgs};
use finrag_backend::config::ServeArgs;
use tracing_subscriber::EnvFilter;

/// Questions about SEC 10-K filings, answered with citations
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the HTTP API (what `finrag` alone does too)
    Serve(Box<ServeArgs>),
    /// Build or extend the tables from 10-K filings
    Ingest(Box<IngestArgs>),
    /// Measure retrieval and figures over a file of questions
    Eval(Box<EvalArgs>),
    /// Hold the data's figures against a table of true ones
    Audit(Box<AuditArgs>),
}

fn print(report: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    out.write_all(report.trim_end().as_bytes())?;
    out.write_all(b"\n")?;
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_writer(std::io::stderr)
        .init();
    let line = Line::parse();
    match line.command {
        None => command::serve(&line.serve).await,
        Some(Command::Serve(args)) => command::serve(&args).await,
        Some(Command::Ingest(args)) => command::ingest(&args).await,
        Some(Command::Eval(args)) => print(&command::eval(&args).await?),
        Some(Command::Audit(args)) => print(&command::audit(&args).await?),
    }
}
