//! FinRAG's frontend: pages rendered on the server, sessions in memory, answers that stream in.
//!
//! A question becomes a [`turn`] of a [`session`]. The turn runs on the server whether or not anybody watches; pages and
//! streams are only views of it. Nothing here wakes the process while no question is being answered.

pub mod app;
pub mod backend;
pub mod chart;
pub mod page;
pub mod prose;
pub mod question;
pub mod routes;
pub mod session;
pub mod settings;
pub mod turn;
pub mod watch;

pub use app::{App, router};
pub use settings::{Limits, Settings, Timeouts};
