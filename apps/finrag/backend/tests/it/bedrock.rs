//! Bedrock's wire format.

use serde_json::json;

use crate::llm_stub::{Act, Stub};
use crate::world::{World, error_of, with_bedrock};

const QUESTION: &str = "What was the revenue of Acme Robotics in 2023?";

#[tokio::test]
async fn the_request_is_a_signed_converse() {
    let stub = Stub::start(&[Act::Say("Revenue was $2.25 billion [1].")]).await;
    let world = World::over_corpus(|settings| with_bedrock(settings, &stub.url)).await;
    let reply = world.ask(QUESTION).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let events = world.stream(QUESTION).await;
    assert_eq!(events.last().expect("events").0, "done", "{events:?}");

    let seen = stub.seen();
    let paths: Vec<_> = seen.iter().map(|request| request.path.as_str()).collect();
    let model = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
    assert_eq!(paths, [format!("/model/{model}/converse"), format!("/model/{model}/converse-stream")]);
    for request in &seen {
        let signature = request.headers["authorization"].to_str().expect("text");
        assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDTEST/"), "{signature}");
        assert!(signature.contains("/eu-north-1/bedrock/aws4_request"), "{signature}");
        assert!(request.headers.contains_key("x-amz-date"));
        let mut fields: Vec<_> =
            request.body.as_object().expect("object").keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["inferenceConfig", "messages", "system"]);
        assert_eq!(request.body["inferenceConfig"], json!({ "maxTokens": 2000, "temperature": 0.0 }));
        assert_eq!(request.body["messages"][0]["role"], "user");
        assert!(request.body["messages"][0]["content"][0]["text"].as_str().expect("text").contains(QUESTION));
        assert!(
            request.body["system"][0]["text"].as_str().expect("text").starts_with("You answer questions")
        );
    }
}

#[tokio::test]
async fn whole_and_streamed_answers_are_the_same_and_cost_the_same() {
    let stub = Stub::start(&[Act::Say("Revenue was $2.25 billion [1], more than before [2, 77].")]).await;
    let world = World::over_corpus(|settings| with_bedrock(settings, &stub.url)).await;
    let whole = world.ask(QUESTION).await.body;
    let events = world.stream(QUESTION).await;
    let done = &events.last().expect("events").1;
    assert_eq!(whole["answer"], done["answer"]);
    assert_eq!(whole["metadata"]["llm"], done["metadata"]["llm"]);
    assert_eq!(done["metadata"]["llm"]["stop_reason"], "end_turn");
    let cost = whole["metadata"]["llm"]["cost"].as_f64().expect("a price");
    assert!((cost - (0.001 + 0.05 * 0.005)).abs() < 1e-12, "{cost}");
}

#[tokio::test]
async fn errors_are_named_and_only_throttling_is_retried() {
    for (act, kind, calls) in [
        (Act::Fail(429, "too many"), "LlmThrottled", 2),
        (Act::Fail(403, "no access"), "LlmRefused", 1),
        (Act::Fail(500, "it broke"), "LlmRefused", 1),
    ] {
        let stub = Stub::start(&[act]).await;
        let world = World::over_corpus(|settings| with_bedrock(settings, &stub.url)).await;
        let reply = world.ask(QUESTION).await;
        assert_eq!(error_of(&reply), (502, kind.to_owned(), "llm_invocation".to_owned()), "{}", reply.body);
        assert_eq!(stub.seen().len(), calls, "{kind}");
        let events = world.stream(QUESTION).await;
        assert_eq!(events.last().expect("events").1["error_type"], kind);
    }
}

#[tokio::test]
async fn an_exception_within_the_stream_is_an_error() {
    let stub = Stub::start(&[Act::Fail(200, "the model stumbled")]).await;
    let world = World::over_corpus(|settings| with_bedrock(settings, &stub.url)).await;
    let events = world.stream(QUESTION).await;
    let (name, data) = events.last().expect("events");
    assert_eq!((name.as_str(), &data["error_type"]), ("error", &json!("LlmRefused")));
    assert!(data["error"].as_str().expect("text").contains("the model stumbled"), "{data}");
}
