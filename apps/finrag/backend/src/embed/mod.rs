//! Who turns questions and sentences into vectors, behind the engine's trait.

mod bedrock;
mod openai;

use std::path::Path;
use std::sync::Arc;

use finrag_engine::Embedder;

pub use self::bedrock::BedrockEmbedder;
pub use self::openai::OpenAiEmbedder;
use crate::config::SettingsError;

/// A model on this machine, from its folder.
#[cfg(feature = "minilm")]
pub fn minilm(folder: &Path) -> Result<Arc<dyn Embedder>, SettingsError> {
    let model = finrag_engine::minilm::MiniLm::load(folder)
        .map_err(|error| SettingsError::Embedder { reason: error.to_string() })?;
    Ok(Arc::new(model))
}

/// A model on this machine: not in this build.
#[cfg(not(feature = "minilm"))]
pub fn minilm(folder: &Path) -> Result<Arc<dyn Embedder>, SettingsError> {
    let reason = format!(
        "{} needs a build that has local models\nhint: build with `--features minilm`",
        folder.display()
    );
    Err(SettingsError::Embedder { reason })
}
