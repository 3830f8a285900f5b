//! Language models over HTTP: what is asked, what comes back, and what can go wrong in between.

mod bedrock;
mod catalogue;
mod error;
mod openai;
mod reading;
mod sse;

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;

pub use self::bedrock::{Bedrock, BedrockSettings};
pub use self::catalogue::{Catalogue, CatalogueError, Model, ModelView, Provider};
pub use self::error::LlmError;
pub(crate) use self::error::chain as error_chain;
pub use self::openai::{OpenAi, OpenAiSettings};
pub use self::reading::Reading;

/// What a model is asked: rules it must keep, and the fenced data with the question.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The rules; never contains anything from a filing or a user.
    pub system: String,
    /// The fenced data and the question.
    pub user: String,
}

/// Whether the answer is wanted at once or as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One reply holding the whole answer.
    Whole,
    /// Pieces, as soon as the model has them.
    Stream,
}

/// Tokens the provider says it has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read.
    pub input: u64,
    /// Tokens written.
    pub output: u64,
}

/// One step of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text to be appended to the answer.
    Text(String),
    /// The provider's closing words; nothing comes after.
    Done {
        /// Why the model stopped, in the provider's word.
        stop_reason: String,
        /// Absent when the provider does not count.
        usage: Option<Usage>,
    },
}

/// A reply as a provider sends it, before time limits are laid over it.
pub(crate) type Pieces = BoxStream<'static, Result<Piece, LlmError>>;

/// How long each part of a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Opening the connection.
    pub connect: Duration,
    /// From asking to the first piece of text of a streamed reply.
    pub first_token: Duration,
    /// The whole call.
    pub total: Duration,
    /// The pause before the one retry that throttling gets.
    pub retry_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_token: Duration::from_secs(30),
            total: Duration::from_secs(120),
            retry_pause: Duration::from_millis(700),
        }
    }
}

/// A provider reached over the network.
#[derive(Debug, Clone)]
pub enum Remote {
    /// Amazon Bedrock's Converse API.
    Bedrock(Bedrock),
    /// Anything that speaks OpenAI's chat completions.
    OpenAi(OpenAi),
}

impl Remote {
    async fn open(&self, model: &Model, prompt: &Prompt, mode: Mode) -> Result<Pieces, LlmError> {
        match (self, mode) {
            (Remote::Bedrock(client), Mode::Whole) => client.whole(model, prompt).await,
            (Remote::Bedrock(client), Mode::Stream) => client.stream(model, prompt).await,
            (Remote::OpenAi(client), Mode::Whole) => client.whole(model, prompt).await,
            (Remote::OpenAi(client), Mode::Stream) => client.stream(model, prompt).await,
        }
    }

    /// Asks, and gives a reply under `limits`. A throttled call is retried once; nothing else is.
    pub async fn ask(
        self: &Arc<Self>,
        model: &Model,
        prompt: &Prompt,
        mode: Mode,
        limits: Limits,
    ) -> Result<Reading, LlmError> {
        reading::start(mode, limits, || self.open(model, prompt, mode)).await
    }
}
