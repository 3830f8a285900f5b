//! Sustained load on a release backend: clients that ask one question after the other, a language model that takes its
//! time, and somebody who looks at `/health` meanwhile. `bench/finrag/serve/run` calls it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use clap::{Parser, ValueEnum};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Measures queries a second and the latency of /health under load
#[derive(Parser)]
struct Line {
    /// The `finrag` binary
    #[arg(long)]
    finrag: PathBuf,
    /// The folder of the tables
    #[arg(long)]
    data: PathBuf,
    /// Files of questions, as `finrag eval` takes them
    #[arg(long, required = true, num_args = 1..)]
    questions: Vec<PathBuf>,
    /// The wire format of the language model
    #[arg(long, value_enum, default_value = "openai")]
    llm: Llm,
    /// What the language model takes, in milliseconds
    #[arg(long, default_value_t = 300)]
    llm_ms: u64,
    /// Clients that ask at once
    #[arg(long, default_value_t = 200)]
    clients: usize,
    /// How long they ask, after a second of warming up
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Queries a second that must be reached
    #[arg(long, default_value_t = 500.0)]
    min_rate: f64,
    /// The limit for the 99th percentile of /health, in milliseconds
    #[arg(long, default_value_t = 20.0)]
    max_health_ms: f64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Llm {
    Openai,
    Bedrock,
}

const ANSWER: &str = "The filings say so [1], and the figures agree with it [2].";

/// The model: checks that it is asked in its own format, waits, answers.
async fn model(llm: Llm, pause: Duration) -> anyhow::Result<String> {
    let openai = json!({
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": ANSWER }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 4000, "completion_tokens": 60 },
    });
    let bedrock = json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": ANSWER }] } },
        "stopReason": "end_turn",
        "usage": { "inputTokens": 4000, "outputTokens": 60, "totalTokens": 4060 },
        "metrics": { "latencyMs": 300 },
    });
    let reply = move |body: Bytes, field: &'static str, answer: Bytes| async move {
        let looks_right =
            body.first() == Some(&b'{') && std::str::from_utf8(&body).is_ok_and(|text| text.contains(field));
        tokio::time::sleep(pause).await;
        let status =
            if looks_right { axum::http::StatusCode::OK } else { axum::http::StatusCode::BAD_REQUEST };
        (status, [("content-type", "application/json")], answer)
    };
    let router = match llm {
        Llm::Openai => {
            let answer = Bytes::from(openai.to_string());
            Router::new()
                .route("/v1/chat/completions", post(move |body| reply(body, "\"messages\":", answer.clone())))
        }
        Llm::Bedrock => {
            let answer = Bytes::from(bedrock.to_string());
            Router::new().route(
                "/model/{model}/converse",
                post(move |body| reply(body, "\"inferenceConfig\":", answer.clone())),
            )
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        axum::serve(listener, router.layer(axum::extract::DefaultBodyLimit::disable())).await
    });
    Ok(url)
}

/// The backend, ended with its owner.
struct Backend(Child);

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Backend {
    fn start(line: &Line, address: SocketAddr, model: &str, log: &std::path::Path) -> anyhow::Result<Self> {
        let mut command = Command::new(&line.finrag);
        command
            .env("FINRAG_DATA", &line.data)
            .env("FINRAG_LISTEN", address.to_string())
            .env("FINRAG_LOG", log)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null());
        match line.llm {
            Llm::Openai => command.env("FINRAG_LLM", "openai").env("OPENAI_BASE_URL", format!("{model}/v1")),
            Llm::Bedrock => command
                .env("FINRAG_LLM", "bedrock")
                .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", model)
                .env("AWS_ACCESS_KEY_ID", "test")
                .env("AWS_SECRET_ACCESS_KEY", "test")
                .env("AWS_REGION", "us-east-1"),
        };
        Ok(Self(command.spawn().with_context(|| format!("failed to start {}", line.finrag.display()))?))
    }

    /// Resident memory in MiB.
    fn rss(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
    }
}

fn questions(files: &[PathBuf]) -> anyhow::Result<Vec<Bytes>> {
    let mut bodies = Vec::new();
    for file in files {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("failed to read {}", file.display()))?;
        for question in finrag_engine::eval::parse(&text)? {
            bodies.push(Bytes::from(json!({ "question": question.question }).to_string()));
        }
    }
    anyhow::ensure!(!bodies.is_empty(), "there are no questions");
    Ok(bodies)
}

/// Asks until `end`; latencies of what was asked after `start`.
async fn client(
    url: String,
    bodies: Arc<Vec<Bytes>>,
    mut n: usize,
    start: Instant,
    end: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let http = Client::builder().no_proxy().build()?;
    let mut took = Vec::new();
    while Instant::now() < end {
        let asked = Instant::now();
        let body = bodies[n % bodies.len()].clone();
        n += 1;
        let reply = http.post(&url).header("content-type", "application/json").body(body).send().await?;
        let status = reply.status();
        let body = reply.bytes().await?;
        anyhow::ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        if asked >= start && Instant::now() < end {
            took.push(asked.elapsed());
        }
    }
    Ok(took)
}

async fn watcher(url: String, start: Instant, end: Instant) -> anyhow::Result<Vec<Duration>> {
    let http = Client::builder().no_proxy().build()?;
    let mut took = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    while Instant::now() < end {
        tick.tick().await;
        let asked = Instant::now();
        let reply = http.get(&url).send().await?;
        anyhow::ensure!(reply.status().is_success(), "health: {}", reply.status());
        reply.bytes().await?;
        if asked >= start {
            took.push(asked.elapsed());
        }
    }
    Ok(took)
}

fn percentile(took: &mut [Duration], percent: usize) -> f64 {
    took.sort_unstable();
    let place = (took.len() * percent).div_ceil(100).saturating_sub(1);
    took.get(place).map_or(f64::NAN, |duration| duration.as_secs_f64() * 1000.0)
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let line = Line::parse();
    let bodies = Arc::new(questions(&line.questions)?);
    let model = model(line.llm, Duration::from_millis(line.llm_ms)).await?;
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let log = tempfile::tempdir()?;
    let loading = Instant::now();
    let backend = Backend::start(&line, address, &model, log.path())?;
    let url = format!("http://{address}");
    let http = Client::builder().no_proxy().build()?;
    loop {
        if let Ok(reply) = http.get(format!("{url}/health")).send().await
            && reply.json::<Value>().await?["status"] == "healthy"
        {
            break;
        }
        anyhow::ensure!(
            loading.elapsed() < Duration::from_secs(120),
            "the data is not loaded within 2 minutes"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ready = loading.elapsed();

    let start = Instant::now() + Duration::from_secs(1);
    let end = start + Duration::from_secs(line.seconds);
    let clients: Vec<_> = (0..line.clients)
        .map(|n| tokio::spawn(client(format!("{url}/query"), Arc::clone(&bodies), n * 7, start, end)))
        .collect();
    let health = tokio::spawn(watcher(format!("{url}/health"), start, end));
    let mut took = Vec::new();
    for client in clients {
        took.extend(client.await??);
    }
    let mut health = health.await??;
    let rss = backend.rss().unwrap_or_default();
    let stats: Value = http.get(format!("{url}/stats")).send().await?.json().await?;

    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    let rate = took.len() as f64 / line.seconds as f64;
    let (p50, p99) = (percentile(&mut took, 50), percentile(&mut took, 99));
    let (health_p50, health_p99) = (percentile(&mut health, 50), percentile(&mut health, 99));
    let fine = rate >= line.min_rate && health_p99 <= line.max_health_ms;
    let report = format!(
        "clients {}, model {} ms, {} s, {} questions\n\
         ready after {:.2} s, RSS {rss} MiB\n\
         queries  {rate:.0}/s, p50 {p50:.0} ms, p99 {p99:.0} ms (target: {:.0}/s)\n\
         /health  p50 {health_p50:.2} ms, p99 {health_p99:.2} ms of {} (target: {:.0} ms)\n\
         logged   {} queries, {} errors\n\
         {}\n",
        line.clients,
        line.llm_ms,
        line.seconds,
        bodies.len(),
        ready.as_secs_f64(),
        line.min_rate,
        health.len(),
        line.max_health_ms,
        stats["queries"],
        stats["errors"],
        if fine { "reached" } else { "MISSED" },
    );
    std::io::Write::write_all(&mut std::io::stdout(), report.as_bytes())?;
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
