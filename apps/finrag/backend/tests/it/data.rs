//! Data that changes while the service runs.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use crate::world::{World, in_folder, settings};
use crate::{corpus, s3_stub};

#[tokio::test]
async fn a_refresh_swaps_in_what_is_new_and_keeps_what_it_has_while_the_store_is_corrupt() {
    let folder = tempfile::tempdir().expect("folder");
    corpus::write(folder.path());
    let mut settings = in_folder(folder.path());
    settings.pace.refresh = Some(Duration::from_millis(50));
    let world = World::start(settings).await;
    world.until_healthy().await;
    assert_eq!(world.get("/meta").await.body["rows"], json!(corpus::ROWS));

    std::fs::write(folder.path().join("sentences.parquet"), "damaged").expect("written");
    let mut told = false;
    for _ in 0..600 {
        let health = world.get("/health").await.body;
        assert_eq!(health["status"], "healthy", "{health}");
        told = health["trouble"].as_str().is_some_and(|words| words.contains("sentences.parquet"));
        if told {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(told, "the damage is told");

    corpus::write_sentences(folder.path(), &["Robots of the new generation climb stairs."]);
    let mut rows = json!(null);
    for _ in 0..600 {
        let meta = world.get("/meta").await;
        assert_eq!(meta.status, 200, "there is data at every moment");
        rows = meta.body["rows"].clone();
        if rows == json!(corpus::ROWS + 1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(rows, json!(corpus::ROWS + 1));
    let answer = world.ask("What do the new robots of Acme Robotics climb in 2023?").await.body;
    assert!(answer["answer"].as_str().expect("text").contains("climb stairs"), "{answer}");
}

#[tokio::test]
async fn data_comes_from_s3_and_nothing_is_written_to_disk() {
    let folder = tempfile::tempdir().expect("folder");
    corpus::write(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("address");
    let files = s3_stub::serve(listener, folder.path()).await;
    drop(folder);
    let world = World::start(settings(s3_stub::root(address))).await;
    world.until_healthy().await;
    assert_eq!(world.ask("What was the revenue of Acme Robotics in 2023?").await.status, 200);
    world.stop().await;
    let logged =
        files.lock().expect("lock").keys().filter(|key| key.starts_with("corpus/logs/queries/")).count();
    assert_eq!(logged, 1, "the log is flushed when the service stops");
}
