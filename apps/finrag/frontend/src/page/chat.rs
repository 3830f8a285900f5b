//! Where questions are asked.

use maud::{Markup, html};

use super::message::notice;
use super::turn::article;
use super::words;
use crate::question::{LONGEST, SHORTEST};
use crate::session::View;

/// A question that is still in its box.
#[derive(Debug, Clone, Copy, Default)]
pub struct Draft<'a> {
    /// As typed.
    pub typed: &'a str,
    /// Why it was not asked.
    pub problem: Option<&'a str>,
}

/// The page's main part.
pub fn chat(view: &View, draft: Draft<'_>) -> Markup {
    html! {
        h1.unseen { "Chatbot" }
        div #turns {
            @if view.cleared > 0 {
                (notice(
                    &format!("Cleared {}", words::count(view.cleared, "question", "questions")),
                    "They come back with undo, until you ask the next one.",
                    Some(html! { form method="post" action="/undo" { button { "Undo" } } }),
                ))
            }
            @if view.turns.is_empty() {
                div.empty {
                    p.empty-title { "What would you like to know?" }
                    p.faint {
                        "Name a company and what about it: a figure, a risk, a year. Every claim of an answer is cited, and every citation opens the filing around it."
                    }
                }
            }
            @for turn in &view.turns { (article(turn)) }
        }
        (composer(draft, true))
    }
}

/// The box that takes a question.
pub fn composer(draft: Draft<'_>, below: bool) -> Markup {
    let problem = draft.problem.map(|_| "problem");
    html! {
        form.composer.below[below] #composer method="post" action="/ask" data-ask {
            div #problem aria-live="polite" {
                @if let Some(text) = draft.problem { p.problem { (text) } }
            }
            label.unseen for="question" { "Your question" }
            textarea #question name="question" rows=(if below { 1 } else { 2 }) required placeholder="Ask about a 10-K filing"
                aria-describedby="limits" aria-errormessage=[problem] aria-invalid=[problem.map(|_| "true")]
                autocomplete="off" autofocus[draft.problem.is_some()] enterkeyhint="send"
                data-shortest=(SHORTEST) data-longest=(LONGEST) { "\n" (draft.typed) }
            div.composer-row {
                p.faint #limits {
                    span #count { (SHORTEST) " to " (words::whole(LONGEST as u64)) " characters" }
                    span.hint.scripted { " · Enter sends, Shift+Enter breaks the line" }
                }
                button.primary { "Ask" }
            }
        }
    }
}
