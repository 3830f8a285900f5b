//! Text for a Markdown renderer, which is what the original's page shows answers through.

use serde_json::json;

use crate::llm_stub::{Act, Stub};
use crate::world::{World, with_openai};

const QUESTION: &str = "What was the revenue of Acme Robotics in 2023?";

#[tokio::test]
async fn dollars_stars_and_underscores_are_safe_unless_plain_text_is_asked_for() {
    let stub =
        Stub::start(&[Act::Say("Its net_income* was **high**: $2.25 billion [1], not $1.5 billion* [1].")])
            .await;
    let world = World::over_corpus(|settings| with_openai(settings, &stub.url)).await;
    let safe = world.post("/query", &json!({ "question": QUESTION })).await.body;
    let plain = world.ask(QUESTION).await.body;
    let (safe, plain) = (safe["answer"].as_str().expect("text"), plain["answer"].as_str().expect("text"));
    assert!(
        safe.starts_with("Its net\\_income\\* was **high**: \\$2.25 billion [1], not \\$1.5 billion\\*"),
        "{safe}"
    );
    assert!(
        plain.starts_with("Its net_income* was **high**: $2.25 billion [1], not $1.5 billion*"),
        "{plain}"
    );
    let bare = safe.match_indices('$').any(|(at, _)| !safe[..at].ends_with('\\'));
    assert!(!bare && safe.contains("Revenue \\$2.25 billion"), "the footer too: {safe}");
}

#[tokio::test]
async fn a_stream_is_as_safe_as_the_whole() {
    let world = World::keyless().await;
    let request =
        world.http.post(format!("{}/query/stream", world.url)).json(&json!({ "question": QUESTION }));
    let text = request.send().await.expect("answered").text().await.expect("text");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<serde_json::Value> = data.map(|data| serde_json::from_str(data).expect("JSON")).collect();
    let tokens: String = events.iter().filter_map(|event| event["text"].as_str()).collect();
    let done = events.last().expect("events");
    assert_eq!(json!(tokens), done["answer"]);
    assert!(tokens.contains("\\$2.25 billion"), "{tokens}");
}
