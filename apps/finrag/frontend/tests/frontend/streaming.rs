//! Following an answer while it is written.

use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::support::answers;
use super::support::browser::{Browser, Events, Frontend, patient, text};
use super::support::stub::{Reply, Stub};
use finrag_frontend::Limits;

/// A turn whose backend waits for a permit before each event.
async fn paced(answer: &str) -> (Browser, Arc<Semaphore>) {
    let stub = Stub::start(([127, 0, 0, 1], 0).into(), Duration::ZERO).await;
    let permits = Arc::new(Semaphore::new(0));
    stub.play([Reply::Paced(Box::new(answers::response(answer, 5, 10, 5, 0.5)), Arc::clone(&permits))]);
    let browser = Browser::new(&Frontend::of(&stub).await);
    browser.ask_scripted("Which risks does Apple describe?").await;
    (browser, permits)
}

/// The blocks that a page's script would hold after these events, and the rest of the last event.
async fn until(
    events: &mut Events,
    blocks: &mut Vec<String>,
    done: impl Fn(&[String], &Value) -> bool,
) -> Value {
    while let Some((name, data)) = events.next().await {
        if name == "done" {
            return data;
        }
        let from = data["from"].as_u64().expect("a place") as usize;
        let html = data["html"].as_str().expect("HTML");
        blocks.truncate(from);
        blocks.extend(text(html).lines().map(str::to_owned));
        if done(blocks, &data) {
            return data;
        }
    }
    panic!("the stream ended after {blocks:?}");
}

#[tokio::test]
async fn an_answer_grows_block_by_block_and_ends_whole() {
    let (browser, permits) = paced("One two [1].\n\nThree **four**.\n\nDATA SOURCES\n[1] x").await;
    let (mut events, mut blocks) = (browser.stream(1).await, Vec::new());
    let first = until(&mut events, &mut blocks, |_, _| true).await;
    assert_eq!((&first["stage"], &first["from"]), (&"Reading the question…".into(), &0.into()));
    permits.add_permits(3);
    until(&mut events, &mut blocks, |_, data| data["stage"] == "Writing the answer…").await;
    assert!(blocks.is_empty());
    permits.add_permits(4);
    until(&mut events, &mut blocks, |blocks, _| blocks.concat().contains("[1]")).await;
    permits.add_permits(2);
    let grown = until(&mut events, &mut blocks, |blocks, _| blocks.concat().contains("four")).await;
    assert_eq!(grown["from"], 1, "the first block is not sent again");
    assert_eq!(blocks, ["One two [1] .", "Three four."]);
    permits.add_permits(100);
    let done = until(&mut events, &mut blocks, |_, _| false).await;
    assert!(events.next().await.is_none(), "an idle page holds nothing open");
    expect![[r#"
        One two [1].
        Three four.
        DATA SOURCES
        [1] x
        Query details 500 ms · $0.5000
        Entities
        Companies
        Apple Inc.
        Items
        Item 7
        Metrics
        Revenue
        Years
        2019, 2023
        Model
        Model
        anthropic.claude-test
        Tokens read
        10
        Tokens written
        5
        Cost
        $0.5000
        Stopped
        End turn
        Context
        14,502 characters
        Time
        500 ms
        Stages
        Stage
        Share
        Time
        Understanding
        5.0 ms
        KPI
        2.5 ms
        Retrieval
        20 ms
        First token
        150 ms
        Synthesis
        450 ms
        Retrieval stages
        Stage
        Share
        Time
        Assemble
        0.05 ms
        BM25
        1.8 ms
        Dense
        2.4 ms
        Expand
        0.21 ms
        Fuse
        0.10 ms
        Retrieval
        BM25 candidates
        412
        Dense candidates
        300
        Duplicates
        7
        Filter relaxed
        no
        Fused
        518
        Hits
        30
        Passages
        9
        Regimes
        filtered, open
        Sentences
        61"#]]
    .assert_eq(&text(done["html"].as_str().expect("HTML")));
    expect![[r#"
        This session
        Queries
        1
        Total cost
        $0.5000
        Average cost
        $0.5000
        Tokens
        15
        Clear can be undone"#]]
    .assert_eq(&text(done["totals"].as_str().expect("HTML")));
}

#[tokio::test]
async fn a_reload_or_a_second_tab_begins_where_the_answer_is() {
    let (browser, permits) = paced("One two three four five six.").await;
    let mut first = browser.stream(1).await;
    permits.add_permits(4 + 3);
    let mut blocks = Vec::new();
    until(&mut first, &mut blocks, |blocks, _| blocks.concat().contains("three")).await;
    drop(first);

    let tab = browser.tab();
    let page = tab.get("/chat").await;
    assert!(page.main().contains("One two three"), "{}", page.main());
    assert!(page.html.contains("data-running"));
    let (mut one, mut two) = (browser.stream(1).await, tab.stream(1).await);
    let (mut seen, mut too) = (Vec::new(), Vec::new());
    until(&mut one, &mut seen, |_, _| true).await;
    assert_eq!(seen, ["One two three"]);
    permits.add_permits(100);
    until(&mut one, &mut seen, |_, _| false).await;
    let done = until(&mut two, &mut too, |_, _| false).await;
    assert!(text(done["html"].as_str().expect("HTML")).starts_with("One two three four five six."));
}

#[tokio::test]
async fn an_answer_goes_on_when_the_browser_leaves() {
    let (browser, permits) = paced("One two three.").await;
    let mut events = browser.stream(1).await;
    events.next().await;
    drop(events);
    permits.add_permits(100);
    let page = browser.settled().await;
    assert!(page.main().contains("One two three."), "{}", page.main());
    let (mut late, mut blocks) = (browser.stream(1).await, Vec::new());
    let done = until(&mut late, &mut blocks, |_, _| false).await;
    assert!(done["totals"].as_str().expect("HTML").contains("$0.5000"), "who comes late is told at once");
}

#[tokio::test]
async fn a_stream_cut_in_half_ends_with_a_kind_word() {
    let stub = Stub::start(([127, 0, 0, 1], 0).into(), Duration::from_millis(5)).await;
    stub.play([Reply::Cut("Revenue rose in".into())]);
    let browser = Browser::new(
        &Frontend::with(stub.address, patient(Duration::from_secs(60)), Limits::default()).await,
    );
    browser.ask_scripted("What was Apple's revenue?").await;
    let (mut events, mut blocks) = (browser.stream(1).await, Vec::new());
    let done = until(&mut events, &mut blocks, |_, _| false).await;
    expect![[r#"
        Revenue rose in
        The answer broke off
        What had arrived is above. Try again for the whole answer.
        Retry"#]]
    .assert_eq(&text(done["html"].as_str().expect("HTML")));
}
