//! Settings as typed. Every flag has an environment variable; an empty variable counts as absent.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::llm::Provider;

/// Where the data is.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// Folder or s3://bucket/prefix of the tables; a relative folder is relative to the working directory
    #[arg(long = "data", env = "FINRAG_DATA", default_value = "data")]
    pub root: String,
}

/// Who embeds text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum EmbedKind {
    /// Nobody: BM25 alone
    #[default]
    None,
    /// Cohere's models on Amazon Bedrock
    Bedrock,
    /// An OpenAI-compatible API
    Openai,
    /// A MiniLM-class model on this machine; needs the `minilm` build feature and FINRAG_EMBED_MODEL, a folder
    Minilm,
}

/// How questions (and sentences, while ingesting) are embedded.
#[derive(Debug, Clone, Args, Default)]
pub struct EmbedArgs {
    /// Who embeds
    #[arg(long, env = "FINRAG_EMBED", value_enum)]
    pub embed: Option<EmbedKind>,
    /// The embedding model's name, or its folder for minilm
    #[arg(long, env = "FINRAG_EMBED_MODEL")]
    pub embed_model: Option<String>,
    /// The length of its vectors
    #[arg(long, env = "FINRAG_EMBED_DIMS")]
    pub embed_dims: Option<usize>,
    /// Base URL of the OpenAI-compatible API, with its version path
    #[arg(long, env = "OPENAI_BASE_URL")]
    pub openai_base_url: Option<String>,
    /// Its key
    #[arg(long, env = "OPENAI_API_KEY", hide_env_values = true)]
    pub openai_api_key: Option<String>,
}

impl ValueEnum for Provider {
    fn value_variants<'a>() -> &'a [Self] {
        &[Provider::Extractive, Provider::Bedrock, Provider::OpenAi]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            Provider::Extractive => "extractive",
            Provider::Bedrock => "bedrock",
            Provider::OpenAi => "openai",
        }))
    }
}

/// Settings of `finrag serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    /// Where the data is.
    pub data: DataArgs,
    #[command(flatten)]
    /// How questions are embedded.
    pub embed: EmbedArgs,
    /// Address to listen on [default: 0.0.0.0:$PORT, or 0.0.0.0:8000]
    #[arg(long, env = "FINRAG_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Port on all addresses, when FINRAG_LISTEN says nothing
    #[arg(long, env = "PORT")]
    pub port: Option<u16>,
    /// Who writes the answers [default: extractive]
    #[arg(long, env = "FINRAG_LLM", value_enum)]
    pub llm: Option<Provider>,
    /// The key of the default model
    #[arg(long, env = "FINRAG_MODEL")]
    pub model: Option<String>,
    /// A JSON file with models and prices, in place of the built-in catalogue
    #[arg(long, env = "FINRAG_MODELS")]
    pub models: Option<PathBuf>,
    /// Where query log segments go [default: logs/queries below the data]
    #[arg(long, env = "FINRAG_LOG")]
    pub log: Option<String>,
    /// How often to look for newer data: a duration, or `off` [default: 5m from S3, off from a folder]
    #[arg(long, env = "FINRAG_REFRESH")]
    pub refresh: Option<String>,
    /// Limit for connecting to the model [default: 5s]
    #[arg(long, env = "FINRAG_LLM_CONNECT_TIMEOUT")]
    pub llm_connect_timeout: Option<String>,
    /// Limit for the first word of a streamed answer [default: 30s]
    #[arg(long, env = "FINRAG_LLM_FIRST_TOKEN_TIMEOUT")]
    pub llm_first_token_timeout: Option<String>,
    /// Limit for a whole answer [default: 120s]
    #[arg(long, env = "FINRAG_LLM_TIMEOUT")]
    pub llm_timeout: Option<String>,
    /// How long a stop waits for queries in flight [default: 20s]
    #[arg(long, env = "FINRAG_DRAIN")]
    pub drain: Option<String>,
    /// Retrievals that run at once [default: one a core, and one more]
    #[arg(long, env = "FINRAG_WORKERS")]
    pub workers: Option<usize>,
}
