//! Reading everything, and every change there is.

mod env;
mod read;
mod requests;
mod write;

pub(super) use read::read;
pub(crate) use write::REMEMBERED;
