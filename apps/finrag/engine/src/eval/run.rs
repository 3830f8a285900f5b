//! Asking the questions of a file.

use super::{Figure, Outcome, Question, Report};
use crate::kpi::metric_names;
use crate::{EmbedError, Embedder, Engine, KpiBlock, Regime, RetrieveOptions};

/// Two figures nearer than this, relatively, are the same; units and rounding of the table are not ours to judge.
const SAME: f64 = 1e-6;

/// Asks every question in its regime (in both when it names none) and counts. A question without expected sentences counts for
/// figures alone.
pub async fn run(
    engine: &Engine,
    questions: &[Question],
    embedder: Option<&dyn Embedder>,
) -> Result<Report, EmbedError> {
    let mut outcomes = Vec::new();
    let mut refused = 0;
    for question in questions {
        let understanding = engine.understand(&question.question);
        refused += usize::from(!understanding.scope.is_in());
        let kpi = engine.kpi(&understanding);
        let figures_found =
            question.figures.iter().filter(|figure| has(engine, kpi.as_ref(), figure)).count();
        let outcome = |regime, rank| Outcome {
            id: question.id.clone(),
            difficulty: question.difficulty.clone(),
            regime,
            rank,
            figures_found,
            figures_asked: question.figures.len(),
        };
        if question.expected.is_empty() {
            outcomes.push(outcome(None, None));
            continue;
        }
        let embedding = match embedder {
            Some(embedder) => Some(embedder.embed_query(&question.question).await?),
            None => None,
        };
        let regimes = question.regime.map_or(vec![Regime::Filtered, Regime::Open], |regime| vec![regime]);
        for regime in regimes {
            let options = RetrieveOptions { regimes: vec![regime], ..RetrieveOptions::default() };
            let found = engine.retrieve_with(&understanding, embedding.as_deref(), &options);
            let rank =
                found.hits.iter().take(30).position(|hit| question.expected.contains(&hit.sentence_id));
            outcomes.push(outcome(Some(regime), rank.map(|rank| rank + 1)));
        }
    }
    Ok(Report { refused, ..Report::of(outcomes) })
}

fn has(engine: &Engine, kpi: Option<&KpiBlock>, figure: &Figure) -> bool {
    let Some(kpi) = kpi else { return false };
    let same = |value: f64| {
        (value - figure.value).abs() <= SAME * value.abs().max(figure.value.abs()).max(f64::MIN_POSITIVE)
    };
    let ticker = |ticker: &str| {
        figure.ticker.as_ref().is_none_or(|wanted| {
            wanted.eq_ignore_ascii_case(ticker)
                || engine.understand(wanted).companies.iter().any(|company| company.ticker == ticker)
        })
    };
    let fact = kpi.facts.iter().any(|fact| {
        same(fact.value)
            && ticker(&fact.ticker)
            && figure.year.is_none_or(|year| year == fact.year)
            && figure.metric.as_ref().is_none_or(|metric| {
                metric_names(engine, &fact.metric_key).iter().any(|name| name.eq_ignore_ascii_case(metric))
            })
    });
    // A computed figure (growth, a ratio) has a name of its own: its value, company and year decide.
    let derived = || {
        kpi.derived.iter().any(|derived| {
            same(derived.value)
                && ticker(&derived.ticker)
                && figure.year.is_none_or(|year| year == derived.to_year)
        })
    };
    fact || derived()
}
