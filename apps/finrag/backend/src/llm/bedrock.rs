//! Amazon Bedrock's Converse and ConverseStream.

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::Credentials;
use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::primitives::event_stream::EventReceiver;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ContentBlockDelta, ConversationRole, ConverseOutput, ConverseStreamOutput,
    InferenceConfiguration, Message, SystemContentBlock, TokenUsage,
};
use aws_smithy_http_client::tls;
use futures_util::{StreamExt, stream};
use std::time::Duration;

use super::error::{chain, shorten};
use super::{LlmError, Model, Piece, Pieces, Prompt, Usage};

/// How Bedrock is reached. What is left out comes from the usual AWS environment and profile files,
/// `AWS_ENDPOINT_URL_BEDROCK_RUNTIME` and `AWS_ENDPOINT_URL` included.
#[derive(Debug, Clone, Default)]
pub struct BedrockSettings {
    /// Overrides the endpoint the environment names.
    pub endpoint: Option<String>,
    /// Overrides the region the environment names.
    pub region: Option<String>,
    /// Access key id and secret, instead of the environment's.
    pub keys: Option<(String, String)>,
    /// Opening a connection may take this long.
    pub connect: Duration,
}

/// A client of Bedrock's runtime.
#[derive(Debug, Clone)]
pub struct Bedrock {
    client: Client,
}

/// The region used when neither settings nor environment name one.
const DEFAULT_REGION: &str = "us-east-1";

impl Bedrock {
    /// Reads the AWS environment once; no request is made.
    pub async fn new(settings: BedrockSettings) -> Self {
        Self { client: Client::new(&sdk_config(settings).await) }
    }

    /// The SDK's client, for what is not a conversation (embeddings).
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) async fn whole(&self, model: &Model, prompt: &Prompt) -> Result<Pieces, LlmError> {
        let reply = self
            .client
            .converse()
            .model_id(&model.model_id)
            .system(SystemContentBlock::Text(prompt.system.clone()))
            .messages(message(prompt)?)
            .inference_config(inference(model))
            .send()
            .await
            .map_err(failure)?;
        let text = match reply.output() {
            Some(ConverseOutput::Message(message)) => {
                message.content().iter().filter_map(|block| block.as_text().ok()).cloned().collect::<String>()
            }
            Some(_) | None => {
                return Err(LlmError::Nonsense { reason: "the reply holds no message".to_owned() });
            }
        };
        let done = Piece::Done {
            stop_reason: reply.stop_reason().as_str().to_owned(),
            usage: reply.usage().map(counts),
        };
        Ok(stream::iter([Ok(Piece::Text(text)), Ok(done)]).boxed())
    }

    pub(super) async fn stream(&self, model: &Model, prompt: &Prompt) -> Result<Pieces, LlmError> {
        let reply = self
            .client
            .converse_stream()
            .model_id(&model.model_id)
            .system(SystemContentBlock::Text(prompt.system.clone()))
            .messages(message(prompt)?)
            .inference_config(inference(model))
            .send()
            .await
            .map_err(failure)?;
        let reader = Reader { events: reply.stream, stop_reason: None };
        Ok(stream::unfold(Some(reader), |reader| async move {
            let mut reader = reader?;
            match reader.next().await {
                Ok(Some(piece @ Piece::Text(_))) => Some((Ok(piece), Some(reader))),
                Ok(Some(piece @ Piece::Done { .. })) => Some((Ok(piece), None)),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed())
    }
}

struct Reader {
    events: EventReceiver<ConverseStreamOutput, ConverseStreamOutputError>,
    stop_reason: Option<String>,
}

impl Reader {
    /// The next piece. `messageStop` says why the model stopped, `metadata` after it what it cost.
    async fn next(&mut self) -> Result<Option<Piece>, LlmError> {
        loop {
            let event = match self.events.recv().await {
                Ok(event) => event,
                Err(SdkError::ServiceError(error)) => return Err(exception(error.err())),
                Err(error) => return Err(LlmError::Broken { reason: chain(&error) }),
            };
            match event {
                Some(ConverseStreamOutput::ContentBlockDelta(event)) => {
                    if let Some(ContentBlockDelta::Text(text)) = event.delta {
                        return Ok(Some(Piece::Text(text)));
                    }
                }
                Some(ConverseStreamOutput::MessageStop(event)) => {
                    self.stop_reason = Some(event.stop_reason.as_str().to_owned());
                }
                Some(ConverseStreamOutput::Metadata(event)) => {
                    if let Some(stop_reason) = self.stop_reason.take() {
                        let usage = event.usage.as_ref().map(counts);
                        return Ok(Some(Piece::Done { stop_reason, usage }));
                    }
                }
                // The SDK's enum is open: events we do not know carry nothing we need.
                Some(_) => {}
                None => {
                    let end = self.stop_reason.take();
                    return Ok(end.map(|stop_reason| Piece::Done { stop_reason, usage: None }));
                }
            }
        }
    }
}

async fn sdk_config(settings: BedrockSettings) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        // Our own single retry and our own limits: two layers of either would multiply.
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(settings.connect).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(endpoint) = settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some((id, secret)) = settings.keys {
        loader = loader.credentials_provider(Credentials::new(id, secret, None, None, "finrag settings"));
    }
    loader = match settings.region {
        Some(region) => loader.region(Region::new(region)),
        None => loader.region(
            aws_config::meta::region::RegionProviderChain::default_provider().or_else(DEFAULT_REGION),
        ),
    };
    loader.load().await
}

fn message(prompt: &Prompt) -> Result<Message, LlmError> {
    Message::builder()
        .role(ConversationRole::User)
        .content(ContentBlock::Text(prompt.user.clone()))
        .build()
        .map_err(|e| LlmError::Refused { code: "request".to_owned(), message: e.to_string() })
}

fn inference(model: &Model) -> InferenceConfiguration {
    let most = i32::try_from(model.max_output_tokens).unwrap_or(i32::MAX);
    InferenceConfiguration::builder().max_tokens(most).temperature(0.0).build()
}

fn counts(usage: &TokenUsage) -> Usage {
    let number = |n: i32| u64::try_from(n).unwrap_or(0);
    Usage { input: number(usage.input_tokens()), output: number(usage.output_tokens()) }
}

fn failure<E, R>(error: SdkError<E, R>) -> LlmError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match &error {
        SdkError::ServiceError(inner) => service(inner.err()),
        SdkError::ResponseError(_) => LlmError::Nonsense { reason: chain(&error) },
        // All else happened before a reply: no connection, no credentials, no request.
        SdkError::ConstructionFailure(_) | SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | _ => {
            LlmError::Connect { reason: chain(&error) }
        }
    }
}

/// An exception sent as an event. Unlike an error status it carries its name in the event's type alone.
fn exception(error: &ConverseStreamOutputError) -> LlmError {
    let name = if error.is_throttling_exception() {
        "ThrottlingException"
    } else if error.is_validation_exception() {
        "ValidationException"
    } else if error.is_service_unavailable_exception() {
        "ServiceUnavailableException"
    } else if error.is_internal_server_exception() {
        "InternalServerException"
    } else if error.is_model_stream_error_exception() {
        "ModelStreamErrorException"
    } else {
        return service(error);
    };
    let message = shorten(error.message().unwrap_or(name));
    if error.is_throttling_exception() {
        LlmError::Throttled { message }
    } else {
        LlmError::Refused { code: name.to_owned(), message }
    }
}

fn service<E: ProvideErrorMetadata + std::error::Error>(error: &E) -> LlmError {
    let code = error.code().unwrap_or_default();
    let message = shorten(error.message().map_or_else(|| chain(error), str::to_owned).as_str());
    match code {
        "ThrottlingException" | "TooManyRequestsException" => LlmError::Throttled { message },
        "" => LlmError::Nonsense { reason: message },
        code => LlmError::Refused { code: code.to_owned(), message },
    }
}
