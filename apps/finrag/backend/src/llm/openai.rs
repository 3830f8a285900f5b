//! Chat completions as OpenAI defined them and many others serve them.

use futures_util::{StreamExt, stream};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::error::{chain, shorten};
use super::sse::DataLines;
use super::{LlmError, Model, Piece, Pieces, Prompt, Usage};

/// Where an OpenAI-compatible API is.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenAiSettings {
    /// With the version path, e.g. `https://api.openai.com/v1`; no slash at the end.
    pub base_url: String,
    /// Sent as a bearer token when given; local servers need none.
    pub api_key: Option<String>,
}

impl std::fmt::Debug for OpenAiSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenAiSettings")
            .field("base_url", &self.base_url)
            .field("api_key", &self.api_key.as_ref().map(|_| "…"))
            .finish()
    }
}

/// A client of an OpenAI-compatible API.
#[derive(Debug, Clone)]
pub struct OpenAi {
    http: reqwest::Client,
    settings: OpenAiSettings,
}

impl OpenAi {
    /// A client over `http`, whose connect timeout is the caller's to set.
    pub fn new(http: reqwest::Client, settings: OpenAiSettings) -> Self {
        Self { http, settings }
    }

    pub(super) async fn whole(&self, model: &Model, prompt: &Prompt) -> Result<Pieces, LlmError> {
        let reply = self.post(model, prompt, false).await?;
        let body = reply.bytes().await.map_err(|e| LlmError::Broken { reason: chain(&e) })?;
        let reply: Chat = serde_json::from_slice(&body).map_err(nonsense)?;
        let choice = reply
            .choices
            .into_iter()
            .next()
            .ok_or_else(|| LlmError::Nonsense { reason: "the reply has no choices".to_owned() })?;
        let text = choice.message.and_then(|message| message.content).unwrap_or_default();
        let done = Piece::Done {
            stop_reason: choice.finish_reason.unwrap_or_else(|| "stop".to_owned()),
            usage: reply.usage.map(Usage::from),
        };
        Ok(stream::iter([Ok(Piece::Text(text)), Ok(done)]).boxed())
    }

    pub(super) async fn stream(&self, model: &Model, prompt: &Prompt) -> Result<Pieces, LlmError> {
        let reply = self.post(model, prompt, true).await?;
        let reader = Reader {
            body: reply.bytes_stream().boxed(),
            lines: DataLines::default(),
            reply: Reply::default(),
        };
        let batches = stream::unfold(Some(reader), |reader| async move {
            let mut reader = reader?;
            match reader.advance().await {
                Ok((pieces, false)) => Some((pieces.into_iter().map(Ok).collect::<Vec<_>>(), Some(reader))),
                Ok((pieces, true)) => Some((pieces.into_iter().map(Ok).collect(), None)),
                Err(error) => Some((vec![Err(error)], None)),
            }
        });
        Ok(batches.flat_map(stream::iter).boxed())
    }

    async fn post(&self, model: &Model, prompt: &Prompt, streamed: bool) -> Result<Response, LlmError> {
        let mut body = json!({
            "model": model.model_id,
            "messages": [
                { "role": "system", "content": prompt.system },
                { "role": "user", "content": prompt.user },
            ],
            "max_tokens": model.max_output_tokens,
            "temperature": 0,
            "stream": streamed,
        });
        if streamed {
            // Without this most servers never say how many tokens a streamed answer took.
            body["stream_options"] = json!({ "include_usage": true });
        }
        let mut request = self.http.post(format!("{}/chat/completions", self.settings.base_url)).json(&body);
        if let Some(key) = &self.settings.api_key {
            request = request.bearer_auth(key);
        }
        let reply = request.send().await.map_err(|error| {
            let reason = chain(&error.without_url());
            LlmError::Connect { reason }
        })?;
        if reply.status().is_success() { Ok(reply) } else { Err(refusal(reply).await) }
    }
}

async fn refusal(reply: Response) -> LlmError {
    let status = reply.status();
    let body = reply.text().await.unwrap_or_default();
    let message = serde_json::from_str::<Failure>(&body).map_or(body, |failure| failure.error.message);
    let message = shorten(&message);
    if status == StatusCode::TOO_MANY_REQUESTS {
        LlmError::Throttled { message }
    } else {
        LlmError::Refused { code: status.as_u16().to_string(), message }
    }
}

fn nonsense(error: serde_json::Error) -> LlmError {
    LlmError::Nonsense { reason: format!("the reply is not a chat completion ({error})") }
}

struct Reader {
    body: stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    lines: DataLines,
    reply: Reply,
}

impl Reader {
    /// Reads one chunk; true when it held the end.
    async fn advance(&mut self) -> Result<(Vec<Piece>, bool), LlmError> {
        let Some(chunk) = self.body.next().await else {
            // Some servers close after `finish_reason` without the `[DONE]` line.
            return Ok((self.reply.end().into_iter().collect(), true));
        };
        let chunk = chunk.map_err(|e| LlmError::Broken { reason: chain(&e.without_url()) })?;
        let payloads = self.lines.push(&chunk).map_err(|reason| LlmError::Nonsense { reason })?;
        let mut pieces = Vec::new();
        for payload in payloads {
            if payload == "[DONE]" {
                self.reply.stop_reason.get_or_insert_with(|| "stop".to_owned());
                pieces.extend(self.reply.end());
                return Ok((pieces, true));
            }
            let part: Chat = serde_json::from_str(&payload).map_err(nonsense)?;
            pieces.extend(self.reply.take(part)?);
        }
        Ok((pieces, false))
    }
}

/// What a streamed reply has said so far about its end.
#[derive(Default)]
struct Reply {
    stop_reason: Option<String>,
    usage: Option<Usage>,
}

impl Reply {
    fn take(&mut self, part: Chat) -> Result<Option<Piece>, LlmError> {
        if let Some(failure) = part.error {
            return Err(LlmError::Refused { code: "stream".to_owned(), message: shorten(&failure.message) });
        }
        if let Some(usage) = part.usage {
            self.usage = Some(usage.into());
        }
        let Some(choice) = part.choices.into_iter().next() else { return Ok(None) };
        if choice.finish_reason.is_some() {
            self.stop_reason = choice.finish_reason;
        }
        Ok(choice.delta.and_then(|delta| delta.content).map(Piece::Text))
    }

    fn end(&mut self) -> Option<Piece> {
        let stop_reason = self.stop_reason.take()?;
        Some(Piece::Done { stop_reason, usage: self.usage })
    }
}

#[derive(Deserialize)]
struct Chat {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Counts>,
    error: Option<FailureBody>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Content>,
    delta: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Counts {
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

impl From<Counts> for Usage {
    fn from(counts: Counts) -> Self {
        Usage { input: counts.prompt_tokens, output: counts.completion_tokens }
    }
}

#[derive(Deserialize)]
struct Failure {
    error: FailureBody,
}

#[derive(Deserialize)]
struct FailureBody {
    message: String,
}
