//! An edge that has just begun, or begun again while control is away.

use std::{net::TcpListener, time::Duration};

use dormouse_edge::{EdgeSettings, TrafficStats};
use dormouse_model::Endpoint;

use crate::lab::{Lab, named, ready, target, until};

fn lab(table_timeout: Duration) -> Lab {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = EdgeSettings { table_timeout, ..EdgeSettings::default() };
    Lab::on(listener, Vec::new(), TrafficStats::new(), settings)
}

/// Bug: an edge that was killed together with control said 404 for hosts that exist.
#[tokio::test]
async fn what_no_table_names_is_held_for_the_first_one() {
    let lab = lab(Duration::from_secs(30));
    let (mut there, mut gone) = (lab.connect().await, lab.connect().await);
    there.get("web").await;
    gone.get("gone").await;
    // One that was saved before `web` was deployed says no more about it than none.
    lab.saved_table(&[("other", Endpoint::Stopped)]);
    let mut known = lab.connect().await;
    known.get("other").await;
    until("a wake of what the saved table names", || lab.wakes.calls() == 1).await;
    let there = tokio::spawn(async move { there.response().await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!there.is_finished());
    lab.table(&[("web", ready(&[target(1, named("web").await, false)]))]).await;
    assert!(there.await.unwrap().ends_with("web"));
    let gone = gone.response().await;
    assert!(gone.starts_with("HTTP/1.1 404 "), "{gone}");
}

#[tokio::test]
async fn a_table_that_does_not_come_is_not_waited_for_without_an_end() {
    let answer = lab(Duration::from_millis(50)).get("web").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 2"), "{answer}");
}
