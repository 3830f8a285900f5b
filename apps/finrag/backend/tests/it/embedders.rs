//! Embedding services, against stubs that check what they are sent.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::post;
use finrag_backend::embed::{BedrockEmbedder, OpenAiEmbedder};
use finrag_backend::llm::{Bedrock, OpenAiSettings};
use finrag_engine::{EmbedError, Embedder};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::world::bedrock;

type Seen = Arc<Mutex<Vec<(String, HeaderMap, Value)>>>;

/// Vectors of two numbers: the place of the text in its batch, and its length.
fn vectors(texts: &Value) -> Vec<Value> {
    let texts = texts.as_array().expect("a list");
    texts.iter().enumerate().map(|(n, text)| json!([n, text.as_str().expect("text").len()])).collect()
}

async fn openai(State(seen): State<Seen>, headers: HeaderMap, body: Bytes) -> axum::Json<Value> {
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    // Out of order, as the format allows.
    let mut data: Vec<Value> = vectors(&body["input"])
        .into_iter()
        .enumerate()
        .map(|(index, embedding)| json!({ "object": "embedding", "index": index, "embedding": embedding }))
        .collect();
    data.reverse();
    seen.lock().expect("lock").push(("embeddings".to_owned(), headers, body));
    axum::Json(json!({ "object": "list", "data": data }))
}

async fn cohere(
    State(seen): State<Seen>,
    Path(model): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> axum::Json<Value> {
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let vectors = vectors(&body["texts"]);
    let is_v4 = model.contains("v4");
    seen.lock().expect("lock").push((model, headers, body));
    axum::Json(if is_v4 {
        json!({ "embeddings": { "float": vectors } })
    } else {
        json!({ "embeddings": vectors })
    })
}

async fn start() -> (String, Seen) {
    let seen = Seen::default();
    let router = Router::new()
        .route("/v1/embeddings", post(openai))
        .route("/model/{model}/invoke", post(cohere))
        .with_state(Arc::clone(&seen));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, seen)
}

#[tokio::test]
async fn openai_compatible_embeddings() {
    let (url, seen) = start().await;
    let settings = OpenAiSettings { base_url: format!("{url}/v1"), api_key: Some("sk-test".to_owned()) };
    let embedder = OpenAiEmbedder::new(crate::world::http(), settings.clone(), "small".to_owned(), 2);
    assert_eq!(embedder.embed_query("four").await.expect("embeds"), [0.0, 4.0]);
    assert_eq!(embedder.embed_documents(&["a", "bb", "ccc"]).await.expect("embeds")[2], [2.0, 3.0]);
    let many = vec!["x"; 300];
    assert_eq!(embedder.embed_documents(&many).await.expect("embeds").len(), 300);
    {
        let seen = seen.lock().expect("lock");
        assert_eq!(seen[0].1["authorization"], "Bearer sk-test");
        assert_eq!(seen[0].2, json!({ "model": "small", "input": ["four"] }));
        assert_eq!(seen.len(), 2 + 3, "300 sentences go in three requests");
    }

    let wrong = OpenAiEmbedder::new(crate::world::http(), settings, "small".to_owned(), 3);
    assert!(matches!(wrong.embed_query("four").await, Err(EmbedError::Dims { wanted: 3, found: 2 })));
}

#[tokio::test]
async fn cohere_on_bedrock() {
    let (url, seen) = start().await;
    for model in ["cohere.embed-english-v3", "cohere.embed-v4:0"] {
        let embedder = BedrockEmbedder::new(Bedrock::new(bedrock(&url)).await, model.to_owned(), 2);
        assert_eq!((embedder.name(), embedder.dims()), (model, 2));
        assert_eq!(embedder.embed_query("four").await.expect("embeds"), [0.0, 4.0]);
        assert_eq!(embedder.embed_documents(&["a", "bb"]).await.expect("embeds")[1], [1.0, 2.0]);
    }
    let seen = seen.lock().expect("lock");
    assert!(seen[0].1["authorization"].to_str().expect("text").starts_with("AWS4-HMAC-SHA256"));
    assert_eq!(seen[0].2, json!({ "texts": ["four"], "input_type": "search_query", "truncate": "END" }));
    assert_eq!(seen[1].2["input_type"], "search_document");
}
