//! The figures of the development corpus against public ones; skipped where the corpus is absent.

mod common;

use common::{app, corpus, engine};
use finrag_engine::eval::{Verdict, audit, truths};

#[tokio::test]
async fn wrong_figures_come_with_a_doubt_and_right_ones_without() {
    let Some(root) = corpus() else { return };
    let engine = engine(&root).await;
    let csv = std::fs::read_to_string(app().join("eval/truth.csv")).expect("the true figures are there");
    let audit = audit(&engine, &truths(&csv).expect("they parse"));
    let count = |verdict| audit.count(None, verdict);
    let right = count(Verdict::Right) + count(Verdict::RightDoubted);
    let given = right + count(Verdict::Wrong) + count(Verdict::WrongDoubted);
    assert!(count(Verdict::Wrong) * 100 <= given, "wrong without doubt\n{audit}");
    assert!(count(Verdict::RightDoubted) * 20 <= right, "doubted though right\n{audit}");
    assert!(right * 10 >= given * 7, "too few are right\n{audit}");
}

#[tokio::test]
async fn a_quarters_figure_is_neither_compared_nor_computed_with() {
    let Some(root) = corpus() else { return };
    let engine = engine(&root).await;
    let kpi = |question: &str| engine.kpi(&engine.understand(question)).expect("it asks for figures");
    let costco = kpi("How did Costco's revenue grow from 2016 to 2019?");
    assert!(costco.facts.iter().any(|fact| fact.doubt.is_some()), "{}", costco.text);
    assert!(costco.derived.iter().all(|derived| derived.from_year >= 2018), "{}", costco.text);
    let both = kpi("Compare the revenue of Costco and Walmart in 2017");
    assert!(!both.notes.iter().any(|note| note.contains("highest first")), "{}", both.text);
    // Where the table is a quarter's and the text has the year's, the text's counts and is cited.
    let apple = engine.figure("AAPL", "net_income", 2015).expect("it is there");
    assert_eq!((apple.value, apple.doubt), (53.4e9, None));
    assert!(apple.sentence_id.is_some());
    // Ratios give the year's income to the dollar where the row is a quarter's.
    assert_eq!(engine.figure("AAPL", "net_income", 2019).map(|fact| fact.value), Some(55_256e6));
}
