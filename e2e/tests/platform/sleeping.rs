//! Sleep, and what must still be there after it.

use std::time::Duration;

use dormouse_e2e::{Browser, Server, eventually, workspace};
use fantoccini::Locator;
use tungstenite::Message;

use crate::toolbox::{deploy, logged};

/// `asleep` at the depth this host offers, with its memory accounted for.
fn assert_asleep(server: &Server, project: &str, service: &str) {
    let s = server.wait_state(project, service, "asleep");
    let paged = eventually(&format!("{project}/{service} is at rest"), Duration::from_secs(30), || {
        let s = server.service(project, service);
        if s["depth"] == "paged" { Ok(s) } else { Err(s.to_string()) }
    });
    assert_eq!(s["pid"], paged["pid"], "it is the same process");
    assert!(paged["swapped_bytes"].as_u64() > Some(0), "nothing was paged out: {paged}");
}

pub(crate) fn remembers(server: &Server) {
    let visitor = deploy(server, "memory", "");
    let _ = visitor.post("/eat?megabytes=50").ok();
    let _ = visitor.post("/notes?text=cheese").ok();
    let before = server.service("memory", "web");
    for round in 0..3 {
        server.ok(&["sleep", "memory"]);
        assert_asleep(server, "memory", "web");
        let asleep = server.service("memory", "web");
        let (was, is) =
            (before["resident_bytes"].as_u64().unwrap(), asleep["resident_bytes"].as_u64().unwrap());
        assert!(is * 5 < was, "round {round}: {is} of {was} bytes are still resident");
        // A connection from before the sleep, then a new one.
        assert_eq!(visitor.get("/notes").ok().body, "[\"cheese\"]");
        assert_eq!(visitor.fresh().get("/notes").ok().body, "[\"cheese\"]");
        let awake = server.wait_state("memory", "web", "ready");
        assert_eq!(awake["pid"], before["pid"]);
        assert!(awake["last_wake_ms"].as_f64() > Some(0.0), "{awake}");
    }
    logged(server, "memory", "asleep by `dormouse sleep`", 3);
    logged(server, "memory", "woken by a request in ", 3);
    server.ok(&["down", "memory"]);
}

pub(crate) fn by_itself(server: &Server) {
    let visitor = deploy(server, "drowsy", "sleep = \"2s\"\n");
    assert_asleep(server, "drowsy", "web");
    let _ = visitor.get("/health").ok();
    server.wait_state("drowsy", "web", "ready");
    assert_asleep(server, "drowsy", "web");
    logged(server, "drowsy", "asleep after 2 s without activity", 2);
    server.ok(&["down", "drowsy"]);
}

pub(crate) fn websocket(server: &Server) {
    let visitor = deploy(server, "socket", "sleep = \"2s\"\n");
    let mut ws = visitor.websocket("/ws");
    ws.send(Message::text("one")).unwrap();
    assert_eq!(ws.read().unwrap().to_text().unwrap(), "1:one");
    assert_asleep(server, "socket", "web");
    ws.send(Message::text("two")).unwrap();
    let answer = loop {
        let message = ws.read().unwrap();
        if message.is_text() {
            break message;
        }
    };
    assert_eq!(answer.to_text().unwrap(), "2:two", "the same connection, counted on");
    // And again: the frame after a second sleep.
    assert_asleep(server, "socket", "web");
    ws.send(Message::text("three")).unwrap();
    let answer = loop {
        let message = ws.read().unwrap();
        if message.is_text() {
            break message;
        }
    };
    assert_eq!(answer.to_text().unwrap(), "3:three");
    server.ok(&["down", "socket"]);
}

pub(crate) fn callee_wakes(server: &Server) {
    let folder = crate::toolbox::folder(
        "name = \"pair\"\n[services.front]\nsource = \".\"\npublic = true\nport = 8000\n[services.back]\nsource = \".\"\nport = 8000\n",
    );
    server.ok(&["deploy", &folder.path().to_string_lossy()]);
    let visitor = server.visit("pair.localhost");
    assert_eq!(visitor.get("/reach?host=back&port=8000").ok().json()["result"], "open");
    // A connection that is kept for later is no reason to stay awake.
    assert_eq!(visitor.get("/ask?host=back&port=8000").ok().json()["host"], "back");
    server.ok(&["sleep", "pair/back"]);
    assert_asleep(server, "pair", "back");
    assert_eq!(server.service("pair", "front")["state"], "ready", "only the one was put to sleep");
    assert_eq!(visitor.get("/fetch?url=http://back:8000/whoami").ok().json()["status"], 200);
    server.wait_state("pair", "back", "ready");
    server.ok(&["down", "pair"]);
}

pub(crate) fn in_flight(server: &Server) {
    let visitor = deploy(server, "thinking", "sleep = \"1s\"\n");
    let reply = visitor.get("/slow?seconds=6").ok();
    assert_eq!(reply.json()["slept"], 6.0);
    // Frozen in the middle it would have been woken by the next request only.
    let log = server.ok(&["logs", "thinking/web"]);
    assert!(!log.contains("Traceback"), "{log}");
    server.ok(&["down", "thinking"]);
}

pub(crate) fn callee_answers(server: &Server) {
    let folder = crate::toolbox::folder(
        "name = \"story\"\n[services.front]\nsource = \".\"\npublic = true\nport = 8000\n[services.back]\nsource = \".\"\nport = 8000\nsleep = \"1s\"\n",
    );
    server.ok(&["deploy", &folder.path().to_string_lossy()]);
    let visitor = server.visit("story.localhost");
    std::thread::scope(|s| {
        let told = s.spawn(|| {
            let url = "http://back:8000/stream%3Fparts=10%26pause=1";
            visitor.get(&format!("/fetch?url={url}")).ok()
        });
        // Longer than it may be unused, and into the answer.
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(server.service("story", "back")["state"], "ready");
        let error = server.fails(&["sleep", "story/back"]);
        assert!(error.contains("busy"), "{error}");
        let body = told.join().expect("no panic").json()["body"].clone();
        assert!(body.as_str().unwrap().contains("data: 9"), "{body}");
    });
    assert_asleep(server, "story", "back");
    server.ok(&["down", "story"]);
}

pub(crate) fn browser(server: &Server) {
    let Some(browser) = Browser::start() else { return };
    server.ok(&["deploy", &workspace().join("examples/fastapi-streamlit").to_string_lossy()]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (click, shows) = (
        async |page: &fantoccini::Client| {
            page.wait()
                .at_most(Duration::from_secs(60))
                .for_element(Locator::XPath("//button[.//p[contains(., 'Click')]]"))
                .await
                .expect("the page has its button")
                .click()
                .await
                .expect("it can be clicked");
        },
        async |page: &fantoccini::Client, text: &str| {
            let at = format!("//*[contains(text(), '{text}')]");
            page.wait()
                .at_most(Duration::from_secs(60))
                .for_element(Locator::XPath(&at))
                .await
                .unwrap_or_else(|e| panic!("the page never showed {text:?}: {e}"));
        },
    );
    runtime.block_on(async {
        let page = browser.session().await.expect("a window");
        page.goto(&format!("http://fastapi-streamlit.localhost:{}/", server.port)).await.expect("the page");
        let pids = || ["frontend", "backend"].map(|s| server.service("fastapi-streamlit", s)["pid"].clone());
        let session = "You are session 1 since the backend was started.";
        shows(&page, session).await;
        click(&page).await;
        shows(&page, "Clicks in this session: 1").await;
        shows(&page, "The backend has answered 1 questions.").await;
        let before = pids();
        // The tab stays open, WebSocket and all, while everything behind it sleeps.
        server.ok(&["sleep", "fastapi-streamlit"]);
        assert_asleep(server, "fastapi-streamlit", "frontend");
        assert_asleep(server, "fastapi-streamlit", "backend");
        click(&page).await;
        shows(&page, "Clicks in this session: 2").await;
        // Each remembers by itself: the page its session, the backend whom it met and what it was asked.
        shows(&page, "The backend has answered 2 questions.").await;
        shows(&page, session).await;
        for service in ["frontend", "backend"] {
            server.wait_state("fastapi-streamlit", service, "ready");
        }
        assert_eq!(pids(), before, "the same processes");
        page.close().await.expect("it closes");
    });
    server.ok(&["down", "fastapi-streamlit"]);
}
