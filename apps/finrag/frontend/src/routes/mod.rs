//! Requests to pages.

mod ask;
mod cookie;
mod files;
mod guard;
mod history;
mod pages;
mod source;
mod stream;

pub use ask::ask;
pub use files::{asset, healthz};
pub use guard::{harden, same_origin};
pub use history::{clear, undo};
pub use pages::{chat, home, lost, status};
pub use source::source;
pub use stream::stream;

use axum::http::HeaderMap;
use axum::response::Html;
use maud::Markup;

/// What a page's script sends along when it wants only the part that changes.
const FRAGMENT: &str = "x-fragment";

fn wants_fragment(headers: &HeaderMap) -> bool {
    headers.contains_key(FRAGMENT)
}

fn shown(markup: Markup) -> Html<String> {
    Html(markup.into_string())
}
