//! The query log as a user of the service sees it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use finrag_backend::querylog::{LogPace, LogPlace, decode};
use finrag_engine::DataRoot;
use serde_json::json;

use crate::corpus;
use crate::llm_stub::{Act, Stub};
use crate::world::{World, in_folder, with_openai};

const QUESTION: &str = "What was the revenue of Acme Robotics in 2023?";

fn stored_rows(folder: &Path) -> (usize, usize) {
    let files = std::fs::read_dir(folder.join("logs/queries")).expect("folder");
    let rows: Vec<usize> = files
        .map(|file| std::fs::read(file.expect("entry").path()).expect("read"))
        .map(|bytes| decode(bytes.into()).expect("a segment").0.len())
        .collect();
    (rows.len(), rows.iter().sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_hundred_concurrent_queries_are_five_hundred_rows() {
    let folder = tempfile::tempdir().expect("folder");
    corpus::write(folder.path());
    let mut settings = in_folder(folder.path());
    settings.log_pace = LogPace { rows: 60, after: Duration::from_millis(200), ..LogPace::default() };
    let world = Arc::new(World::start(settings).await);
    world.until_healthy().await;
    let queries = (0..500).map(|n| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.ask(&format!("{QUESTION} Number {n} of many.")).await.status })
    });
    for query in queries.collect::<Vec<_>>() {
        assert_eq!(query.await.expect("joins"), 200);
    }
    assert_eq!(world.get("/stats").await.body["queries"], 500);
    Arc::into_inner(world).expect("alone").stop().await;
    let (segments, rows) = stored_rows(folder.path());
    assert_eq!(rows, 500);
    assert!(segments > 1, "{segments} segments");

    // A new process sums what the old one stored.
    let world = World::start(in_folder(folder.path())).await;
    let stats = world.get("/stats").await.body;
    assert_eq!(
        (&stats["queries"], &stats["errors"], &stats["in_memory"]),
        (&json!(500), &json!(0), &json!(0))
    );
    assert!(stats["latency_ms"]["p95"].as_f64() >= stats["latency_ms"]["p50"].as_f64());
}

#[tokio::test]
async fn a_row_says_what_the_answer_said() {
    let folder = tempfile::tempdir().expect("folder");
    corpus::write(folder.path());
    let stub = Stub::start(&[Act::Say("Revenue was $2.25 billion [1]."), Act::Fail(500, "it broke")]).await;
    let world = World::start(with_openai(in_folder(folder.path()), &stub.url)).await;
    world.until_healthy().await;
    let answer = world.ask(QUESTION).await.body;
    world.ask(QUESTION).await;
    let stats = world.get("/stats").await.body;
    assert_eq!((&stats["total_tokens"], &stats["cost"]), (&json!(1050), &answer["metadata"]["llm"]["cost"]));
    assert_eq!(stats["by_model"][0]["model_id"], "gpt-4.1-mini");
    world.stop().await;

    let file = std::fs::read_dir(folder.path().join("logs/queries"))
        .expect("folder")
        .next()
        .expect("one")
        .expect("entry");
    let (rows, _) = decode(std::fs::read(file.path()).expect("read").into()).expect("a segment");
    let [good, bad] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((good.query.as_str(), good.status, good.stop_reason.as_str()), (QUESTION, 200, "stop"));
    assert_eq!((good.model_key.as_str(), good.input_tokens, good.output_tokens), ("balanced", 1000, 50));
    assert!(good.total_ms >= good.retrieval_ms + good.llm_ms && good.llm_ms > 0.0, "{good:?}");
    assert!(good.stages.contains("retrieval_ms") && good.trouble.is_none());
    let trouble = bad.trouble.as_ref().expect("trouble");
    assert_eq!(
        (bad.status, trouble.kind.as_str(), trouble.stage.as_str()),
        (502, "LlmRefused", "llm_invocation")
    );
}

#[tokio::test]
async fn a_store_that_refuses_costs_no_row_and_no_answer() {
    let folder = tempfile::tempdir().expect("folder");
    corpus::write(folder.path());
    // A file where the folder should be: refused to everybody, root included.
    let blocked = folder.path().join("blocked");
    std::fs::create_dir(&blocked).expect("folder");
    std::fs::write(blocked.join("logs"), "in the way").expect("written");
    let mut settings = in_folder(folder.path());
    let root = DataRoot::parse(blocked.to_str().expect("text")).expect("root");
    settings.log = LogPlace::new(root, "logs/queries");
    settings.log_pace = LogPace { rows: 1, after: Duration::from_millis(30), ..LogPace::default() };
    let world = World::start(settings).await;
    world.until_healthy().await;
    for _ in 0..3 {
        assert_eq!(world.ask(QUESTION).await.status, 200);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(world.log.flush().await.is_err());
    let stats = world.get("/stats").await.body;
    assert_eq!((&stats["queries"], &stats["in_memory"]), (&json!(3), &json!(3)), "{stats}");
    // Once the way is free, all of them are written.
    std::fs::remove_file(blocked.join("logs")).expect("removed");
    world.log.flush().await.expect("written");
    let stats = world.get("/stats").await.body;
    assert_eq!((&stats["queries"], &stats["in_memory"]), (&json!(3), &json!(0)), "{stats}");
    assert_eq!(stored_rows(&blocked).1, 3);
}

#[tokio::test]
async fn a_read_only_data_folder_serves_all_the_same() {
    let folder = tempfile::tempdir().expect("folder");
    corpus::write(folder.path());
    let read_only = std::fs::Permissions::from_mode(0o555);
    std::fs::set_permissions(folder.path(), read_only).expect("set");
    let world = World::start(in_folder(folder.path())).await;
    world.until_healthy().await;
    assert_eq!(world.ask(QUESTION).await.status, 200);
    assert_eq!(world.get("/stats").await.body["queries"], 1);
    world.stop().await;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("set");
}
