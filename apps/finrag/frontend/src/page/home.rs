//! What it is, what is in scope, where to begin.

use maud::{Markup, html};

use super::chat::{Draft, composer};
use super::examples::examples;
use super::words;
use crate::backend::{Meta, Metric, Section};
use crate::watch::{Glance, Status};

/// The page's main part.
pub fn home(glance: &Glance) -> Markup {
    html! {
        section.hero {
            h1 { "Ask the annual reports." }
            p.lead {
                "FinRAG answers questions about SEC 10-K filings with figures and sentences from its data. Every claim is cited, and every citation opens the passage it came from."
            }
            (composer(Draft::default(), false))
            @if let Some(about) = glance.meta.as_deref().and_then(|meta| meta.about.as_ref()) { p.about { (about) } }
        }
        section {
            h2 { "Begin with one of these" }
            form.examples.large method="post" action="/ask" {
                @for question in examples(glance.meta.as_deref()) {
                    button name="question" value=(question) { (question) }
                }
            }
        }
        (scope(glance))
        section {
            h2 { "How an answer comes about" }
            ol.steps {
                li { strong { "Understand." } " Companies, years, metrics and sections are read from the question." }
                li { strong { "Find." } " Figures are looked up; sentences are searched by words and by meaning, and ranked together." }
                li { strong { "Cite." } " The answer says nothing without its source. Open one to read the filing around it." }
            }
            p.faint { "FinRAG repeats what its data says. It is no investment advice." }
        }
    }
}

fn scope(glance: &Glance) -> Markup {
    let meta = glance.meta.as_deref().filter(|meta| **meta != Meta::default());
    html! {
        section #scope {
            h2 { "In scope" }
            @match (meta, &glance.status) {
                (Some(meta), _) => (held(meta)),
                (None, Some((Status::Ready | Status::Other(_), _))) => {
                    p { "The backend does not say which filings it holds. Ask about a large US company to find out." }
                }
                (None, _) => {
                    p { "The list of companies comes from the backend, which does not answer just now. You can ask all the same." }
                    form method="get" action="/" { button.quiet name="check" value="1" { "Retry" } }
                }
            }
        }
    }
}

fn held(meta: &Meta) -> Markup {
    let all = meta.companies.iter().flat_map(|company| &company.years);
    let years = all.clone().min().zip(all.max());
    html! {
        dl.stats {
            div { dt { "Companies" } dd { (words::whole(meta.companies.len() as u64)) } }
            @if let Some((first, last)) = years { div { dt { "Years" } dd { (first) "–" (last) } } }
            div { dt { "Sentences" } dd { (words::whole(meta.rows)) } }
            div { dt { "Figures" } dd { (words::whole(meta.facts)) } }
        }
        @if !meta.companies.is_empty() {
            ul.companies {
                @for company in &meta.companies {
                    li {
                        span.company { (words::spoken(&company.name)) " " span.ticker { (company.ticker) } }
                        span.faint { (words::years(&company.years)) }
                    }
                }
            }
        }
        @if !meta.metrics.is_empty() {
            details.plain {
                summary { (words::count(meta.metrics.len(), "metric", "metrics")) }
                p.faint {
                    (meta.metrics.iter().map(metric).collect::<Vec<_>>().join(", "))
                }
            }
        }
        @if !meta.sections.is_empty() {
            details.plain {
                summary { (words::count(meta.sections.len(), "section of the 10-K", "sections of the 10-K")) }
                ul.faint { @for part in &meta.sections { li { (section(part)) } } }
            }
        }
    }
}

fn metric(metric: &Metric) -> String {
    match metric {
        Metric::Labelled { label } => label.clone(),
        Metric::Key(key) => words::label(key),
    }
}

fn section(section: &Section) -> String {
    match section {
        Section::Named { name } => name.clone(),
        Section::Key(key) => words::section(key),
    }
}
