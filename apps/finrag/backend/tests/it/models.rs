//! Answers written by an OpenAI-compatible model, and what is checked of them.

use serde_json::json;

use crate::llm_stub::{Act, Stub};
use crate::world::{World, error_of, with_bedrock, with_openai};

const QUESTION: &str = "What was the revenue of Acme Robotics in 2023?";

#[tokio::test]
async fn the_request_is_a_chat_completion() {
    let stub = Stub::start(&[Act::Say("Revenue was $2.25 billion [1].")]).await;
    let world = World::over_corpus(|settings| with_openai(settings, &stub.url)).await;
    let body = json!({ "question": QUESTION, "model_key": "premium" });
    assert_eq!(world.post("/query", &body).await.status, 200);
    world.stream(QUESTION).await;
    let seen = stub.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].headers["authorization"], "Bearer sk-test");
    assert_eq!((&seen[0].body["model"], &seen[0].body["stream"]), (&json!("gpt-4.1"), &json!(false)));
    assert_eq!(seen[1].body["stream_options"], json!({ "include_usage": true }));
    assert_eq!((&seen[1].body["model"], &seen[1].body["stream"]), (&json!("gpt-4.1-mini"), &json!(true)));
    for request in &seen {
        assert_eq!(request.body["messages"][0]["role"], "system");
        assert_eq!(request.body["messages"][1]["role"], "user");
        assert_eq!((&request.body["max_tokens"], &request.body["temperature"]), (&json!(2000), &json!(0)));
        assert!(
            request.body["messages"][1]["content"]
                .as_str()
                .expect("text")
                .contains("FIGURES\n[1] Acme Robotics Inc.")
        );
    }
}

#[tokio::test]
async fn citations_are_checked_renumbered_and_resolved_and_the_call_is_priced() {
    let say = "Its revenue was $2.25 billion [1] and it thrives [999]. It has costs of $77 million.\n\nDATA SOURCES\n[1] mine";
    let stub = Stub::start(&[Act::Say(say)]).await;
    let world = World::over_corpus(|settings| with_openai(settings, &stub.url)).await;
    let reply = world.ask(QUESTION).await;
    let answer = reply.body["answer"].as_str().expect("text");
    let written = "Its revenue was $2.25 billion [1] and it thrives. It has costs of $77 million. (unverified, cites no source: \
        $77 million)\n\nNote: 1 number above is in no source";
    assert!(answer.starts_with(written), "{answer}");
    assert!(answer.ends_with("\n\nDATA SOURCES\n[1] Acme Robotics Inc.: Revenue $2.25 billion\n    ACME, FY 2023, Revenue, Doc: 0001000001-24-000009"), "{answer}");
    assert_eq!(answer.matches("DATA SOURCES").count(), 1);
    let citations = &reply.body["metadata"]["context"]["retrieval_stats"]["citations"];
    assert_eq!(
        citations,
        &json!({ "cited": 1, "unknown_removed": 1, "uncited_statements": 1, "links_removed": 0, "unfounded_numbers": 1 })
    );
    let llm = &reply.body["metadata"]["llm"];
    assert_eq!(
        (&llm["input_tokens"], &llm["output_tokens"], &llm["total_tokens"]),
        (&json!(1000), &json!(50), &json!(1050))
    );
    let cost = llm["cost"].as_f64().expect("a price");
    assert!((cost - (0.0004 + 0.05 * 0.0016)).abs() < 1e-12, "{cost}");
    assert_eq!(reply.body["sources"].as_array().expect("list").len(), 1);
}

#[tokio::test]
async fn throttling_is_retried_once() {
    let slow_down = Act::Fail(429, "slow down");
    let stub = Stub::start(&[slow_down.clone(), Act::Say("Revenue was $2.25 billion [1].")]).await;
    let world = World::over_corpus(|settings| with_openai(settings, &stub.url)).await;
    assert_eq!(world.ask(QUESTION).await.status, 200);
    assert_eq!(stub.seen().len(), 2);

    let stub = Stub::start(&[slow_down]).await;
    let world = World::over_corpus(|settings| with_openai(settings, &stub.url)).await;
    let reply = world.ask(QUESTION).await;
    assert_eq!(error_of(&reply), (502, "LlmThrottled".to_owned(), "llm_invocation".to_owned()));
    assert_eq!(stub.seen().len(), 2);
}

#[tokio::test]
async fn a_refusal_is_not_retried_and_shows_no_key() {
    let stub = Stub::start(&[Act::Fail(500, "it broke")]).await;
    let world = World::over_corpus(|settings| with_openai(settings, &stub.url)).await;
    let reply = world.ask(QUESTION).await;
    assert_eq!(error_of(&reply), (502, "LlmRefused".to_owned(), "llm_invocation".to_owned()));
    assert_eq!(reply.body["error"], "the language model refused the request (500): it broke");
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn no_model_is_asked_about_what_is_out_of_scope() {
    let stub = Stub::start(&[Act::Say("Invented.")]).await;
    let world = World::over_corpus(|settings| with_openai(settings, &stub.url)).await;
    let reply = world.ask("What was the revenue of Boeing in 2023?").await;
    assert_eq!(reply.body["metadata"]["llm"]["stop_reason"], "out_of_scope");
    assert_eq!(reply.body["metadata"]["llm"]["cost"], 0.0);
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn the_keyless_answer_can_be_asked_for_beside_a_model() {
    let stub = Stub::start(&[Act::Say("Written.")]).await;
    let world = World::over_corpus(|settings| with_openai(settings, &stub.url)).await;
    let reply = world.post("/query", &json!({ "question": QUESTION, "model_key": "extractive" })).await;
    assert!(reply.body["answer"].as_str().expect("text").starts_with("Extractive answer"));
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn every_number_is_looked_for_in_the_cited_sources() {
    for (said, marked) in [
        ("Revenue was $2.25 billion [1].", None),
        ("Revenue was about $2.3 billion in fiscal 2023 [1].", None),
        ("Revenue was $2,250 million [1].", None),
        ("Revenue was $9.75 billion [1].", Some("(unverified, not in the cited source: $9.75 billion)")),
        (
            "Revenue was $2.25 billion [1]. It rose 44% on that [1].",
            Some("(unverified, not in the cited source: 44%)"),
        ),
        ("Revenue was $2.25 billion.", Some("(unverified, cites no source: $2.25 billion)")),
        (
            "- Revenue: $2.25 billion [1]\n- Staff: 12,345 [1]",
            Some("(unverified, not in the cited source: 12,345)"),
        ),
    ] {
        let stub = Stub::start(&[Act::Say(said)]).await;
        let openai = World::over_corpus(|settings| with_openai(settings, &stub.url)).await;
        let bedrock = World::over_corpus(|settings| with_bedrock(settings, &stub.url)).await;
        for world in [openai, bedrock] {
            let whole = world.ask(QUESTION).await.body;
            let streamed = world.stream(QUESTION).await;
            assert_eq!(whole["answer"], streamed.last().expect("events").1["answer"], "{said}");
            let answer = whole["answer"].as_str().expect("text");
            assert_eq!(answer.contains("(unverified"), marked.is_some(), "{answer}");
            assert!(marked.is_none_or(|marked| answer.contains(marked)), "{answer}");
        }
    }
}
