//! The reference app as its users meet it: built from source, its data in S3, its model on Bedrock, asked in a browser, and
//! put to sleep in between. S3 is moto's server and Bedrock a stub that checks the wire format; both are services of the
//! project, since sandboxes reach nothing of the host's.

use std::{fs, path::Path, process::Command, time::Duration};

use dormouse_e2e::{Browser, Server, eventually, workspace};
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// FinRAG's folder with the test's manifest and its two stand-ins.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (app, stubs) = (workspace().join("apps/finrag"), workspace().join("e2e/apps/finrag"));
    // What git knows and nothing else: no build output, no editor's leftovers.
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(&app).output().expect("git runs");
    let listed = String::from_utf8(listed.stdout).unwrap();
    let files = listed.split_terminator('\0').map(|file| (app.join(file), folder.path().join(file)));
    let extra = ["dormouse.toml", "s3/requirements.txt", "bedrock/requirements.txt", "bedrock/main.py"];
    let extra = extra.map(|file| (stubs.join(file), folder.path().join(file)));
    for (from, to) in files.chain(extra) {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&from, &to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    }
    folder
}

/// Put the demo corpus where the backend looks for it.
fn fill_bucket(server: &Server) {
    let s3 = server.visit("s3--finrag.localhost");
    assert_eq!(s3.put("/filings", Vec::new()).status, 200);
    let mut sent = 0;
    for entry in fs::read_dir(workspace().join("apps/finrag/data")).unwrap() {
        let path = entry.unwrap().path();
        if matches!(path.extension().and_then(|e| e.to_str()), Some("parquet" | "json")) {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(s3.put(&format!("/filings/demo/{name}"), fs::read(&path).unwrap()).status, 200);
            sent += 1;
        }
    }
    assert!(sent >= 4, "the demo corpus has only {sent} files");
}

async fn ask(page: &Client, question: &str) {
    let at = |css| page.wait().at_most(PATIENCE).for_element(Locator::Css(css));
    let field = at("textarea#question").await.expect("there is a box for questions");
    field.send_keys(question).await.expect("it takes text");
    at("#composer button").await.expect("there is a button").click().await.expect("it can be clicked");
}

async fn shows(page: &Client, what: &str, xpath: &str) {
    if let Err(error) = page.wait().at_most(PATIENCE).for_element(Locator::XPath(xpath)).await {
        panic!("the page never showed {what}: {error}\n{}", page.source().await.unwrap_or_default());
    }
}

/// The `n`th answer, from 1, and a citation in it that leads somewhere.
async fn is_answered(page: &Client, n: usize) {
    let answer = format!("(//article)[{n}]//div[contains(@class, 'answer')]");
    let said = format!("{answer}[contains(., 'This is its whole answer')]");
    shows(page, &format!("answer {n}"), &said).await;
    shows(page, &format!("a citation in answer {n}"), &format!("{answer}//a[starts-with(@href, '#')]")).await;
}

fn query(server: &Server) -> (u16, Value) {
    let question = json!({ "question": "How did Apple's revenue develop from 2021 to 2024?" });
    let reply = server.visit("backend--finrag.localhost").post_json("/query", &question);
    (reply.status, reply.json())
}

pub(crate) fn finrag(server: &Server) {
    let folder = project();
    server.ok(&["deploy", &folder.path().to_string_lossy()]);
    data_comes_late(server);
    in_the_browser(server);
    let seen = server.visit("bedrock--finrag.localhost").get("/seen").ok().json();
    assert_eq!(seen["problems"], json!([]), "{seen}");
    assert!(seen["seen"].as_array().unwrap().len() >= 3, "{seen}");
    is_frugal(server);
    server.ok(&["down", "finrag"]);
}

/// Without data it says so; with it, it answers, and nobody had to restart it.
fn data_comes_late(server: &Server) {
    let (status, body) = query(server);
    assert_eq!(status, 503, "{body}");
    for key in ["query", "error", "error_type", "stage", "timestamp"] {
        assert!(body.get(key).is_some(), "no `{key}` in {body}");
    }
    fill_bucket(server);
    let answer = eventually("the backend finds its data", Duration::from_secs(120), || match query(server) {
        (200, answer) => Ok(answer),
        other => Err(format!("{other:?}")),
    });
    assert!(answer["answer"].as_str().unwrap().contains("[1]"), "{answer}");
    assert!(answer["metadata"]["llm"]["cost"].as_f64() > Some(0.0), "{answer}");
    assert!(answer["kpi"]["series"][0]["points"].as_array().unwrap().len() >= 3, "{answer}");
}

fn in_the_browser(server: &Server) {
    let Some(browser) = Browser::start() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let page = browser.session().await.expect("a window");
        page.goto(&format!("http://frontend--finrag.localhost:{}/chat", server.port))
            .await
            .expect("the page");
        ask(&page, "How did Apple's revenue develop from 2021 to 2024?").await;
        is_answered(&page, 1).await;
        shows(&page, "a chart", "//article//*[local-name()='svg'][@role='img']").await;
        // The tab stays open while everything behind it sleeps.
        server.ok(&["sleep", "finrag"]);
        for service in ["frontend", "backend", "bedrock", "s3"] {
            server.wait_state("finrag", service, "asleep");
        }
        ask(&page, "What risks does Apple name in its supply chain in 2023?").await;
        is_answered(&page, 2).await;
        // What was there before is there still, and comes from the server.
        page.refresh().await.expect("the page again");
        is_answered(&page, 1).await;
        is_answered(&page, 2).await;
        page.close().await.expect("it closes");
    });
}

/// Two services in Rust, over the demo corpus, in less memory than one Python interpreter with its data.
fn is_frugal(server: &Server) {
    for (service, most) in [("backend", 200 << 20), ("frontend", 32 << 20)] {
        let s = server.service("finrag", service);
        assert!(s["resident_bytes"].as_u64().unwrap() < most, "{s}");
    }
}

/// The manifest that the README's command deploys names the same packages.
pub(crate) fn manifest_is_the_apps() {
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let own = read(&workspace().join("apps/finrag/dormouse.toml"));
    let tests = read(&workspace().join("e2e/apps/finrag/dormouse.toml"));
    for line in own.lines().filter(|l| l.starts_with("package =") || l.starts_with("health =")) {
        assert!(tests.contains(line), "the test's manifest has no `{line}`");
    }
}
