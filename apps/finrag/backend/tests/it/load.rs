//! Many queries at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::llm_stub::{Act, Stub};
use crate::world::{World, with_openai};

const QUESTION: &str = "What was the revenue of Acme Robotics in 2023?";

/// The bound is loose, because tests run unoptimised beside others; `bench/finrag/serve` measures.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn health_answers_at_once_while_two_hundred_queries_wait_for_their_model() {
    let stub = Stub::slow(&[Act::Say("Revenue was $2.25 billion [1].")], Duration::from_secs(2)).await;
    let world = Arc::new(World::over_corpus(|settings| with_openai(settings, &stub.url)).await);
    let queries: Vec<_> = (0..200)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.ask(QUESTION).await.status })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    let mut asked = 0;
    while queries.iter().any(|query| !query.is_finished()) {
        let started = Instant::now();
        assert_eq!(world.get("/health").await.status, 200);
        slowest = slowest.max(started.elapsed());
        asked += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for query in queries {
        assert_eq!(query.await.expect("joins"), 200);
    }
    assert!(asked > 20, "{asked}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}: it waited for a query");
}
