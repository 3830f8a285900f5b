//! What a session remembers, and that it is nobody else's.

use std::time::Duration;

use serde_json::json;

use super::support::answers;
use super::support::browser::{Browser, Frontend, patient};
use super::support::stub::{Reply, Stub};
use finrag_frontend::Limits;

async fn setup(limits: Limits) -> (Stub, Frontend) {
    let stub = Stub::start(([127, 0, 0, 1], 0).into(), Duration::ZERO).await;
    let frontend = Frontend::with(stub.address, patient(Duration::from_secs(60)), limits).await;
    (stub, frontend)
}

#[tokio::test]
async fn a_long_talk_is_kept_up_to_its_bound_and_counted_past_it() {
    let (stub, frontend) = setup(Limits { turns: 10, ..Limits::default() }).await;
    let browser = Browser::new(&frontend);
    for number in 1..=25 {
        stub.play([Reply::Answer(Box::new(answers::response(
            &format!("Answer number {number}."),
            5,
            100,
            20,
            0.01,
        )))]);
        let page = browser.ask(&format!("This is question number {number}?")).await;
        assert!(page.main().contains(&format!("Answer number {number}.")), "{}", page.main());
    }
    let page = browser.get("/chat").await;
    let main = page.main();
    assert_eq!(page.html.matches("<article").count(), 10);
    assert!(
        !main.contains("question number 15?")
            && main.contains("question number 16?")
            && main.contains("question number 25?")
    );
    assert!(
        page.text().contains("Queries\n25\nTotal cost\n$0.2500\nAverage cost\n$0.0100\nTokens\n3,000"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn two_people_do_not_see_each_other() {
    let (stub, frontend) = setup(Limits::default()).await;
    let (ann, ben) = (Browser::new(&frontend), Browser::new(&frontend));
    stub.play([Reply::Answer(Box::new(answers::response("For Ann only.", 5, 1, 1, 1.0)))]);
    ann.ask("This is Ann's question?").await;
    let page = ben.get("/chat").await;
    assert!(!page.html.contains("Ann") && page.text().contains("Queries\n0"));
    assert_eq!(ben.get("/stream/1").await.status, 404, "a stranger follows nothing");
    stub.play([Reply::Answer(Box::new(answers::response("For Ben only.", 5, 1, 1, 2.0)))]);
    ben.ask("This is Ben's question?").await;
    let (ann_sees, ben_sees) = (ann.get("/chat").await, ben.get("/chat").await);
    assert!(ann_sees.main().contains("For Ann only.") && !ann_sees.html.contains("Ben"));
    assert!(ben_sees.main().contains("For Ben only.") && !ben_sees.html.contains("Ann"));
    assert!(ann_sees.text().contains("Total cost\n$1.00") && ben_sees.text().contains("Total cost\n$2.00"));
    ben.post("/clear", &[]).await;
    assert!(ann.get("/chat").await.main().contains("For Ann only."));
}

#[tokio::test]
async fn a_made_up_cookie_is_never_taken_on() {
    let (_stub, frontend) = setup(Limits::default()).await;
    let browser = Browser::new(&frontend);
    let planted = "0123456789abcdef0123456789abcdef";
    let request = browser.form("/ask", &[("question", "What was Apple's revenue?")]);
    let page = browser.send(request.header("cookie", format!("finrag_session={planted}"))).await;
    assert_eq!(page.status, 303);
    assert!(page.set_cookie.is_some_and(|cookie| !cookie.contains(planted)));
}

#[tokio::test]
async fn a_clear_can_be_undone() {
    let (_stub, frontend) = setup(Limits::default()).await;
    let browser = Browser::new(&frontend);
    assert!(!browser.get("/chat").await.html.contains("action=\"/clear\""), "there is nothing to clear");
    browser.ask("What was Apple's revenue in 2023?").await;
    let posted = browser.post("/clear", &[]).await;
    assert_eq!((posted.status, posted.location.as_deref()), (303, Some("/chat")));
    let page = browser.get("/chat").await;
    assert!(page.main().contains("Cleared 1 question\nThey come back with undo"), "{}", page.main());
    assert!(page.text().contains("Queries\n0") && !page.html.contains("383.29"));
    browser.post("/undo", &[]).await;
    let page = browser.get("/chat").await;
    assert!(
        page.main().contains("US$ 383.29 billion") && page.text().contains("Queries\n1"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn old_sessions_make_room_only_at_the_bound() {
    let (stub, frontend) = setup(Limits { sessions: 3, ..Limits::default() }).await;
    let people: Vec<_> = (0..4).map(|_| Browser::new(&frontend)).collect();
    for (number, person) in people.iter().enumerate() {
        stub.play([Reply::Answer(Box::new(answers::response("Noted.", 5, 1, 1, 0.0)))]);
        person.ask(&format!("This is person number {number}?")).await;
        people[0].get("/chat").await;
    }
    let mut remembered = Vec::new();
    for person in &people {
        remembered.push(person.get("/chat").await.html.contains("This is person"));
    }
    assert_eq!(remembered, [true, false, true, true], "the one longest unused went");
}

#[tokio::test]
async fn the_check_says_how_the_backend_is() {
    let (stub, frontend) = setup(Limits::default()).await;
    let browser = Browser::new(&frontend);
    for (status, body, wanted) in [
        (200, json!({ "status": "healthy" }), "Ready"),
        (200, json!({ "status": "starting" }), "Loading the filings"),
        (200, json!({ "status": "degraded" }), "degraded"),
        (503, json!(null), "Loading the filings"),
        (500, json!(null), "Not well"),
    ] {
        stub.set("health", status, body);
        let fragment = browser.get("/status").await;
        assert!(fragment.html.starts_with("<section id=\"backend\">"), "{}", fragment.html);
        assert!(fragment.text().contains(&format!("{wanted}\nCheck just now")), "{}", fragment.text());
    }
}
