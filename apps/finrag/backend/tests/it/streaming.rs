//! Server-Sent Events.

use std::time::Duration;

use serde_json::json;

use crate::llm_stub::{Act, Stub};
use crate::world::{World, with_openai};

const QUESTION: &str = "What was the revenue of Acme Robotics in 2023?";

#[tokio::test]
async fn stages_then_tokens_then_one_done_and_the_tokens_are_the_answer() {
    let stub =
        Stub::start(&[Act::Say("Revenue was $2.25 billion [1]; it rose [ 1 ] as costs did [88].")]).await;
    for world in
        [World::keyless().await, World::over_corpus(|settings| with_openai(settings, &stub.url)).await]
    {
        let events = world.stream(QUESTION).await;
        let tokens: String = events
            .iter()
            .filter(|(name, _)| name == "token")
            .map(|(_, data)| data["text"].as_str().expect("text"))
            .collect();
        let (name, done) = events.last().expect("events");
        assert_eq!(name, "done");
        assert_eq!(json!(tokens), done["answer"]);
        assert_eq!(events.iter().filter(|(name, _)| name == "done" || name == "error").count(), 1);
        let stages: Vec<_> = events
            .iter()
            .filter(|(name, _)| name == "stage")
            .map(|(_, data)| data["stage"].as_str().expect("text"))
            .collect();
        assert_eq!(stages[..3], ["understanding", "kpi", "retrieval"]);
        assert_eq!(stages.last(), Some(&"synthesis"));
        // What the original's client reads: a type in every data line, milliseconds in every stage.
        assert!(events.iter().all(|(name, data)| data["type"] == json!(name)));
        assert!(events.iter().filter(|(name, _)| name == "stage").all(|(_, data)| data["ms"].is_number()));
        // Beside `type`, `done` is what POST /query answers.
        let mut names: Vec<_> = done.as_object().expect("object").keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["answer", "context", "kpi", "metadata", "query", "sources", "type"]);
    }
}

#[tokio::test]
async fn out_of_scope_streams_as_well() {
    let world = World::keyless().await;
    let events = world.stream("What was the revenue of Boeing in 2023?").await;
    let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["stage", "token", "done"]);
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_call_and_is_in_the_log() {
    let stub = Stub::start(&[Act::HangAfter("Revenue was ")]).await;
    let world = World::over_corpus(|settings| with_openai(settings, &stub.url)).await;
    let request =
        world.http.post(format!("{}/query/stream", world.url)).json(&json!({ "question": QUESTION }));
    let mut reply = request.send().await.expect("answered");
    assert!(reply.chunk().await.expect("a chunk").is_some());
    drop(reply);
    let mut stats = json!(null);
    for _ in 0..600 {
        stats = world.get("/stats").await.body;
        if stats["queries"] == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((&stats["queries"], &stats["errors"]), (&json!(1), &json!(1)), "{stats}");
}
