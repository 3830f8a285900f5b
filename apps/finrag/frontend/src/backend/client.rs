//! Requests to the backend.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, header};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::timeout;

use super::sse::Reader;
use super::{Failure, Health, Meta, Neighbours, QueryResponse, StreamEvent};
use crate::question::Question;
use crate::settings::Timeouts;

/// The largest body read whole.
const LARGEST_BODY: usize = 8 << 20;

/// How long after a refused connection it is tried once more: a backend that is just being replaced is back by then.
const SECOND_TRY: Duration = Duration::from_millis(300);

/// The way to the backend.
///
/// It keeps no connection open between requests: one kept through a sleep would be dead at the first request after it,
/// and a pool needs a timer that wakes the process.
#[derive(Debug, Clone)]
pub struct Backend {
    http: Client,
    base: Url,
    timeouts: Timeouts,
}

impl Backend {
    /// A way to the backend at `base`.
    pub fn new(base: Url, timeouts: Timeouts) -> Result<Self, reqwest::Error> {
        // The first to ask decides for the process; a provider that is already there serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .no_proxy()
            .connect_timeout(timeouts.connect)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("finrag-frontend/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, base, timeouts })
    }

    /// Asks how it is.
    pub async fn health(&self) -> Result<Health, Failure> {
        self.aside(self.request(Method::GET, &["health"])).await
    }

    /// Asks what it holds.
    pub async fn meta(&self) -> Result<Meta, Failure> {
        self.aside(self.request(Method::GET, &["meta"])).await
    }

    /// Asks for the sentences within `around` places of one; `None` where there is no such sentence.
    pub async fn neighbours(&self, sentence_id: &str, around: u8) -> Result<Option<Neighbours>, Failure> {
        let mut request = self.request(Method::GET, &["sentences", sentence_id]);
        request = request.header(header::ACCEPT, "application/json");
        let (client, request) = request.build_split();
        let mut request = request.map_err(|error| Failure::of_request(&error))?;
        request.url_mut().query_pairs_mut().append_pair("around", &around.to_string());
        match self.aside(RequestBuilder::from_parts(client, request)).await {
            Err(Failure::Status(404)) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Asks a question after `earlier` ones of the same talk, and returns what follows it. A backend without streams is asked for the whole answer.
    pub async fn ask(&self, question: &Question, earlier: &[String]) -> Result<Answering, Failure> {
        let response = match self.post(&["query", "stream"], question, earlier).await {
            Err(Failure::Unreachable) => {
                tokio::time::sleep(SECOND_TRY).await;
                self.post(&["query", "stream"], question, earlier).await?
            }
            other => other?,
        };
        let (response, streamed) = match response.status() {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                (self.post(&["query"], question, earlier).await?, false)
            }
            _ => (response, true),
        };
        let status = response.status();
        if !status.is_success() {
            let body = body(response).await.unwrap_or_default();
            return Err(Failure::of_status(status.as_u16(), &body));
        }
        let mut answering = Answering { response, reader: Reader::default(), ready: VecDeque::new() };
        if !streamed {
            let body = body_of(&mut answering.response).await?;
            let answer: QueryResponse = serde_json::from_slice(&body).map_err(|_| Failure::Unreadable)?;
            answering.ready.push_back(StreamEvent::Done(Box::new(answer)));
        }
        Ok(answering)
    }

    async fn post(
        &self,
        path: &[&str],
        question: &Question,
        earlier: &[String],
    ) -> Result<Response, Failure> {
        let mut body = json!({ "question": question.as_str(), "include_kpi": true, "include_rag": true });
        if !earlier.is_empty() {
            body["earlier"] = json!(earlier);
        }
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "text/event-stream, application/json")
            .body(body.to_string());
        let sent = timeout(self.timeouts.first_byte, request.send()).await;
        sent.map_err(|_| Failure::TimedOut)?.map_err(|error| Failure::of_request(&error))
    }

    /// Sends what a page shows only beside the rest, and does not wait long for it.
    async fn aside<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let fetch = async {
            let response = request.send().await.map_err(|error| Failure::of_request(&error))?;
            let status = response.status();
            let body = body(response).await?;
            if status.is_success() {
                serde_json::from_slice(&body).map_err(|_| Failure::Unreadable)
            } else {
                Err(Failure::of_status(status.as_u16(), &body))
            }
        };
        timeout(self.timeouts.aside, fetch).await.unwrap_or(Err(Failure::TimedOut))
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        self.http.request(method, url)
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, Failure> {
    body_of(&mut response).await
}

async fn body_of(response: &mut Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::of_request(&error))? {
        if body.len() + chunk.len() > LARGEST_BODY {
            return Err(Failure::Unreadable);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An answer on its way.
#[derive(Debug)]
pub struct Answering {
    response: Response,
    reader: Reader,
    ready: VecDeque<StreamEvent>,
}

impl Answering {
    /// The next event. A stream that ends has broken off: the caller stops at [`StreamEvent::Done`] or
    /// [`StreamEvent::Error`].
    pub async fn next(&mut self) -> Result<StreamEvent, Failure> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let chunk = self.response.chunk().await.map_err(|error| Failure::of_request(&error))?;
            let Some(chunk) = chunk else { return Err(Failure::CutShort) };
            for raw in self.reader.feed(&chunk).map_err(|_| Failure::Unreadable)? {
                let event = StreamEvent::parse(&raw.event, &raw.data).map_err(|_| Failure::Unreadable)?;
                self.ready.push_back(event);
            }
        }
    }
}
