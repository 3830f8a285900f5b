//! Many queries at once.

use std::sync::Arc;
use std::time::Duration;

use crate::llm_stub::{Act, Stub};
use crate::world::{LIMITS, World, with_openai};

const QUESTION: &str = "What was the revenue of Acme Robotics in 2023?";
const QUERIES: usize = 200;

/// No bound in milliseconds here, where tests share the machine: `bench/finrag/serve` measures. What is shown is that
/// `/health` is answered while every one of the queries still waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn health_answers_while_two_hundred_queries_wait_for_their_model() {
    let stub = Stub::shut(&[Act::Say("Revenue was $2.25 billion [1].")]).await;
    let patient = Duration::from_secs(600);
    let world = World::over_corpus(|mut settings| {
        settings.limits = finrag_backend::llm::Limits { first_token: patient, total: patient, ..LIMITS };
        with_openai(settings, &stub.url)
    })
    .await;
    let world = Arc::new(world);
    let queries: Vec<_> = (0..QUERIES)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.ask(QUESTION).await.status })
        })
        .collect();
    while stub.seen().len() < QUERIES {
        assert_eq!(world.get("/health").await.status, 200);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for _ in 0..50 {
        assert_eq!(world.get("/health").await.status, 200);
    }
    assert!(queries.iter().all(|query| !query.is_finished()));
    stub.open();
    for query in queries {
        assert_eq!(query.await.expect("joins"), 200);
    }
}
