//! A question and what became of it.

use std::collections::BTreeSet;

use maud::{Markup, PreEscaped, html};

use super::details::{details, sources};
use super::figure::figure;
use super::message::notice;
use crate::backend::{Failure, QueryResponse};
use crate::chart::charts;
use crate::prose::{self, Citations};
use crate::turn::{Outcome, Progress, Reached, Turn};

/// The turn. One that is under way is marked, so that the page's script follows it.
pub fn article(turn: &Turn) -> Markup {
    let running = turn.is_running();
    html! {
        article.turn id={ "turn-" (turn.id) } data-turn=(turn.id) data-running[running] aria-labelledby={ "turn-" (turn.id) "-question" } {
            h2.question id={ "turn-" (turn.id) "-question" } { (turn.question) }
            div.body aria-live=[running.then_some("polite")] aria-busy=[running.then_some("true")] { (body(turn)) }
        }
    }
}

/// What became of it.
pub fn body(turn: &Turn) -> Markup {
    // A copy, so that a slow page never holds up the task that writes.
    let progress = turn.progress().clone();
    match &progress.outcome {
        Outcome::Running => html! {
            (written(&progress))
            p.progress { (stage_words(&progress.stages)) }
            noscript {
                p.faint {
                    "Asked " (turn.age_secs()) " s ago. This page loads itself again until the answer is there. "
                    a href={ "/chat?refresh=0#turn-" (turn.id) } { "Look now" }
                }
            }
        },
        Outcome::Answered(answer) => answered(turn, answer, &progress.stages),
        Outcome::Failed(failure) => failed(turn, &progress, failure),
    }
}

fn written(progress: &Progress) -> Markup {
    html! {
        div.answer {
            @for block in prose::partial(&progress.text) { (PreEscaped(block)) }
        }
    }
}

fn answered(turn: &Turn, answer: &QueryResponse, stages: &[Reached]) -> Markup {
    let numbers: BTreeSet<u32> = answer.sources.iter().map(|source| source.n).collect();
    let prefix = format!("turn-{}", turn.id);
    let text = if numbers.is_empty() { &answer.answer } else { prose::without_footer(&answer.answer) };
    let blocks = prose::blocks(text, &Citations::Known { prefix: &prefix, numbers: &numbers });
    let charts = answer.kpi.as_ref().map(|kpi| charts(&kpi.series)).unwrap_or_default();
    // The chart stands after the first statement that cites something, for it shows the same figures.
    let first =
        blocks.iter().position(|block| block.contains("class=\"cite\"")).map_or(blocks.len(), |at| at + 1);
    let before = if charts.is_empty() { blocks.len() } else { first };
    html! {
        div.answer {
            @for block in &blocks[..before] { (PreEscaped(block)) }
            @if text.trim().is_empty() { p.faint { "The answer is empty." } }
        }
        @for chart in &charts { (figure(chart)) }
        @if before < blocks.len() {
            div.answer { @for block in &blocks[before..] { (PreEscaped(block)) } }
        }
        (sources(turn.id, answer))
        (details(turn.id, answer, stages))
    }
}

fn failed(turn: &Turn, progress: &Progress, failure: &Failure) -> Markup {
    let retry = html! {
        form method="post" action="/ask" data-ask {
            input type="hidden" name="question" value=(turn.question);
            input type="hidden" name="retry" value=(turn.id);
            button { "Retry" }
        }
    };
    html! {
        @if !progress.text.is_empty() { (written(progress)) }
        (notice(failure.title(), &failure.advice(), Some(retry)))
    }
}

/// What the backend is doing, to someone who waits. It tells of the stages that are over; what comes after each is known.
pub fn stage_words(stages: &[Reached]) -> String {
    let Some(reached) = stages.last() else { return "Reading the question…".into() };
    match reached.stage.as_str() {
        "understanding" | "kpi" => "Searching the filings…".into(),
        "retrieval" | "first_token" => "Writing the answer…".into(),
        "synthesis" => "Checking the citations…".into(),
        other => format!("{} done…", super::words::label(other)),
    }
}
