//! The models a question can be put to, and what they cost.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use super::Usage;

/// Who writes the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// No model: figures and sentences quoted.
    Extractive,
    /// Amazon Bedrock.
    Bedrock,
    /// An OpenAI-compatible API.
    OpenAi,
}

/// A model, under the key that requests choose it by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What `model_key` names.
    pub key: String,
    /// Who serves it.
    pub provider: Provider,
    /// The provider's name for it.
    pub model_id: String,
    /// US dollars for 1,000 tokens read.
    pub input_price_per_1k: f64,
    /// US dollars for 1,000 tokens written.
    pub output_price_per_1k: f64,
    /// The longest answer that is asked for.
    #[serde(default = "default_max_output")]
    pub max_output_tokens: u32,
}

fn default_max_output() -> u32 {
    2_000
}

/// A model as `GET /meta` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelView {
    /// What `model_key` names.
    pub key: String,
    /// The provider's name for it.
    pub model_id: String,
    /// US dollars for 1,000 tokens read.
    pub input_price_per_1k: f64,
    /// US dollars for 1,000 tokens written.
    pub output_price_per_1k: f64,
}

impl Model {
    fn new(key: &str, provider: Provider, model_id: &str, input: f64, output: f64) -> Self {
        Self {
            key: key.to_owned(),
            provider,
            model_id: model_id.to_owned(),
            input_price_per_1k: input,
            output_price_per_1k: output,
            max_output_tokens: default_max_output(),
        }
    }

    /// The price of a call in US dollars.
    pub fn cost(&self, usage: Usage) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
        let thousands = |tokens: u64| tokens as f64 / 1000.0;
        thousands(usage.input) * self.input_price_per_1k + thousands(usage.output) * self.output_price_per_1k
    }

    /// The public part.
    pub fn view(&self) -> ModelView {
        ModelView {
            key: self.key.clone(),
            model_id: self.model_id.clone(),
            input_price_per_1k: self.input_price_per_1k,
            output_price_per_1k: self.output_price_per_1k,
        }
    }
}

/// Why a catalogue is none.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// Not a list of models.
    #[error("the model catalogue is not a JSON list of models")]
    Json(#[from] serde_json::Error),
    /// The same key twice.
    #[error("the model catalogue has the key `{key}` twice")]
    Twice {
        /// The key.
        key: String,
    },
    /// The default is not among them.
    #[error("the model catalogue has no `{key}`\nhint: known are {known}")]
    NoDefault {
        /// The key asked for.
        key: String,
        /// The keys there are.
        known: String,
    },
}

/// All models that can be asked for, the default first.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    models: Vec<Model>,
}

/// The key of the keyless answer, always there.
const EXTRACTIVE: &str = "extractive";

impl Catalogue {
    /// The catalogue for one provider: its own models (or `custom`, a JSON list, in their place) and `extractive`.
    ///
    /// Keys of Bedrock's are those the original service used. Prices are the providers' public list prices
    /// for on-demand use in US regions (aws.amazon.com/bedrock/pricing, openai.com/api/pricing); who pays
    /// others gives a catalogue of their own.
    pub fn new(
        provider: Provider,
        custom: Option<&str>,
        default: Option<&str>,
    ) -> Result<Self, CatalogueError> {
        let mut models: Vec<Model> = match custom {
            Some(json) => serde_json::from_str(json)?,
            None => builtin(provider),
        };
        models.retain(|model| model.provider == provider || model.provider == Provider::Extractive);
        if !models.iter().any(|model| model.key == EXTRACTIVE) {
            models.push(Model::new(EXTRACTIVE, Provider::Extractive, EXTRACTIVE, 0.0, 0.0));
        }
        for (n, model) in models.iter().enumerate() {
            if models[..n].iter().any(|earlier| earlier.key == model.key) {
                return Err(CatalogueError::Twice { key: model.key.clone() });
            }
        }
        let mut catalogue = Self { models };
        if let Some(key) = default {
            let place =
                catalogue.models.iter().position(|model| model.key == key).ok_or_else(|| {
                    CatalogueError::NoDefault { key: key.to_owned(), known: catalogue.known() }
                })?;
            catalogue.models.swap(0, place);
        }
        Ok(catalogue)
    }

    /// The model of a key, or the default; an unknown key is an error for the asker.
    pub fn pick(&self, key: Option<&str>) -> Result<&Model, String> {
        match key {
            None => Ok(&self.models[0]),
            Some(key) => self
                .models
                .iter()
                .find(|model| model.key == key)
                .ok_or_else(|| format!("model_key `{key}` is unknown\nhint: known are {}", self.known())),
        }
    }

    /// All models, the default first.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    fn known(&self) -> String {
        self.models.iter().map(|model| model.key.as_str()).collect::<Vec<_>>().join(", ")
    }
}

fn builtin(provider: Provider) -> Vec<Model> {
    let model = |key, id, input, output| Model::new(key, provider, id, input, output);
    match provider {
        Provider::Extractive => Vec::new(),
        Provider::Bedrock => vec![
            model("production_balanced", "us.anthropic.claude-haiku-4-5-20251001-v1:0", 0.001, 0.005),
            model("production_premium", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 0.003, 0.015),
            model("development", "us.anthropic.claude-3-5-haiku-20241022-v1:0", 0.0008, 0.004),
        ],
        Provider::OpenAi => vec![
            model("balanced", "gpt-4.1-mini", 0.0004, 0.0016),
            model("premium", "gpt-4.1", 0.002, 0.008),
            model("development", "gpt-4o-mini", 0.00015, 0.0006),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_has_a_default_and_the_keyless_answer() {
        for (provider, default) in [
            (Provider::Extractive, "extractive"),
            (Provider::Bedrock, "production_balanced"),
            (Provider::OpenAi, "balanced"),
        ] {
            let catalogue = Catalogue::new(provider, None, None).expect("builtin");
            assert_eq!(catalogue.pick(None).expect("default").key, default);
            assert!(catalogue.pick(Some("extractive")).is_ok());
        }
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_known() {
        let catalogue = Catalogue::new(Provider::Bedrock, None, Some("development")).expect("builtin");
        assert_eq!(catalogue.pick(None).expect("default").key, "development");
        let error = catalogue.pick(Some("gpt-9")).expect_err("unknown");
        assert_eq!(
            error,
            "model_key `gpt-9` is unknown\n\
             hint: known are development, production_premium, production_balanced, extractive"
        );
    }

    #[test]
    fn a_call_costs_what_its_tokens_cost() {
        let catalogue = Catalogue::new(Provider::Bedrock, None, None).expect("builtin");
        let model = catalogue.pick(None).expect("default");
        let cost = model.cost(Usage { input: 12_000, output: 400 });
        assert!((cost - 0.014).abs() < 1e-12, "{cost}");
    }

    #[test]
    fn a_custom_catalogue_replaces_ours() {
        let json = r#"[{"key":"local","provider":"openai","model_id":"llama","input_price_per_1k":0,"output_price_per_1k":0}]"#;
        let catalogue = Catalogue::new(Provider::OpenAi, Some(json), None).expect("custom");
        let keys: Vec<_> = catalogue.models().iter().map(|model| model.key.as_str()).collect();
        assert_eq!(keys, ["local", "extractive"]);
        let twice = format!("[{0},{0}]", &json[1..json.len() - 1]);
        assert!(matches!(
            Catalogue::new(Provider::OpenAi, Some(&twice), None),
            Err(CatalogueError::Twice { .. })
        ));
        assert!(matches!(Catalogue::new(Provider::OpenAi, Some("{}"), None), Err(CatalogueError::Json(_))));
    }
}
