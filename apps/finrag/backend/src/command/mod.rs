//! The subcommands of `finrag`.

mod audit;
mod eval;
mod ingest;
mod serve;

pub use self::audit::{AuditArgs, audit};
pub use self::eval::{EvalArgs, eval, table};
pub use self::ingest::{IngestArgs, ingest};
pub use self::serve::serve;
