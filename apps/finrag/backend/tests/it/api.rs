//! Endpoints in good times.

use serde_json::json;

use crate::corpus;
use crate::world::{World, error_of};

#[tokio::test]
async fn the_service_says_what_it_is_and_how_it_is() {
    let world = World::keyless().await;
    let root = world.get("/").await.body;
    assert_eq!(root["service"], "FinRAG API");
    assert_eq!(
        (&root["status"], &root["docs"], &root["health"]),
        (&json!("running"), &json!("/docs"), &json!("/health"))
    );
    let health = world.get("/health").await.body;
    assert_eq!((&health["status"], &health["model_root_exists"]), (&json!("healthy"), &json!(true)));
    assert_eq!(health["aws_configured"], json!(false));
}

#[tokio::test]
async fn figures_are_answered_with_citations_a_footer_and_a_chart() {
    let world = World::keyless().await;
    let reply = world.ask("How did the revenue of Acme Robotics develop from 2021 to 2023?").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer = reply.body["answer"].as_str().expect("text");
    assert!(answer.starts_with("Extractive answer"), "{answer}");
    for expected in [
        "$1.50 billion in fiscal 2021 [1]",
        "$2.25 billion in fiscal 2023",
        "DATA SOURCES\n[1] Acme Robotics Inc.: Revenue $1.50 billion\n    ACME, FY 2021, Revenue, Doc: 0001000001-22-000007",
    ] {
        assert!(answer.contains(expected), "{expected}: {answer}");
    }
    let sources = reply.body["sources"].as_array().expect("list");
    for (place, source) in sources.iter().enumerate() {
        assert_eq!(source["n"], json!(place + 1));
        assert!(answer.contains(&format!("[{}]", place + 1)), "{answer}");
    }
    assert_eq!(sources[0]["kind"], "fact");
    assert_eq!(sources[0]["accession_no"], "0001000001-22-000007");
    let points = reply.body["kpi"]["series"][0]["points"].as_array().expect("list");
    assert_eq!(points.len(), 3);
    assert_eq!(points[2], json!({ "year": 2023, "value": 2.25e9 }));
    let llm = &reply.body["metadata"]["llm"];
    assert_eq!(
        (&llm["model_id"], &llm["cost"], &llm["stop_reason"]),
        (&json!("extractive"), &json!(0.0), &json!("extractive"))
    );
}

#[tokio::test]
async fn sentences_are_quoted_word_for_word_with_their_provenance() {
    let world = World::keyless().await;
    let reply = world.ask("Which supplier does Acme Robotics depend on for batteries in 2023?").await;
    let answer = reply.body["answer"].as_str().expect("text");
    let sentence = "We depend on a single supplier of lithium batteries, and a shortage could stop our production lines.";
    assert!(answer.contains(&format!("“{sentence}” [")), "{answer}");
    let sources = reply.body["sources"].as_array().expect("list");
    let source = sources.iter().find(|source| source["text"] == sentence).expect("cited");
    assert_eq!(source["sentence_id"], "ACME_2023_ITEM_1A_1");
    assert_eq!(source["label"], "Acme Robotics Inc. (ACME), FY 2023, Item 1A, sentence 1");
    let context = reply.body["context"].as_str().expect("text");
    assert!(context.contains("=== [ACME]") && context.contains(sentence), "{context}");
}

#[tokio::test]
async fn parts_can_be_left_out() {
    let world = World::keyless().await;
    let question = "What was the revenue of Acme Robotics in 2023?";
    for (kpi, rag) in [(true, false), (false, true)] {
        let body = json!({ "question": question, "include_kpi": kpi, "include_rag": rag });
        let reply = world.post("/query", &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let context = &reply.body["metadata"]["context"];
        assert_eq!((&context["kpi_included"], &context["rag_included"]), (&json!(kpi), &json!(rag)));
        assert_eq!(context["kpi_entities"].is_null(), !kpi);
        assert_eq!(context["rag_entities"].is_null(), !rag);
        assert_eq!(reply.body["kpi"].is_null(), !kpi);
    }
}

#[tokio::test]
async fn a_question_out_of_scope_is_answered_with_what_is_in_scope() {
    let world = World::keyless().await;
    let reply = world.ask("What was the revenue of Boeing in 2023?").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body["metadata"]["llm"]["stop_reason"], "out_of_scope", "{}", reply.body);
    let answer = reply.body["answer"].as_str().expect("text");
    assert!(answer.contains("Acme") || answer.contains("ACME"), "{answer}");
}

#[tokio::test]
async fn a_sentence_opens_among_its_neighbours() {
    let world = World::keyless().await;
    let reply = world.get("/sentences/ACME_2023_ITEM_1A_2?around=1").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let sentences = reply.body["sentences"].as_array().expect("list");
    let hits: Vec<_> =
        sentences.iter().map(|sentence| (&sentence["sentence_id"], &sentence["hit"])).collect();
    assert_eq!(
        hits,
        [
            (&json!("ACME_2023_ITEM_1A_1"), &json!(false)),
            (&json!("ACME_2023_ITEM_1A_2"), &json!(true)),
            (&json!("ACME_2023_ITEM_1A_3"), &json!(false)),
        ]
    );
    let missing = world.get("/sentences/none%20such").await;
    assert_eq!(error_of(&missing), (404, "NotFound".to_owned(), "lookup".to_owned()));
    assert_eq!(missing.body["query"], "none such");
    assert_eq!(world.get("/sentences/ACME_2023_ITEM_1A_2?around=many").await.status, 422);
}

#[tokio::test]
async fn meta_says_what_can_be_asked() {
    let world = World::keyless().await;
    let meta = world.get("/meta").await.body;
    assert_eq!(meta["rows"], json!(corpus::ROWS));
    assert_eq!(meta["facts"], json!(5));
    assert_eq!(meta["companies"][0]["ticker"], "ACME");
    assert_eq!(meta["companies"][0]["years"], json!([2021, 2022, 2023]));
    assert_eq!(meta["models"][0]["key"], "extractive");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_errors_in_the_same_shape() {
    let world = World::keyless().await;
    assert_eq!(error_of(&world.get("/nothing").await).0, 404);
    assert_eq!(error_of(&world.get("/query").await).0, 405);
}

#[tokio::test]
async fn the_documentation_needs_nothing_from_elsewhere() {
    let world = World::keyless().await;
    let reply = world.http.get(format!("{}/docs", world.url)).send().await.expect("answered");
    assert_eq!(reply.headers()["content-type"], "text/html; charset=utf-8");
    let policy = reply.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = reply.text().await.expect("text");
    assert!(page.contains("openapi.json"));
    for elsewhere in ["http://", "https://", "src=", "@import", "<link"] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
}

#[tokio::test]
async fn the_openapi_document_is_one_and_every_reference_in_it_resolves() {
    let world = World::keyless().await;
    let document = world.get("/openapi.json").await.body;
    assert!(document["openapi"].as_str().expect("text").starts_with("3.1"));
    let paths: Vec<_> = document["paths"].as_object().expect("object").keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        ["/", "/health", "/meta", "/query", "/query/stream", "/sentences/{sentence_id}", "/stats"]
    );
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().expect("object");
    let mut references = 0;
    for part in text.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().expect("a name");
        assert!(schemas.contains_key(name), "{name}");
        references += 1;
    }
    assert!(references > 20);
    // Prose for us would be noise for a client's author.
    assert_eq!(document["paths"]["/query"]["post"]["summary"], "Answers a question.");
}
