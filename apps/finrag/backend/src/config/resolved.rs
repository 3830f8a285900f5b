//! Settings as resolved: nothing left to look up, every mistake found.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use finrag_engine::{DataRoot, Embedder, RootError};
use jiff::SignedDuration;
use thiserror::Error;

use super::typed::{EmbedArgs, EmbedKind, ServeArgs};
use crate::data::Pace;
use crate::embed::{BedrockEmbedder, OpenAiEmbedder};
use crate::llm::{Bedrock, BedrockSettings, Catalogue, CatalogueError, Limits, OpenAiSettings, Provider};
use crate::querylog::{LogPace, LogPlace};

/// Which provider writes answers, and how it is reached.
#[derive(Debug, Clone)]
pub enum LlmChoice {
    /// None.
    Extractive,
    /// Amazon Bedrock.
    Bedrock(BedrockSettings),
    /// An OpenAI-compatible API.
    OpenAi(OpenAiSettings),
}

/// Which model embeds questions.
#[derive(Debug, Clone)]
pub enum EmbedChoice {
    /// None.
    None,
    /// Cohere on Bedrock: model id and vector length.
    Bedrock {
        /// The model's id.
        model: String,
        /// The length of its vectors.
        dims: usize,
    },
    /// An OpenAI-compatible API.
    OpenAi {
        /// Where it is.
        settings: OpenAiSettings,
        /// The model's name.
        model: String,
        /// The length of its vectors.
        dims: usize,
    },
    /// A model on this machine.
    MiniLm {
        /// The folder with its files.
        folder: PathBuf,
    },
}

/// All that a running service needs to know.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The tables.
    pub data: DataRoot,
    /// The query log.
    pub log: LogPlace,
    /// The address to bind.
    pub listen: SocketAddr,
    /// Who writes answers.
    pub llm: LlmChoice,
    /// Which models there are.
    pub catalogue: Catalogue,
    /// Time limits of a model's call.
    pub limits: Limits,
    /// Who embeds questions.
    pub embed: EmbedChoice,
    /// How eagerly data is loaded and refreshed.
    pub pace: Pace,
    /// When the query log is written.
    pub log_pace: LogPace,
    /// How long a stop waits for queries in flight.
    pub drain: Duration,
    /// Retrievals that run at once.
    pub workers: usize,
    /// Whether AWS credentials seem to be there, for `GET /health`.
    pub aws_configured: bool,
}

/// A setting that makes no sense.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The data root.
    #[error("FINRAG_DATA cannot be used")]
    Data(#[source] RootError),
    /// The log root.
    #[error("FINRAG_LOG cannot be used")]
    Log(#[source] RootError),
    /// A duration.
    #[error("{name} is `{given}`, which is no duration\nhint: write it as in `500ms`, `30s` or `5m`")]
    Duration {
        /// The variable.
        name: &'static str,
        /// What was given.
        given: String,
    },
    /// The catalogue's file.
    #[error("failed to read the model catalogue {path}")]
    ModelsFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The catalogue itself.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The embedding model.
    #[error("FINRAG_EMBED={kind} needs FINRAG_EMBED_MODEL: the {what}")]
    EmbedModel {
        /// The kind chosen.
        kind: &'static str,
        /// What is missing.
        what: &'static str,
    },
    /// The embedder could not be made.
    #[error("FINRAG_EMBED cannot be used: {reason}")]
    Embedder {
        /// Why.
        reason: String,
    },
}

const DEFAULT_PORT: u16 = 8000;
const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";
/// The newest English-only model of Cohere's that Bedrock serves everywhere, and its vectors' length.
const COHERE: (&str, usize) = ("cohere.embed-english-v3", 1024);
const OPENAI_EMBEDDING: (&str, usize) = ("text-embedding-3-small", 1536);
const S3_REFRESH: Duration = Duration::from_secs(300);
const DRAIN: Duration = Duration::from_secs(20);
/// Any of these says that AWS credentials can be found; finding them may take a request, which `/health` never makes.
const AWS_SIGNS: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

fn given(value: Option<&String>) -> Option<&str> {
    value.map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn duration(
    name: &'static str,
    value: Option<&String>,
    default: Duration,
) -> Result<Duration, SettingsError> {
    let Some(text) = given(value) else { return Ok(default) };
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| SettingsError::Duration { name, given: text.to_owned() })
}

fn openai(args: &EmbedArgs) -> OpenAiSettings {
    let base = given(args.openai_base_url.as_ref()).unwrap_or(OPENAI_BASE_URL);
    OpenAiSettings {
        base_url: base.trim_end_matches('/').to_owned(),
        api_key: given(args.openai_api_key.as_ref()).map(str::to_owned),
    }
}

impl EmbedArgs {
    /// The choice these arguments make.
    pub fn resolve(&self) -> Result<EmbedChoice, SettingsError> {
        let model = given(self.embed_model.as_ref());
        let named =
            |(name, dims): (&str, usize)| (model.unwrap_or(name).to_owned(), self.embed_dims.unwrap_or(dims));
        Ok(match self.embed.unwrap_or_default() {
            EmbedKind::None => EmbedChoice::None,
            EmbedKind::Bedrock => {
                let (model, dims) = named(COHERE);
                EmbedChoice::Bedrock { model, dims }
            }
            EmbedKind::Openai => {
                let (model, dims) = named(OPENAI_EMBEDDING);
                EmbedChoice::OpenAi { settings: openai(self), model, dims }
            }
            EmbedKind::Minilm => {
                let what = "folder with model.safetensors, tokenizer.json and config.json";
                let folder = model.ok_or(SettingsError::EmbedModel { kind: "minilm", what })?;
                EmbedChoice::MiniLm { folder: folder.into() }
            }
        })
    }
}

impl ServeArgs {
    /// Resolves all settings, reading the catalogue's file if one is named. No request is made.
    pub fn resolve(&self) -> Result<Resolved, SettingsError> {
        let data = DataRoot::parse(self.data.root.trim()).map_err(SettingsError::Data)?;
        let log = match given(self.log.as_ref()) {
            Some(root) => LogPlace::new(DataRoot::parse(root).map_err(SettingsError::Log)?, ""),
            None => LogPlace::new(data.clone(), "logs/queries"),
        };
        let port = self.port.unwrap_or(DEFAULT_PORT);
        let provider = self.llm.unwrap_or(Provider::Extractive);
        let defaults = Limits::default();
        let limits = Limits {
            connect: duration(
                "FINRAG_LLM_CONNECT_TIMEOUT",
                self.llm_connect_timeout.as_ref(),
                defaults.connect,
            )?,
            first_token: duration(
                "FINRAG_LLM_FIRST_TOKEN_TIMEOUT",
                self.llm_first_token_timeout.as_ref(),
                defaults.first_token,
            )?,
            total: duration("FINRAG_LLM_TIMEOUT", self.llm_timeout.as_ref(), defaults.total)?,
            ..defaults
        };
        let custom = match &self.models {
            Some(path) if !path.as_os_str().is_empty() => Some(
                std::fs::read_to_string(path)
                    .map_err(|source| SettingsError::ModelsFile { path: path.clone(), source })?,
            ),
            Some(_) | None => None,
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Resolved {
            log,
            listen: self.listen.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
            llm: match provider {
                Provider::Extractive => LlmChoice::Extractive,
                Provider::Bedrock => LlmChoice::Bedrock(BedrockSettings {
                    connect: limits.connect,
                    ..BedrockSettings::default()
                }),
                Provider::OpenAi => LlmChoice::OpenAi(openai(&self.embed)),
            },
            catalogue: Catalogue::new(provider, custom.as_deref(), given(self.model.as_ref()))?,
            limits,
            embed: self.embed.resolve()?,
            pace: Pace { refresh: self.refresh_interval()?, ..Pace::default() },
            log_pace: LogPace::default(),
            drain: duration("FINRAG_DRAIN", self.drain.as_ref(), DRAIN)?,
            // One more than cores: while a turn changes hands, no core stands idle.
            workers: self.workers.unwrap_or(cores + 1),
            aws_configured: AWS_SIGNS
                .iter()
                .any(|name| std::env::var(name).is_ok_and(|value| !value.is_empty())),
            data,
        })
    }

    fn refresh_interval(&self) -> Result<Option<Duration>, SettingsError> {
        match given(self.refresh.as_ref()) {
            Some("off" | "0" | "0s" | "never") => Ok(None),
            // A folder's reader can restart the service; a timer would wake it for nothing.
            None => Ok(self.data.root.trim().starts_with("s3://").then_some(S3_REFRESH)),
            Some(_) => duration("FINRAG_REFRESH", self.refresh.as_ref(), S3_REFRESH).map(Some),
        }
    }
}

/// Makes the embedder that was chosen.
pub async fn embedder(
    choice: &EmbedChoice,
    http: &reqwest::Client,
    limits: Limits,
) -> Result<Option<Arc<dyn Embedder>>, SettingsError> {
    Ok(match choice {
        EmbedChoice::None => None,
        EmbedChoice::Bedrock { model, dims } => {
            let settings = BedrockSettings { connect: limits.connect, ..BedrockSettings::default() };
            let client = Bedrock::new(settings).await;
            Some(Arc::new(BedrockEmbedder::new(client, model.clone(), *dims)))
        }
        EmbedChoice::OpenAi { settings, model, dims } => {
            Some(Arc::new(OpenAiEmbedder::new(http.clone(), settings.clone(), model.clone(), *dims)))
        }
        EmbedChoice::MiniLm { folder } => Some(crate::embed::minilm(folder)?),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn resolve(line: &[&str]) -> Result<Resolved, SettingsError> {
        let folder = tempfile::tempdir().expect("folder");
        let data = folder.path().to_str().expect("text");
        let line = [&["finrag", "--data", data], line].concat();
        Line::try_parse_from(line).expect("parses").serve.resolve()
    }

    #[test]
    fn without_settings_it_is_keyless_on_port_8000() {
        let resolved = resolve(&[]).expect("resolves");
        assert_eq!(resolved.listen, "0.0.0.0:8000".parse().expect("address"));
        assert!(matches!(resolved.llm, LlmChoice::Extractive) && resolved.pace.refresh.is_none());
        assert_eq!(resolved.catalogue.models().len(), 1);
    }

    #[test]
    fn listening() {
        for (line, expected) in [
            (&["--port", "9001"][..], "0.0.0.0:9001"),
            (&["--port", "9001", "--listen", "127.0.0.1:7"], "127.0.0.1:7"),
        ] {
            assert_eq!(resolve(line).expect("resolves").listen, expected.parse().expect("address"));
        }
    }

    #[test]
    fn durations() {
        let resolved =
            resolve(&["--refresh", "1m", "--llm-timeout", "90s", "--llm-connect-timeout", "250ms"]);
        let resolved = resolved.expect("resolves");
        assert_eq!(resolved.pace.refresh, Some(Duration::from_secs(60)));
        assert_eq!(resolved.limits.total, Duration::from_secs(90));
        assert_eq!(resolved.limits.connect, Duration::from_millis(250));
        assert_eq!(resolve(&["--refresh", "off"]).expect("resolves").pace.refresh, None);
        for nonsense in ["soon", "0s", "-3s"] {
            let line = format!("--llm-timeout={nonsense}");
            let error = resolve(&[&line]).expect_err(nonsense).to_string();
            assert!(error.contains("FINRAG_LLM_TIMEOUT") && error.contains("hint:"), "{error}");
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let line = ["--llm", "openai", "--openai-api-key", "sk-secret", "--openai-base-url", "http://h/v1/"];
        let resolved = resolve(&line).expect("resolves");
        let shown = format!("{:?}", resolved.llm);
        assert!(!shown.contains("secret") && shown.contains("\"http://h/v1\""), "{shown}");
    }
}
