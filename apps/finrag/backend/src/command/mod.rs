//! The subcommands of `finrag`.

mod eval;
mod ingest;
mod serve;

pub use self::eval::{EvalArgs, eval, table};
pub use self::ingest::{IngestArgs, ingest};
pub use self::serve::serve;
