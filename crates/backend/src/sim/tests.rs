use std::{path::PathBuf, time::Duration};

use dormouse_model::{
    BuildId, DeploymentId, Depths, ExitStatus, HealthSpec, ImageId, InstanceId, Limits, Phase, ServiceKey,
    ServiceKind, ServiceSpec, SleepPolicy, Time, Visibility,
};
use tokio::sync::mpsc;

use super::{Answer, Behaviour, Faults, Sim};
use crate::{
    BuildRequest, Builds, Damage, InstanceSpec, NetworkSpec, WorkloadEvent, Workloads,
    conformance::{Harness, suite},
};

fn key() -> ServiceKey {
    "shop/web".parse().unwrap()
}

fn network() -> NetworkSpec {
    NetworkSpec {
        project: key().project,
        gateway: [10, 9, 1, 1].into(),
        prefix: 24,
        more: vec![],
        vips: vec![],
    }
}

fn spec(id: u64) -> InstanceSpec {
    InstanceSpec {
        id: InstanceId(id),
        key: key(),
        deployment: DeploymentId(1),
        image: ImageId("sha256:aa".into()),
        argv: None,
        env: [].into(),
        limits: Limits::default(),
    }
}

#[tokio::test]
async fn the_simulator_conforms() {
    for depths in [Depths::ALL, Depths::RESIDENT, Depths::NONE] {
        let sim = Sim::new(1, Time(1_000_000));
        sim.set_depths(depths);
        sim.forget_image(ImageId(format!("sha256:{}", "0".repeat(64)).into()));
        // Nothing takes time by itself, but the grace of an instance that does not obey has to pass.
        let clock = sim.clone();
        let ticking = tokio::spawn(async move {
            loop {
                clock.advance_to(clock.next_event().unwrap_or(clock.now()));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let outside = sim.clone();
        let arrive = Box::new(move |id, _| outside.arrive(id));
        let others = sim.clone();
        let damage = Box::new(move |network: &NetworkSpec| {
            others.repair(Damage::Bridge, std::slice::from_ref(&network.project), Duration::ZERO);
            Damage::Bridge
        });
        suite(Harness { workloads: sim, network: network(), template: spec(1), arrive, damage }).await;
        ticking.abort();
    }
}

#[tokio::test]
async fn time_passes_only_when_told_to() {
    let sim = Sim::new(1, Time(1_000_000));
    sim.ensure_network(&network()).await.unwrap();
    sim.set_faults(Faults { start_takes: Duration::from_millis(40), ..Faults::default() });
    let ends = Some((Duration::from_secs(2), ExitStatus::OutOfMemory));
    let ready_after = Some(Duration::from_secs(1));
    sim.behave(DeploymentId(1), Behaviour { ready_after, ends, ..Behaviour::default() });
    let mut events = sim.events();

    let start = tokio::spawn({
        let sim = sim.clone();
        async move { sim.start(&spec(1)).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(sim.next_event(), Some(Time(1_000_020)));
    sim.advance_to(Time(1_000_020));
    tokio::task::yield_now().await;
    sim.advance_to(Time(1_000_040));
    start.await.unwrap().unwrap();
    assert_eq!(sim.answer(InstanceId(1)), Answer::Refused);
    sim.advance_to(Time(1_001_020));
    assert_eq!(sim.answer(InstanceId(1)), Answer::Healthy);
    assert_eq!(sim.next_event(), Some(Time(1_002_020)));
    sim.advance_to(Time(1_005_000));
    assert_eq!(events.recv().await, Some(WorkloadEvent::Ended(InstanceId(1))));
    let listed = sim.list().await.unwrap();
    assert_eq!(listed[0].phase, Phase::Exited(ExitStatus::OutOfMemory));
    assert_eq!(listed[0].exited_at, Some(Time(1_002_020)));
}

#[tokio::test]
async fn builds_succeed_and_fail() {
    let sim = Sim::new(1, Time(0));
    let request = BuildRequest {
        id: BuildId(7),
        key: key(),
        source: PathBuf::from("."),
        project: PathBuf::from("."),
        spec: ServiceSpec {
            name: key().service,
            kind: ServiceKind::Web,
            source: ".".to_owned(),
            start: None,
            package: None,
            requirements: None,
            install: Vec::new(),
            workdir: None,
            origins: dormouse_model::Origins::default(),
            port: 8000,
            health: HealthSpec::default(),
            replicas: 1,
            needs: [].into(),
            after: [].into(),
            limits: Limits::default(),
            env: [].into(),
            stored: [].into(),
            visibility: Visibility::Public,
            sleep: SleepPolicy::default(),
            stop_grace: Duration::from_secs(30),
            packages: [].into(),
            left_out: [].into(),
            include: [].into(),
            aliases: [].into(),
        },
    };
    let (tx, mut rx) = mpsc::unbounded_channel();
    let outcome = sim.build(&request, tx.clone()).await.unwrap();
    assert!(outcome.image.to_string().ends_with('7'));
    sim.set_faults(Faults { build_fails: 1000, ..Faults::default() });
    let error = sim.build(&request, tx).await.unwrap_err();
    assert_eq!(error.to_string(), "the source phase failed: exited with code 1");
    let mut events = 0;
    while rx.recv().await.is_some() {
        events += 1;
    }
    assert_eq!(events, 5);
}
