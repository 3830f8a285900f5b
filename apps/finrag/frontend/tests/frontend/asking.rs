//! Asking, without a script and with one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::support::answers;
use super::support::browser::{Browser, Frontend, patient};
use super::support::stub::{Reply, Stub};
use finrag_frontend::Limits;

async fn stub() -> Stub {
    Stub::start(([127, 0, 0, 1], 0).into(), Duration::ZERO).await
}

#[tokio::test]
async fn a_plain_form_is_enough() {
    let stub = stub().await;
    let browser = Browser::new(&Frontend::of(&stub).await);
    let posted = browser.post("/ask", &[("question", "  Which risks does Apple\r\ndescribe?  ")]).await;
    assert_eq!((posted.status, posted.location.as_deref()), (303, Some("/chat#turn-1")));
    let cookie = posted.set_cookie.expect("a session");
    assert!(cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"), "{cookie}");
    assert_eq!(
        stub.asked(),
        [
            json!({ "question": "Which risks does Apple\ndescribe?", "include_kpi": true, "include_rag": true })
        ]
    );
    let page = browser.get("/chat").await;
    assert!(page.main().contains("Single sources."), "{}", page.main());
    assert!(!page.html.contains("http-equiv"), "nothing runs, so that nothing loads itself again");
}

/// What the backend was told of the talk before each question.
fn earlier(stub: &Stub) -> Vec<Value> {
    stub.asked().iter().map(|body| body["earlier"].clone()).collect()
}

#[tokio::test]
async fn a_question_comes_with_those_asked_before_it() {
    let stub = stub().await;
    let frontend = Frontend::of(&stub).await;
    let browser = Browser::new(&frontend);
    let questions: Vec<String> = (1..=7).map(|n| format!("Which risks does Apple name? ({n})")).collect();
    for question in &questions {
        browser.ask(question).await;
        browser.settled().await;
    }
    // The last five, the oldest first; the first question has none, and another person's talk is another.
    let wanted: Vec<Value> = (0..7_usize)
        .map(|n| if n == 0 { Value::Null } else { json!(questions[n.saturating_sub(5)..n]) })
        .collect();
    assert_eq!(earlier(&stub), wanted);
    Browser::new(&frontend).ask("And what about their debt?").await;
    assert_eq!(earlier(&stub).last(), Some(&Value::Null));
    // What was cleared is asked on from no more.
    browser.post("/clear", &[]).await;
    browser.ask("And what about their debt?").await;
    assert_eq!(earlier(&stub).last(), Some(&Value::Null));
}

#[tokio::test]
async fn a_question_tried_again_does_not_come_with_itself() {
    let stub = stub().await;
    stub.play([Reply::Status(502, json!({ "error": "the model failed" }))]);
    let browser = Browser::new(&Frontend::of(&stub).await);
    browser.ask("Which risks does Apple name?").await;
    browser.settled().await;
    browser.post("/ask", &[("question", "Which risks does Apple name?"), ("retry", "1")]).await;
    browser.settled().await;
    assert_eq!(earlier(&stub), [Value::Null, Value::Null]);
}

#[tokio::test]
async fn a_long_answer_shows_its_progress_without_a_script() {
    let stub = stub().await;
    let frontend = Frontend::with(stub.address, patient(Duration::from_millis(100)), Limits::default()).await;
    let permits = Arc::new(Semaphore::new(0));
    stub.play([Reply::Paced(Box::new(answers::risks()), Arc::clone(&permits))]);
    let browser = Browser::new(&frontend);
    let page = browser.ask("Which risks does Apple describe?").await;
    assert!(page.html.contains(
        "<noscript><meta http-equiv=\"refresh\" content=\"1; url=/chat?refresh=1#turn-1\"></noscript>"
    ));
    assert!(page.main().contains("Reading the question…"), "{}", page.main());
    let page = browser.get("/chat?refresh=3").await;
    assert!(page.html.contains("content=\"4; url=/chat?refresh=4#turn-1\""));
    permits.add_permits(1_000);
    let page = browser.settled().await;
    assert!(page.main().contains("Single sources.") && !page.html.contains("http-equiv"));
}

#[tokio::test]
async fn a_question_of_the_wrong_length_stays_in_its_box_and_is_not_asked() {
    let stub = stub().await;
    let browser = Browser::new(&Frontend::of(&stub).await);
    let long = "é".repeat(3_501);
    for (typed, problem) in [
        ("", "Please type a question first."),
        ("Revenue?", "That is a little short: 8 of at least 10 characters."),
        (long.as_str(), "That is 3501 characters, and at most 3500 can be asked at once."),
    ] {
        let page = browser.post("/ask", &[("question", typed)]).await;
        assert_eq!((page.status, page.set_cookie.as_deref()), (422, None));
        assert!(page.html.contains(problem), "{}", page.main());
        assert!(
            page.html.contains(&format!("data-longest=\"3500\">\n{typed}</textarea>")),
            "{}",
            page.main()
        );
        let script = browser.ask_scripted(typed).await;
        assert_eq!(script.status, 422);
        assert!(
            script.html.starts_with("<p class=\"problem\">") && script.html.contains(problem),
            "{}",
            script.html
        );
    }
    assert_eq!(stub.asked().len(), 0);
}

#[tokio::test]
async fn a_form_that_is_none_is_answered_kindly() {
    let browser = Browser::new(&Frontend::of(&stub().await).await);
    let huge = "x".repeat(2 << 20);
    for request in [
        browser.form("/ask", &[("question", &huge)]),
        browser.request(reqwest::Method::POST, "/ask").body("{}").header("content-type", "application/json"),
        browser.form("/ask", &[("question", "What was the revenue?"), ("retry", "x")]),
    ] {
        let page = browser.send(request).await;
        assert_eq!(page.status, 422);
        assert!(page.main().contains("That could not be read"), "{}", page.main());
    }
}

#[tokio::test]
async fn a_script_gets_the_new_turn_alone() {
    let stub = stub().await;
    let permits = Arc::new(Semaphore::new(0));
    stub.play([Reply::Paced(Box::new(answers::risks()), permits)]);
    let browser = Browser::new(&Frontend::of(&stub).await);
    let turn = browser.ask_scripted("Which risks does Apple describe?").await;
    assert_eq!(turn.status, 200);
    assert!(turn.set_cookie.is_some());
    assert!(
        turn.html.starts_with("<article class=\"turn\" id=\"turn-1\" data-turn=\"1\" data-running"),
        "{}",
        turn.html
    );
    assert!(turn.html.contains("aria-live=\"polite\" aria-busy=\"true\""));
}

#[tokio::test]
async fn a_question_under_way_is_not_asked_again_and_not_too_many_are() {
    let stub = stub().await;
    let permits = Arc::new(Semaphore::new(0));
    stub.play((0..9).map(|_| Reply::Paced(Box::new(answers::risks()), Arc::clone(&permits))));
    let frontend = Frontend::with(
        stub.address,
        patient(Duration::from_millis(200)),
        Limits { running_in_session: 2, running: 3, ..Limits::default() },
    )
    .await;
    let browser = Browser::new(&frontend);
    let first = browser.ask_scripted("Which risks does Apple describe?").await;
    let again = browser.ask_scripted("Which risks does Apple describe?").await;
    assert!(first.html.contains("id=\"turn-1\"") && again.html.contains("id=\"turn-1\""));
    browser.ask_scripted("Which risks does Microsoft describe?").await;
    let third = browser.post("/ask", &[("question", "Which risks does NVIDIA describe?")]).await;
    assert_eq!(third.status, 429);
    assert!(third.html.contains("Your last 2 questions are still being answered."), "{}", third.main());
    assert!(third.html.contains("Which risks does NVIDIA describe?</textarea>"));
    assert!(!third.html.contains("http-equiv"), "a page with a draft must not load itself again");

    let other = Browser::new(&frontend);
    other.ask_scripted("Which risks does Apple describe?").await;
    let busy = other.ask_scripted("Which risks does Microsoft describe?").await;
    assert!(busy.text().contains("Many questions at once"), "{}", busy.text());
    assert!(busy.text().contains("Retry"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(stub.asked().len(), 3);
    permits.add_permits(10_000);
    browser.settled().await;
}

#[tokio::test]
async fn the_originals_backend_without_streams_answers_too() {
    let stub = Stub::without_streams().await;
    let browser = Browser::new(&Frontend::of(&stub).await);
    let mut original = answers::response("Revenue was **US$ 383.29 billion**.", 163, 10, 5, 0.0158);
    for extra in ["sources", "kpi"] {
        original.as_object_mut().expect("an object").remove(extra);
    }
    stub.play([Reply::Answer(Box::new(original))]);
    let page = browser.ask("What was Apple's revenue in 2023?").await;
    assert!(page.main().contains("Revenue was US$ 383.29 billion."), "{}", page.main());
    assert!(page.main().contains("16.3 s · $0.0158"), "{}", page.main());
    assert!(browser.get("/").await.main().contains("The backend does not say which filings it holds."));
}
