//! The demo corpus that ships: it loads from a fresh clone, and every feature has something to show.

mod common;

use common::{app, engine};
use finrag_engine::{DataRoot, Engine, Regime, RiskTopic, eval};

async fn demo() -> Engine {
    engine(&DataRoot::parse(&app().join("data").to_string_lossy()).expect("a folder is a root")).await
}

#[tokio::test]
async fn the_demo_is_what_its_sources_give() {
    let shipped = demo().await.summary();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let root = DataRoot::parse(&folder.path().to_string_lossy()).expect("a folder is a root");
    let report = common::ingest(&app().join("data/filings"), &root).await;
    assert!(report.refused.is_empty(), "{report:?}");
    let made = engine(&root).await.summary();
    assert_eq!(
        (made.rows, made.facts, made.companies.len()),
        (shipped.rows, shipped.facts, shipped.companies.len())
    );
    assert!(shipped.rows >= 400 && shipped.companies.len() == 5 && shipped.facts > 150, "{shipped:?}");
}

#[tokio::test]
async fn the_demo_questions_are_answered() {
    let engine = demo().await;
    let json = std::fs::read_to_string(app().join("eval/demo.json")).expect("the questions are there");
    let questions = eval::parse(&json).expect("they parse");
    let report = eval::run(&engine, &questions, None).await.expect("no embedder fails");
    let all = |regime| {
        report.rows.iter().find(|row| row.regime == regime && row.difficulty == "all").expect("asked")
    };
    assert!(all(Regime::Filtered).hit_at_5 >= 0.90 && all(Regime::Open).hit_at_5 >= 0.75, "{report}");
    assert_eq!(report.figures_found, report.figures_asked, "{report}");
}

#[tokio::test]
async fn every_feature_has_something_to_show() {
    let engine = demo().await;
    let series = engine
        .kpi(&engine.understand("How did NVIDIA's revenue and net income grow from 2022 to 2025?"))
        .expect("figures");
    assert_eq!(series.facts.len(), 8);
    assert!(series.derived.len() >= 6 && series.conflicts.is_empty(), "{}", series.text);
    let conflict = engine.kpi(&engine.understand("What was Apple's net income in 2020?")).expect("figures");
    assert_eq!((conflict.facts[0].value, conflict.conflicts.len()), (57_411e6, 1), "{}", conflict.text);
    for topic in RiskTopic::ALL {
        let question = format!("What does Microsoft say about risks of {} in 2023?", topic.label());
        let read = engine.understand(&question);
        let found = engine.retrieve(&read, None);
        assert_eq!(found.hits.first().map(|hit| hit.ticker.as_str()), Some("MSFT"), "{question}");
    }
    assert!(!engine.understand("What was Boeing's revenue in 2020?").scope.is_in());
}
