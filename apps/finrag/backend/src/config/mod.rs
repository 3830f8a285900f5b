//! Settings twice: as typed on the command line or in the environment, and as resolved into what the service runs on.

mod resolved;
mod typed;

pub use self::resolved::{EmbedChoice, LlmChoice, Resolved, SettingsError, embedder};
pub use self::typed::{DataArgs, EmbedArgs, EmbedKind, ServeArgs};
