//! Messages: on a page of their own, or within one.

use maud::{Markup, html};

/// A kind word where something did not work, within a page.
pub fn notice(title: &str, advice: &str, action: Option<Markup>) -> Markup {
    html! {
        div.notice role="alert" {
            p.notice-title { (title) }
            p { (advice) }
            @if let Some(action) = action { (action) }
        }
    }
}

/// A page's main part that is only a message.
pub fn message(title: &str, advice: &str) -> Markup {
    html! {
        div.lone {
            h1 { (title) }
            p.lead { (advice) }
            p { a.button href="/chat" { "Back to your questions" } }
        }
    }
}

/// For an address that is none.
pub fn lost() -> Markup {
    message("There is no such page", "The address may be mistyped, or what it showed is no longer in memory.")
}
