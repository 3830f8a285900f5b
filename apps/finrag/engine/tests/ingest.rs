//! From filings to tables, and again.

mod common;

use common::{engine, ingest, ingested, submission};
use expect_test::expect;

#[tokio::test]
async fn a_submission_becomes_sentences_with_places() {
    let (_folder, root, report) =
        ingested(&[("a.txt", submission(11, "BRIDGE CO", 2020, "Rivers may flood."))]).await;
    assert_eq!((report.read, report.refused.len()), (1, 0), "{report:?}");
    let engine = engine(&root).await;
    let passage = engine.neighbours("0000000011_10-K_2020_section_1_2", 1).expect("the sentence is there");
    let shown: Vec<String> = std::iter::once(passage.header)
        .chain(passage.sentences.iter().map(|s| format!("{} {} {}", s.position, s.is_hit, s.text)))
        .collect();
    expect![[r#"
        === [CIK11] BRIDGE CO | FY 2020 | 0000000011_10-K_2020 | ITEM_1 | Sentences 1 - 3 ===
        1 false BRIDGE CO builds wooden bridges for villages.
        2 true It was founded by two carpenters.
        3 false Its customers are mostly municipalities."#]]
    .assert_eq(&shown.join("\n"));
}

#[tokio::test]
async fn what_is_unchanged_is_skipped_and_what_changed_replaces_its_own() {
    let (folder, root, first) = ingested(&[
        ("a.txt", submission(11, "BRIDGE CO", 2020, "Rivers may flood.")),
        ("b.txt", submission(12, "TUNNEL CO", 2021, "Mountains may move.")),
        (
            "0000000013_10-K_2019.txt",
            "Item 1. Business\nWe dig wells. Water comes up.\nItem 1A. Risk Factors\nDroughts happen."
                .to_owned(),
        ),
        ("c.txt", "no filing at all".to_owned()),
    ])
    .await;
    assert_eq!((first.read, first.unchanged, first.refused.len()), (3, 0, 1), "{first:?}");
    assert!(first.refused[0].1.contains("hint:"), "{first:?}");
    let sources = folder.path().join("filings");
    let before = finrag_engine::Engine::probe(&root).await.unwrap();
    let again = ingest(&sources, &root).await;
    assert_eq!((again.read, again.unchanged), (0, 3), "{again:?}");
    assert_eq!(finrag_engine::Engine::probe(&root).await.unwrap(), before, "nothing new was written");
    std::fs::write(
        sources.join("a.txt"),
        submission(11, "BRIDGE CO", 2020, "Bridges may rot. Nails may rust."),
    )
    .unwrap();
    let changed = ingest(&sources, &root).await;
    assert_eq!((changed.read, changed.unchanged), (1, 2), "{changed:?}");
    assert_eq!(changed.sentences, first.sentences + 1);
    assert_ne!(finrag_engine::Engine::probe(&root).await.unwrap(), before, "a refresh can tell");
    let engine = engine(&root).await;
    let texts = |question: &str| {
        let found = engine.retrieve(&engine.understand(question), None);
        found.hits.into_iter().map(|hit| hit.text).collect::<Vec<_>>()
    };
    assert!(texts("rust and rot of nails at Bridge Co").contains(&"Nails may rust.".to_owned()));
    assert!(!texts("flood of rivers at Bridge Co").contains(&"Rivers may flood.".to_owned()));
}
