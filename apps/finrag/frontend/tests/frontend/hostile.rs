//! Text that would be markup, and posts that are not ours.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::answers;
use super::support::browser::{Browser, Frontend, Page};
use super::support::stub::{Reply, Stub};

const EVIL: &str =
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><a href=\"javascript:alert(3)\">";

/// Puts the text into every string of a value, but where that would take away what the page is drawn from.
fn poison(value: &mut Value) {
    match value {
        Value::String(text) => text.push_str(EVIL),
        Value::Array(values) => values.iter_mut().for_each(poison),
        Value::Object(fields) => {
            for (key, value) in fields {
                if !matches!(key.as_str(), "kind" | "status") {
                    poison(value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn poisoned(mut value: Value) -> Value {
    poison(&mut value);
    value
}

/// Reads a page as a browser does, tag by tag: of the elements and attributes that do something, only ours are there.
fn is_clean(page: &Page) {
    let mut rest = page.html.as_str();
    let mut scripts = 0;
    while let Some(open) = rest.find('<') {
        rest = &rest[open + 1..];
        let mut quoted = false;
        let end = rest
            .find(|letter| {
                quoted ^= letter == '"';
                letter == '>' && !quoted
            })
            .expect("a tag ends");
        let tag = &rest[..end];
        let bare: String = tag.split('"').step_by(2).collect();
        let name = bare.split([' ', '/']).find(|name| !name.is_empty()).unwrap_or_default().to_lowercase();
        assert!(!matches!(name.as_str(), "img" | "iframe" | "style" | "object"), "<{tag}>");
        assert!(!bare.contains(" on"), "<{tag}>");
        scripts += usize::from(name == "script" && !tag.starts_with('/'));
        for address in ["href", "src", "action"] {
            if let Some((_, value)) = tag.split_once(&format!("{address}=\"")) {
                assert!(value.starts_with('/') || value.starts_with('#'), "<{tag}>");
            }
        }
        rest = &rest[end..];
    }
    assert!(scripts <= 1, "{scripts} scripts");
}

#[tokio::test]
async fn nothing_that_comes_from_elsewhere_is_markup() {
    let stub = Stub::start(([127, 0, 0, 1], 0).into(), Duration::ZERO).await;
    let browser = Browser::new(&Frontend::of(&stub).await);
    stub.set("meta", 200, poisoned(answers::meta()));
    stub.set("health", 200, json!({ "status": EVIL }));
    stub.set("sentences", 200, poisoned(answers::neighbours("a")));
    for answer in [answers::revenue(), answers::comparison(), answers::risks()] {
        stub.play([Reply::Answer(Box::new(poisoned(answer)))]);
        let page = browser.ask(&format!("What about this, then? {EVIL}")).await;
        is_clean(&page);
        assert!(page.main().contains("alert(1)"), "what was said is still shown: {}", page.main());
    }
    stub.play([
        Reply::Status(422, json!({ "error": EVIL })),
        Reply::Cut(format!("{EVIL} [x](javascript:alert(4))")),
    ]);
    for _ in 0..2 {
        is_clean(&browser.ask(&format!("And this one, then? {EVIL}")).await);
    }
    for path in [
        "/",
        "/chat?check=1",
        "/source/a",
        &format!("/source/{}", "%3Cscript%3E%22"),
        "/status",
        "/%3Cscript%3E",
    ] {
        is_clean(&browser.get(path).await);
    }
    is_clean(&browser.post("/ask", &[("question", "<b>\"")]).await);
    is_clean(&browser.ask_scripted(&format!("In a fragment, too? {EVIL}")).await);
}

#[tokio::test]
async fn a_post_from_another_site_does_nothing() {
    let stub = Stub::start(([127, 0, 0, 1], 0).into(), Duration::ZERO).await;
    let frontend = Frontend::of(&stub).await;
    let browser = Browser::new(&frontend);
    browser.ask("What was Apple's revenue in 2023?").await;
    let evil = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ];
    for (name, value) in evil {
        for path in ["/ask", "/clear", "/undo"] {
            let request =
                browser.form(path, &[("question", "What does the attacker want?")]).header(name, value);
            let page = browser.send(request).await;
            assert_eq!((page.status, page.set_cookie.as_deref()), (403, None), "{name}: {value} {path}");
            assert!(page.text().contains("This came from another site"));
        }
    }
    let page = browser.get("/chat").await;
    assert_eq!((stub.asked().len(), page.html.matches("<article").count()), (1, 1));
    let ours = format!("http://{}", frontend.address);
    let request = browser.form("/clear", &[]).header("origin", ours);
    assert_eq!(browser.send(request).await.status, 303);
}
