//! What a report may be relied on for before an instance is frozen.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use dormouse_model::{InstanceId, Traffic};
use tokio::time::timeout;

use crate::lab::{Lab, instance, named, ready, target, text};

#[tokio::test]
async fn a_new_table_reports_everybody_and_quiet_reports_nobody() {
    let addr = named("x").await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, false), target(2, addr, false)]))]).await;
    let report = lab.book.report();
    assert_eq!(report.generation, 1);
    let quiet = Traffic::default();
    assert_eq!(report.instances, [(InstanceId(1), quiet), (InstanceId(2), quiet)].into());
    assert!(lab.book.report().instances.is_empty());
    // The table may still be announced once more, but then it stays quiet.
    if timeout(Duration::from_millis(50), lab.book.changed()).await.is_ok() {
        assert!(lab.book.report().instances.is_empty());
    }
    assert!(timeout(Duration::from_millis(50), lab.book.changed()).await.is_err());
    lab.get("web").await;
    lab.book.changed().await;
    assert_eq!(lab.book.report().instances.len(), 1);
    assert_eq!(lab.book.report_all().instances.len(), 2);
}

#[tokio::test]
async fn an_instance_that_is_gone_is_reported_until_it_is_drained_and_then_forgotten() {
    let lab = Lab::new(&[("web", ready(&[target(1, named("x").await, false)]))]).await;
    lab.get("web").await;
    lab.table(&[]).await;
    crate::lab::until("forgetting", || lab.book.report_all().instances.is_empty()).await;
}

/// Requests are sent without pause while the instance is shown asleep and awake in turn. Between "this table is applied,
/// and the report that says so shows nothing in flight" and the next wake, the instance must see no request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_slips_past_a_table_that_shows_it_asleep() {
    let frozen = Arc::new(AtomicBool::new(false));
    let seen_while_frozen = Arc::new(AtomicU64::new(0));
    let addr = instance({
        let (frozen, seen) = (frozen.clone(), seen_while_frozen.clone());
        move |_| {
            if frozen.load(Ordering::SeqCst) {
                seen.fetch_add(1, Ordering::SeqCst);
            }
            async { text("ok") }
        }
    })
    .await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, false)]))]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for _ in 0..8 {
        let (mut client, stop) = (lab.connect().await, stop.clone());
        clients.push(tokio::spawn(async move {
            let mut answered = 0;
            while !stop.load(Ordering::SeqCst) {
                client.get("web").await;
                assert!(client.response().await.ends_with("ok"));
                answered += 1;
            }
            answered
        }));
    }
    let mut slept = 0;
    for _ in 0..200 {
        let generation = lab.table(&[("web", ready(&[target(1, addr, true)]))]).await;
        let now = dormouse_model::clock::now();
        let report = lab.book.report();
        assert!(report.generation >= generation);
        let traffic = report.instances[&InstanceId(1)];
        if traffic.in_flight == 0 {
            assert!(traffic.last_client_byte.is_none_or(|at| at <= now));
            frozen.store(true, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(1)).await;
            frozen.store(false, Ordering::SeqCst);
            slept += 1;
        }
        lab.table(&[("web", ready(&[target(1, addr, false)]))]).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stop.store(true, Ordering::SeqCst);
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }
    assert_eq!(seen_while_frozen.load(Ordering::SeqCst), 0);
    assert!(slept > 0 && answered > 0, "{slept} sleeps, {answered} answers");
}

#[tokio::test]
async fn all_threads_answer_for_themselves_to_the_last() {
    let lab = Lab::new(&[]).await;
    let pulse = || async {
        let (asked, mut all_worked) = tokio::sync::mpsc::channel(1);
        lab.pulses.send(asked).unwrap();
        timeout(Duration::from_secs(10), all_worked.recv()).await.expect("a thread hangs");
    };
    pulse().await;
    lab.ending.hand_over.cancel();
    pulse().await;
}
