//! The pages, as functions of what they show. Everything passes through `maud`, which escapes it; the two exceptions are
//! [`crate::prose`] and [`crate::chart`], which write nothing but their own tags.

mod chat;
mod details;
mod examples;
mod figure;
mod home;
mod layout;
mod message;
mod passage;
mod sidebar;
mod turn;
mod words;

pub use chat::{Draft, chat, composer};
pub use home::home;
pub use layout::{Assets, Refresh, Shell, Tab, bare, page};
pub use message::{lost, message, notice};
pub use passage::{Around, passage, source};
pub use sidebar::{backend, sidebar, totals};
pub use turn::{article, body, stage_words};
