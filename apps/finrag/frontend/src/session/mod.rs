//! Sessions: what one browser asked, and what it came to. In memory only.

mod id;
mod store;
mod talk;
mod totals;

pub use id::SessionId;
pub use store::Store;
pub use talk::{Session, TooMany, View};
pub use totals::Totals;
