//! How an answer came about: its sources, entities, model, stages, counts.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::Value;

use super::words;
use crate::backend::{Metadata, QueryResponse, Source, SourceKind};
use crate::turn::{Reached, TurnId};

/// The most entries that are shown of a list whose shape is the backend's own.
const MOST_ENTRIES: usize = 40;

/// Sources that are shown; the rest folds.
const SHOWN: usize = 4;

/// What the answer cites, in sight below it.
pub(super) fn sources(turn: TurnId, answer: &QueryResponse) -> Markup {
    let (first, rest) = answer.sources.split_at(answer.sources.len().min(SHOWN));
    html! {
        @if !first.is_empty() {
            section.cited {
                h3 { "Data sources" }
                ol.sources { @for source in first { (source_item(turn, source)) } }
                @if !rest.is_empty() {
                    details.plain {
                        summary { (words::count(rest.len(), "more source", "more sources")) }
                        ol.sources { @for source in rest { (source_item(turn, source)) } }
                    }
                }
            }
        }
    }
}

/// The expander.
pub(super) fn details(turn: TurnId, answer: &QueryResponse, stages: &[Reached]) -> Markup {
    let metadata = &answer.metadata;
    html! {
        details.details id={ "turn-" (turn) "-details" } {
            summary {
                span { "Query details" }
                span.faint { (summary(answer)) }
            }
            (entities(metadata))
            (model(metadata))
            (timings(stages, metadata))
            (counts(metadata))
        }
    }
}

fn summary(answer: &QueryResponse) -> String {
    let metadata = &answer.metadata;
    let sources =
        (!answer.sources.is_empty()).then(|| words::count(answer.sources.len(), "source", "sources"));
    let time = metadata.processing_time_ms.map(words::duration);
    let parts = [sources, time, Some(words::dollars(metadata.llm.cost))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn source_item(turn: TurnId, source: &Source) -> Markup {
    let figure = words::fact(source.value, source.unit.as_deref());
    let kind = match source.kind {
        SourceKind::Sentence => "Sentence",
        SourceKind::Fact => "Figure",
        SourceKind::Other => "Source",
    };
    html! {
        li id={ "turn-" (turn) "-s" (source.n) } tabindex="-1" {
            span.source-number { "[" (source.n) "]" }
            div.source-body {
                p.source-head {
                    @match &source.sentence_id {
                        Some(id) => { a href=(address(id)) data-source { (head(source)) } }
                        None => span { (head(source)) },
                    }
                    span.faint { (kind) }
                }
                @if let Some(figure) = figure {
                    p {
                        @if let Some(metric) = &source.metric { (words::label(metric)) ": " }
                        strong { (figure) }
                    }
                }
                @if let Some(text) = &source.text { (quote(text)) }
                @if let Some(accession) = &source.accession_no {
                    p.faint.breakable {
                        "Accession number "
                        @match source.filing_url.as_deref().filter(|url| url.starts_with("https://www.sec.gov/")) {
                            Some(url) => { a href=(url) rel="noreferrer noopener" target="_blank" { (accession) } }
                            None => (accession),
                        }
                    }
                }
            }
        }
    }
}

/// A sentence; of a long one the beginning, and the whole on demand.
fn quote(text: &str) -> Markup {
    /// Characters that are short enough to stand whole.
    const SHORT: usize = 220;
    let end = text.char_indices().nth(SHORT).and_then(|(end, _)| text[..end].rfind(' '));
    html! {
        @match end {
            None => p.quote { (text) },
            Some(end) => details.long {
                summary.quote { (text[..end]) "…" }
                p.quote { (text) }
            },
        }
    }
}

/// What a source is called: the backend's label, or what it is made of. The label of a figure says all that stands below
/// it as well.
fn head(source: &Source) -> String {
    if !source.label.is_empty() && source.value.is_none() {
        return source.label.clone();
    }
    let company = match (source.company.as_str(), source.ticker.as_str()) {
        ("", ticker) => ticker.to_owned(),
        (company, "") => words::spoken(company),
        (company, ticker) => format!("{} ({ticker})", words::spoken(company)),
    };
    let (year, section) =
        (source.year.map(|year| year.to_string()), source.section.as_deref().map(words::section));
    let parts = [Some(company), year, section].into_iter().flatten().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(", ")
}

/// Where a source's sentences are.
fn address(sentence_id: &str) -> String {
    let mut url = reqwest::Url::parse("http://here/source").expect("a constant");
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.push(sentence_id);
    }
    url.path().to_owned()
}

fn entities(metadata: &Metadata) -> Markup {
    let mut entities: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for value in [&metadata.context.kpi_entities, &metadata.context.rag_entities] {
        if let Value::Object(fields) = value {
            for (key, value) in fields.iter().take(MOST_ENTRIES) {
                let list = entities.entry(words::label(key)).or_default();
                for text in words::texts(value).iter().map(|text| words::entity(text)) {
                    if list.len() < MOST_ENTRIES && !list.contains(&text) {
                        list.push(text);
                    }
                }
            }
        }
    }
    entities.retain(|_, list| !list.is_empty());
    html! {
        @if !entities.is_empty() {
            section {
                h3 { "Entities" }
                dl.pairs {
                    @for (label, list) in &entities {
                        div { dt { (label) } dd { (list.join(", ")) } }
                    }
                }
            }
        }
    }
}

fn model(metadata: &Metadata) -> Markup {
    let llm = &metadata.llm;
    html! {
        section {
            h3 { "Model" }
            dl.pairs {
                @if !llm.model_id.is_empty() { div { dt { "Model" } dd.breakable { (llm.model_id) } } }
                div { dt { "Tokens read" } dd { (words::whole(llm.input_tokens)) } }
                div { dt { "Tokens written" } dd { (words::whole(llm.output_tokens)) } }
                div { dt { "Cost" } dd { (words::dollars(llm.cost)) } }
                @if let Some(reason) = &llm.stop_reason { div { dt { "Stopped" } dd { (words::label(reason)) } } }
                @if let Some(length) = metadata.context.context_length {
                    div { dt { "Context" } dd { (words::whole(length)) " characters" } }
                }
                @if let Some(ms) = metadata.processing_time_ms { div { dt { "Time" } dd { (words::duration(ms)) } } }
            }
        }
    }
}

/// Stages with how long each took, as the stream told them; an answer that came whole has them among its statistics.
/// The retrieval's own timings are finer, and stand beside them.
fn timings(stages: &[Reached], metadata: &Metadata) -> Markup {
    let mut rows: Vec<_> =
        stages.iter().map(|reached| (words::label(&reached.stage), reached.elapsed_ms)).collect();
    let mut inner = Vec::new();
    if let Value::Object(parts) = &metadata.context.retrieval_stats {
        for (part, value) in parts {
            let rows = match part.as_str() {
                "stages" if stages.is_empty() => &mut rows,
                "stages" => continue,
                _ => &mut inner,
            };
            walk(part, value, &mut |key, value| rows.extend(timing(key, value)));
        }
    }
    let longest = rows.iter().chain(&inner).fold(0.0_f64, |longest, (_, ms)| longest.max(*ms));
    html! {
        @for (title, rows) in [("Stages", rows), ("Retrieval stages", inner)] {
            @if !rows.is_empty() {
                section {
                    h3 { (title) }
                    table.timings {
                        thead.unseen { tr { th scope="col" { "Stage" } th scope="col" { "Share" } th scope="col" { "Time" } } }
                        tbody {
                            @for (name, ms) in rows.iter().take(MOST_ENTRIES) {
                                tr {
                                    th scope="row" { (name) }
                                    td.bar {
                                        svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
                                            rect width=(share(*ms, longest)) height="4" {}
                                        }
                                    }
                                    td.number { (words::duration(*ms)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn share(ms: f64, longest: f64) -> String {
    format!("{:.1}", if longest > 0.0 { (ms / longest * 100.0).max(0.5) } else { 0.5 })
}

fn counts(metadata: &Metadata) -> Markup {
    let mut rows = Vec::new();
    walk("", &metadata.context.retrieval_stats, &mut |key, value| {
        if timing(key, value).is_none() && rows.len() < MOST_ENTRIES {
            let text = match value {
                Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), words::whole),
                Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                    words::texts(value).join(", ")
                }
            };
            if !text.is_empty() {
                rows.push((words::label(key), text));
            }
        }
    });
    html! {
        @if !rows.is_empty() {
            section {
                h3 { "Retrieval" }
                dl.pairs {
                    @for (label, text) in &rows { div { dt { (label) } dd { (text) } } }
                }
            }
        }
    }
}

/// Gives every leaf of an object, each under its own key.
fn walk<'a>(key: &'a str, value: &'a Value, leaf: &mut impl FnMut(&'a str, &'a Value)) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| walk(key, value, leaf)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            leaf(key, value)
        }
    }
}

/// A leaf that is a duration: its name without the unit, and milliseconds.
fn timing(key: &str, value: &Value) -> Option<(String, f64)> {
    let number = value.as_f64()?;
    if let Some(name) = key.strip_suffix("_us") {
        Some((words::label(name), number / 1_000.0))
    } else {
        key.strip_suffix("_ms").map(|name| (words::label(name), number))
    }
}
