//! The backend's state, the session's totals, example questions. On a phone it folds.

use maud::{Markup, html};

use super::examples::examples;
use super::layout::Tab;
use super::words;
use crate::backend::Failure;
use crate::session::View;
use crate::watch::{Glance, Status};

/// The sidebar.
pub fn sidebar(tab: Tab, view: &View, glance: &Glance) -> Markup {
    html! {
        aside.side aria-label="Session" {
            details.fold {
                summary { "Session and status" }
                div.fold-body {
                    (backend(tab, glance))
                    (totals(view))
                    @if tab == Tab::Chat {
                        section {
                            h2 { "Example questions" }
                            form.examples method="post" action="/ask" data-ask {
                                @for question in examples(glance.meta.as_deref()) {
                                    button name="question" value=(question) { (question) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How the backend is.
pub fn backend(tab: Tab, glance: &Glance) -> Markup {
    let (state, text) = match &glance.status {
        None => ("unknown", "Not checked yet".to_owned()),
        Some((Status::Ready, _)) => ("ready", "Ready".into()),
        Some((Status::Other(status), _)) => ("waiting", status.clone()),
        Some((Status::Failing(Failure::Loading), _)) => ("waiting", "Loading the filings".into()),
        Some((Status::Failing(Failure::TimedOut), _)) => ("failing", "Slow to answer".into()),
        Some((Status::Failing(Failure::Unreachable), _)) => ("failing", "Not reachable".into()),
        Some((Status::Failing(_), _)) => ("failing", "Not well".into()),
    };
    html! {
        section #backend {
            h2 { "Backend" }
            p.status data-state=(state) { (text) }
            form.inline method="get" action=(tab.path()) data-check {
                button.quiet name="check" value="1" { "Check" }
                @if let Some((_, since)) = &glance.status {
                    span.faint { (words::ago(*since)) }
                }
            }
        }
    }
}

/// What the session came to.
pub fn totals(view: &View) -> Markup {
    let totals = &view.totals;
    html! {
        section #totals {
            h2 { "This session" }
            dl.pairs {
                div { dt { "Queries" } dd { (words::whole(totals.queries)) } }
                div { dt { "Total cost" } dd { (words::dollars(totals.cost)) } }
                div { dt { "Average cost" } dd { (words::dollars(totals.average_cost())) } }
                div { dt { "Tokens" } dd { (words::whole(totals.tokens)) } }
            }
            @if !view.turns.is_empty() || totals.queries > 0 {
                form.inline method="post" action="/clear" {
                    button.quiet { "Clear" }
                    span.faint { "can be undone" }
                }
            }
        }
    }
}
