//! A service on a port of its own, with data in a folder of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use finrag_backend::config::{EmbedChoice, LlmChoice};
use finrag_backend::data::Pace;
use finrag_backend::llm::{BedrockSettings, Catalogue, Limits, OpenAiSettings, Provider};
use finrag_backend::querylog::{LogPace, LogPlace, QueryLog};
use finrag_backend::{Resolved, Service};
use finrag_engine::DataRoot;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::corpus;

/// Short enough for a test, long enough for a busy machine.
pub(crate) const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    first_token: Duration::from_secs(4),
    total: Duration::from_secs(8),
    retry_pause: Duration::from_millis(20),
};

/// Settings over a data root, keyless.
pub(crate) fn settings(data: DataRoot) -> Resolved {
    Resolved {
        log: LogPlace::new(data.clone(), "logs/queries"),
        data,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        llm: LlmChoice::Extractive,
        catalogue: Catalogue::new(Provider::Extractive, None, None).expect("builtin"),
        limits: LIMITS,
        embed: EmbedChoice::None,
        pace: Pace {
            first_retry: Duration::from_millis(50),
            longest_retry: Duration::from_millis(200),
            refresh: None,
        },
        log_pace: LogPace::default(),
        drain: Duration::from_secs(10),
        workers: 2,
        aws_configured: false,
    }
}

/// Settings over a folder.
pub(crate) fn in_folder(folder: &Path) -> Resolved {
    settings(DataRoot::parse(folder.to_str().expect("text")).expect("root"))
}

/// Lets an OpenAI-shaped stub write the answers.
pub(crate) fn with_openai(mut settings: Resolved, url: &str) -> Resolved {
    settings.catalogue = Catalogue::new(Provider::OpenAi, None, None).expect("builtin");
    settings.llm = LlmChoice::OpenAi(OpenAiSettings {
        base_url: format!("{url}/v1"),
        api_key: Some("sk-test".to_owned()),
    });
    settings
}

/// Lets a Bedrock-shaped stub write the answers.
pub(crate) fn with_bedrock(mut settings: Resolved, url: &str) -> Resolved {
    settings.catalogue = Catalogue::new(Provider::Bedrock, None, None).expect("builtin");
    settings.llm = LlmChoice::Bedrock(bedrock(url));
    settings
}

pub(crate) fn bedrock(url: &str) -> BedrockSettings {
    BedrockSettings {
        endpoint: Some(url.to_owned()),
        region: Some("eu-north-1".to_owned()),
        keys: Some(("AKIDTEST".to_owned(), "secret".to_owned())),
        connect: LIMITS.connect,
    }
}

/// A running service.
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
    pub(crate) log: Arc<QueryLog>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    _folder: Option<TempDir>,
}

/// An answer with its status.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// A client. Whichever test comes first chooses who does the cryptography.
pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

impl World {
    /// A keyless service over the test corpus, loaded.
    pub(crate) async fn keyless() -> Self {
        Self::over_corpus(|settings| settings).await
    }

    /// A service over the test corpus with changed settings, loaded.
    pub(crate) async fn over_corpus(change: impl FnOnce(Resolved) -> Resolved) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        corpus::write(folder.path());
        let mut world = Self::start(change(in_folder(folder.path()))).await;
        world._folder = Some(folder);
        world.until_healthy().await;
        world
    }

    /// A service as set, without waiting for its data.
    pub(crate) async fn start(settings: Resolved) -> Self {
        let listener = TcpListener::bind(settings.listen).await.expect("bound");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let service = Service::start(settings).await.expect("starts");
        let log = Arc::clone(service.log());
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let stopped = async move {
                let _ = stopped.await;
            };
            service.serve(listener, stopped).await.expect("serves");
        });
        Self { url, http: http(), log, stop, serving, _folder: None }
    }

    pub(crate) async fn until_healthy(&self) {
        for _ in 0..600 {
            if self.get("/health").await.body["status"] == "healthy" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not healthy within 30 s: {}", self.get("/health").await.body);
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        let reply = self.http.get(format!("{}{path}", self.url)).send().await.expect("answered");
        let status = reply.status().as_u16();
        Reply { status, body: reply.json().await.expect("JSON") }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        let reply = self.http.post(format!("{}{path}", self.url)).json(body).send().await.expect("answered");
        let status = reply.status().as_u16();
        Reply { status, body: reply.json().await.expect("JSON") }
    }

    pub(crate) async fn ask(&self, question: &str) -> Reply {
        self.post("/query", &json!({ "question": question, "text": "plain" })).await
    }

    /// The events of a streamed answer: name and data.
    pub(crate) async fn stream(&self, question: &str) -> Vec<(String, Value)> {
        let request = json!({ "question": question, "text": "plain" });
        let reply = self
            .http
            .post(format!("{}/query/stream", self.url))
            .json(&request)
            .send()
            .await
            .expect("answered");
        assert_eq!(reply.status().as_u16(), 200);
        assert_eq!(reply.headers()["content-type"], "text/event-stream");
        let text = reply.text().await.expect("text");
        text.split("\n\n")
            .filter_map(|event| {
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let data = field("data: ")?;
                Some((field("event: ").expect("named"), serde_json::from_str(&data).expect("JSON")))
            })
            .collect()
    }

    /// Stops as SIGTERM would.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        self.serving.await.expect("ends well");
    }
}

/// Checks the error shape, field by field, and gives type and stage.
pub(crate) fn error_of(reply: &Reply) -> (u16, String, String) {
    let fields: Vec<_> = reply.body.as_object().expect("object").keys().map(String::as_str).collect();
    assert_eq!(fields, ["error", "error_type", "query", "stage", "timestamp"], "{}", reply.body);
    let text = |name: &str| reply.body[name].as_str().expect("text").to_owned();
    assert!(text("timestamp").ends_with('Z') && !text("error").is_empty());
    (reply.status, text("error_type"), text("stage"))
}
