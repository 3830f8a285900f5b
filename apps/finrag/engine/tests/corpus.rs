//! Quality and understanding over the development corpus; skipped where it is absent.

mod common;

use common::{app, corpus, engine};
use finrag_engine::{Regime, eval};

#[tokio::test]
async fn every_set_of_questions_reaches_the_aims() {
    let Some(root) = corpus() else { return };
    let engine = engine(&root).await;
    // By words alone. `eval/README.md` has the figures with vectors, and says why the floors differ.
    for (set, filtered) in
        [("tuning", 0.90), ("held-out", 0.80), ("fresh", 0.90), ("unseen", 0.90), ("blind", 0.70)]
    {
        let json =
            std::fs::read_to_string(app().join(format!("eval/{set}.json"))).expect("the questions are there");
        let report = eval::run(&engine, &eval::parse(&json).expect("they parse"), None)
            .await
            .expect("no embedder fails");
        let all = |regime| {
            report
                .rows
                .iter()
                .find(|row| row.regime == regime && row.difficulty == "all")
                .expect("asked in both")
        };
        assert!(all(Regime::Filtered).hit_at_5 >= filtered, "{set}\n{report}");
        assert!(all(Regime::Open).hit_at_5 >= 0.75, "{set}\n{report}");
        // Every question of a set is in scope; a few name no company and little else.
        let most = eval::parse(&json).expect("they parse").len() / 20;
        assert!(report.refused <= most, "{set}: {} refused", report.refused);
        assert!(report.figures_found as f64 >= 0.95 * report.figures_asked as f64, "{set}\n{report}");
    }
}

#[tokio::test]
async fn figures_come_with_their_filing_and_doubts() {
    let Some(root) = corpus() else { return };
    let engine = engine(&root).await;
    let kpi = |question: &str| engine.kpi(&engine.understand(question)).expect("it asks for figures");
    let apple = kpi("What was Apple's net income in 2022 and 2023?");
    assert_eq!(apple.facts.iter().map(|fact| fact.value).collect::<Vec<_>>(), [99_803e6, 96_995e6]);
    assert!(
        apple.facts.iter().all(|fact| fact.accession_no.is_some()) && apple.conflicts.is_empty(),
        "{}",
        apple.text
    );
    let quarter = kpi("Apple net income 2016");
    assert!(quarter.notes.iter().any(|note| note.contains("may be a quarter's")), "{}", quarter.text);
    let conflict = kpi("Assured Guaranty net profit margin 2023");
    assert_eq!(conflict.conflicts.len(), 1, "{}", conflict.text);
    let computed = kpi("Apple revenue 2024");
    assert_eq!(computed.facts[0].value, 391_035e6, "{}", computed.text);
}
