//! Every page, as a person reads it.

use expect_test::expect;
use reqwest::Method;
use serde_json::{Value, json};

use super::support::browser::{Browser, Frontend, short};
use super::support::stub::Stub;
use finrag_frontend::Limits;

async fn stub() -> Stub {
    Stub::start(([127, 0, 0, 1], 0).into(), std::time::Duration::ZERO).await
}

#[tokio::test]
async fn home_says_what_it_is_and_what_is_in_scope() {
    let browser = Browser::new(&Frontend::of(&stub().await).await);
    let page = browser.get("/").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.set_cookie, None, "looking makes no session");
    expect![[r#""#]].assert_eq(&page.main());
}

#[tokio::test]
async fn home_without_a_backend_is_kind() {
    let stub = stub().await;
    stub.set("meta", 503, json!({ "error": "Traceback (most recent call last)", "stage": "startup" }));
    stub.set("health", 503, Value::Null);
    let browser = Browser::new(&Frontend::of(&stub).await);
    let page = browser.get("/").await;
    assert_eq!(page.status, 200);
    assert!(!page.html.contains("Traceback"));
    expect![[r#""#]].assert_eq(&page.between("In scope", "How an answer"));
    assert!(page.text().contains("Backend\nLoading the filings"), "{}", page.text());

    stub.set("meta", 200, super::support::answers::meta());
    stub.set("health", 200, json!({ "status": "healthy" }));
    let page = browser.get("/?check=1").await;
    assert!(page.text().contains("Backend\nReady"), "{}", page.text());
    assert!(page.main().contains("20,844"), "{}", page.main());
}

#[tokio::test]
async fn a_backend_that_is_not_there_costs_a_page_little() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let browser = Browser::new(&Frontend::with(gone, short(), Limits::default()).await);
    for path in ["/", "/chat", "/chat?check=1", "/status"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("Not reachable"), "{path}: {}", page.text());
    }
}

#[tokio::test]
async fn the_chat_begins_with_an_invitation_and_a_sidebar() {
    let browser = Browser::new(&Frontend::of(&stub().await).await);
    let page = browser.get("/chat").await;
    expect![[r#""#]].assert_eq(&page.text());
}

#[tokio::test]
async fn an_answer_has_its_details_chart_and_sources() {
    let browser = Browser::new(&Frontend::of(&stub().await).await);
    let page = browser.ask("How did Apple's revenue develop from 2019 to 2023?").await;
    expect![[r#""#]].assert_eq(&page.between("How did Apple's", "Your question"));
    assert_eq!(page.html.matches("role=\"img\"").count(), 2, "a wide and a narrow picture");
    assert!(page.html.contains(
        "aria-label=\"Line chart: Figures of Apple Inc., US$ billions, 2019 to 2023. Revenue: 260.17 in 2019, 383.29 in 2023."
    ));
    assert!(page.html.contains("<a class=\"cite\" href=\"#turn-1-s6\""));
    assert!(page.html.contains("id=\"turn-1-s6\""));
    assert!(page.html.contains("href=\"/source/0000320193%2F23%20ITEM_7%2388\""), "a sentence id is one segment");
}

#[tokio::test]
async fn a_comparison_has_a_line_for_each_company() {
    let browser = Browser::new(&Frontend::of(&stub().await).await);
    let page = browser.ask("Compare the revenue of Apple, Microsoft and NVIDIA").await;
    let text = page.between("US$ billions", "Query details");
    expect![[r#""#]].assert_eq(&text);
}

#[tokio::test]
async fn a_source_opens_the_sentences_around_it() {
    let stub = stub().await;
    let browser = Browser::new(&Frontend::of(&stub).await);
    let page = browser.get("/source/0000320193%2F23%20ITEM_7%2388").await;
    assert_eq!(page.status, 200);
    expect![[r#""#]].assert_eq(&page.main());
    assert!(page.html.contains("<mark>A shortage of such components"));
    assert!(page.html.contains("href=\"/source/0000320193%2F23%20ITEM_7%2388?around=8\""));

    let fragment = browser.request(Method::GET, "/source/a?around=99").header("x-fragment", "1");
    let fragment = browser.send(fragment).await;
    assert!(fragment.html.starts_with("<blockquote class=\"passage\">"), "{}", fragment.html);
    assert_eq!(stub.looked_up(), ["0000320193/23 ITEM_7#88?around=3", "a?around=20"]);
}

#[tokio::test]
async fn a_source_that_is_gone_or_out_of_reach_is_said() {
    let stub = stub().await;
    let browser = Browser::new(&Frontend::of(&stub).await);
    for (status, wanted, title) in [
        (404, 404, "This sentence is no longer there"),
        (500, 502, "Something went wrong"),
        (503, 502, "The filings are still being loaded"),
    ] {
        stub.set("sentences", status, json!({ "error": "Traceback", "error_type": "X", "stage": "y" }));
        for fragment in [false, true] {
            let request = browser.request(Method::GET, "/source/a");
            let request = if fragment { request.header("x-fragment", "1") } else { request };
            let page = browser.send(request).await;
            assert_eq!(page.status, wanted);
            assert!(page.text().contains(title), "{}", page.text());
            assert!(!page.html.contains("Traceback"));
            assert_eq!(page.html.contains("<html"), !fragment);
        }
    }
    let long = browser.get(&format!("/source/{}", "x".repeat(300))).await;
    assert_eq!(long.status, 404);
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_answered() {
    let browser = Browser::new(&Frontend::of(&stub().await).await);
    let page = browser.get("/wp-admin").await;
    assert_eq!(page.status, 404);
    expect![[r#""#]].assert_eq(&page.main());
    for (path, status) in [("/ask", 405), ("/assets/none", 404), ("/stream/1", 404), ("/stream/x", 400)] {
        assert_eq!(browser.get(path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn everything_is_hardened_and_files_are_kept_by_version() {
    let browser = Browser::new(&Frontend::of(&stub().await).await);
    let home = browser.get("/").await.html;
    let script = home.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a script").to_owned();
    for (path, caching) in [
        ("/", "private, no-cache"),
        ("/healthz", "private, no-cache"),
        ("/nowhere", "private, no-cache"),
        ("/assets/app.css", "no-cache"),
        (script.as_str(), "public, max-age=31536000, immutable"),
    ] {
        let response = browser.request(Method::GET, path).send().await.expect("an answer");
        let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
        assert!(header("content-security-policy").starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert_eq!(header("cache-control"), caching, "{path}");
    }
    assert!(!home.contains(" style=") && !home.contains("<style") && !home.contains(" onclick="));
}
