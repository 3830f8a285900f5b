//! Every way in which there is no answer: a kind word, the question, a way to ask it again, and no insides.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::browser::{Browser, Frontend, Page, hasty, patient};
use super::support::stub::{Reply, Stub, event};
use finrag_frontend::{Limits, Timeouts};

const QUESTION: &str = "What was Apple's revenue in 2023?";
const TRACE: &str = "Traceback (most recent call last): KeyError at 0xdeadbeef";

async fn setup(timeouts: Timeouts) -> (Stub, Browser) {
    let stub = Stub::start(([127, 0, 0, 1], 0).into(), Duration::ZERO).await;
    let frontend = Frontend::with(stub.address, timeouts, Limits::default()).await;
    (stub, Browser::new(&frontend))
}

fn is_kind(page: &Page, title: &str) {
    let text = page.main();
    assert_eq!(page.status, 200);
    assert!(text.contains(title), "no {title:?} in {text}");
    assert!(text.contains(QUESTION), "the question is lost: {text}");
    assert!(text.contains("Retry"), "no way to ask again: {text}");
    assert!(page.html.contains("name=\"question\" value=\"What was Apple's revenue in 2023?\""), "{text}");
    for inside in ["Traceback", "KeyError", "0xdeadbeef", "panicked"] {
        assert!(!page.html.contains(inside), "{inside} in {text}");
    }
}

#[tokio::test]
async fn refusals_are_kind_and_a_retry_takes_their_place() {
    let (stub, browser) = setup(patient(Duration::from_secs(60))).await;
    let error = |kind: &str, stage: &str, error: &str| json!({ "query": QUESTION, "error": error, "error_type": kind, "stage": stage, "timestamp": "t" });
    let streamed = |kind, stage, text| Reply::Raw(event("error", &error(kind, stage, text)));
    let table = [
        (
            Reply::Status(422, error("ValidationError", "request_validation", "question names no company")),
            "question names no company",
        ),
        (Reply::Status(422, Value::Null), "Please rephrase it and ask again."),
        (Reply::Status(500, error("InternalError", "retrieval", TRACE)), "Something went wrong"),
        (
            Reply::Status(502, error("LlmRefused", "llm_invocation", TRACE)),
            "The language model did not answer",
        ),
        (
            Reply::Status(503, error("NotReady", "initialization", TRACE)),
            "The filings are still being loaded",
        ),
        (Reply::Status(429, Value::Null), "Many questions at once"),
        (Reply::Status(504, Value::Null), "This is taking too long"),
        (streamed("LlmThrottled", "llm_invocation", TRACE), "The language model did not answer"),
        (streamed("LlmTimeout", "llm_total", TRACE), "This is taking too long"),
        (streamed("InternalError", "retrieval", TRACE), "Something went wrong"),
        (Reply::Raw("event: done\ndata: <html>nonsense</html>\n\n".into()), "The answer could not be read"),
        (
            Reply::Raw("event: done\ndata: {\"detail\":\"no answer\"}\n\n".into()),
            "The answer could not be read",
        ),
        (Reply::Raw("<html>a proxy's page</html>".into()), "The answer broke off"),
        (Reply::Raw(String::new()), "The answer broke off"),
        (Reply::Raw(event("token", &json!({ "text": "x".repeat(300_000) }))), "The answer could not be read"),
    ];
    let mut failed = 0;
    for (reply, title) in table {
        stub.play([reply]);
        failed += 1;
        let retry = (failed - 1).to_string();
        let fields = [("question", QUESTION), ("retry", retry.as_str())];
        let posted = browser.post("/ask", if failed == 1 { &fields[..1] } else { &fields }).await;
        assert_eq!(posted.status, 303, "{}", posted.text());
        let page = browser.settled().await;
        is_kind(&page, title);
        assert_eq!(page.html.matches("<article").count(), 1, "a retry takes the place of the failure");
    }
    let retry = failed.to_string();
    browser.post("/ask", &[("question", QUESTION), ("retry", &retry)]).await;
    let page = browser.settled().await;
    assert!(page.main().contains("US$ 383.29 billion") && !page.main().contains("Retry"), "{}", page.main());
}

#[tokio::test]
async fn half_an_answer_is_kept_and_said_to_be_half() {
    let (stub, browser) = setup(patient(Duration::from_secs(60))).await;
    for half in [Reply::Cut, Reply::Half] {
        stub.play([half("Revenue **rose** in each of the years, and".into())]);
        browser.ask(QUESTION).await;
        let page = browser.settled().await;
        is_kind(&page, "The answer broke off");
        assert!(page.main().contains("Revenue rose in each of the years, and"), "{}", page.main());
        browser.post("/clear", &[]).await;
    }
    assert!(browser.get("/chat").await.text().contains("Queries\n0"), "half an answer is not counted");
}

#[tokio::test]
async fn a_backend_that_hangs_is_given_up_in_time() {
    let (stub, browser) = setup(hasty()).await;
    for hang in [Reply::Hang, Reply::Stall("It began".into())] {
        stub.play([hang]);
        let page = browser.ask(QUESTION).await;
        assert!(page.html.contains("data-running"), "it does not hold up the page");
        let page = browser.settled().await;
        is_kind(&page, "This is taking too long");
        browser.post("/clear", &[]).await;
    }
}

#[tokio::test]
async fn a_backend_that_is_down_is_said_and_one_that_comes_back_answers() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let frontend = Frontend::with(gone, patient(Duration::from_secs(60)), Limits::default()).await;
    let browser = Browser::new(&frontend);
    browser.ask(QUESTION).await;
    let page = browser.settled().await;
    is_kind(&page, "The answering service cannot be reached");
    assert!(page.text().contains("Not reachable"));

    Stub::start(gone, Duration::ZERO).await;
    browser.post("/ask", &[("question", QUESTION), ("retry", "1")]).await;
    let page = browser.settled().await;
    assert!(page.main().contains("US$ 383.29 billion"), "{}", page.main());
    assert!(page.text().contains("Backend\nReady"), "{}", page.text());
}
