//! Reading everything, and every change there is.

mod cut;
mod env;
mod read;
mod requests;
mod usage;
mod write;

pub(super) use read::read;
pub(super) use usage::ledger;
pub(crate) use write::REMEMBERED;
