//! A builder whose result the test decides.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use dormouse_backend::{BuildError, BuildEvent, BuildOutcome, BuildRequest, Builds, Stream, sim::Behaviour};
use dormouse_model::{DeploymentId, ExitStatus, ImageId};
use expect_test::expect;
use tokio::sync::{mpsc, watch};

use crate::world::{World, project, service};

#[derive(Clone)]
pub(crate) struct Builder(Arc<Inner>);

struct Inner {
    fails: AtomicBool,
    image: AtomicU64,
    open: watch::Sender<bool>,
    begun: AtomicU64,
    advice: Mutex<Option<String>>,
    damaged: AtomicBool,
}

impl Default for Builder {
    fn default() -> Self {
        let (open, _) = watch::channel(true);
        Self(Arc::new(Inner {
            fails: false.into(),
            image: 1.into(),
            open,
            begun: 0.into(),
            advice: Mutex::default(),
            damaged: false.into(),
        }))
    }
}

impl Builder {
    pub(crate) fn set_fails(&self, fails: bool) {
        self.0.fails.store(fails, Ordering::SeqCst);
    }

    /// What builds give from now on.
    pub(crate) fn set_image(&self, image: u64) {
        self.0.image.store(image, Ordering::SeqCst);
    }

    /// Builds stop in the middle, until told otherwise.
    pub(crate) fn set_stuck(&self, stuck: bool) {
        self.0.open.send_replace(!stuck);
    }

    /// What it advises of any last words.
    pub(crate) fn set_advice(&self, advice: &str) {
        *self.0.advice.lock().unwrap() = Some(advice.to_owned());
    }

    /// The next build finds a layer that somebody has changed.
    pub(crate) fn damage(&self) {
        self.0.damaged.store(true, Ordering::SeqCst);
    }

    pub(crate) fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::SeqCst)
    }
}

impl Builds for Builder {
    async fn build(
        &self,
        request: &BuildRequest,
        events: mpsc::UnboundedSender<BuildEvent>,
    ) -> Result<BuildOutcome, BuildError> {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        assert!(request.source.join("main.py").exists(), "the source is there");
        let output = BuildEvent::Output { stream: Stream::Out, text: "working".to_owned() };
        events.send(output).unwrap();
        if self.0.damaged.swap(false, Ordering::SeqCst) {
            events.send(BuildEvent::LayerDamaged { name: "dependencies".to_owned() }).unwrap();
        }
        self.0.open.subscribe().wait_for(|open| *open).await.unwrap();
        if self.0.fails.load(Ordering::SeqCst) {
            return Err(BuildError::Phase {
                phase: "dependencies".to_owned(),
                why: "exited with code 1".to_owned(),
            });
        }
        let image = self.0.image.load(Ordering::SeqCst);
        Ok(BuildOutcome {
            image: ImageId(format!("sha256:{image}").into()),
            start: vec!["serve".to_owned()],
            start_origin: None,
        })
    }

    fn languages(&self) -> &'static dyn dormouse_model::manifest::Languages {
        &dormouse_backend::sim::Simulated
    }

    fn advice(&self, said: &[String]) -> Option<String> {
        let told = self.0.advice.lock().unwrap();
        told.clone().filter(|_| !said.is_empty())
    }
}

#[tokio::test]
async fn a_failing_build_keeps_the_old_version() {
    let world = World::new(21).await;
    let spec = project("shop", vec![service("web")]);
    let first = world.deploy(&spec).await;
    world.events(first).await;
    world.builder.set_fails(true);
    let second = world.deploy(&spec).await;
    expect![[r#"
        web {"event":"queued"}
        web {"event":"building"}
        web {"event":"build_failed","reason":"the dependencies phase failed: exited with code 1","old_serves":true}
        * {"event":"failed","reason":"the build of web failed"}
    "#]]
    .assert_eq(&world.events(second).await);
    world.stands("shop/web", "i1").await;
    expect![[r#"
        shop/web Ready d1 i1 (d2 failed: the dependencies phase failed: exited with code 1; d1 serves on)
    "#]]
    .assert_eq(&world.ps().await);
    // No source is kept for nothing.
    while world.source(first).exists() || world.source(second).exists() {
        tokio::task::yield_now().await;
    }

    world.builder.set_fails(false);
    let third = world.deploy(&spec).await;
    expect![[r#"
        web {"event":"queued"}
        web {"event":"building"}
        web {"event":"image","image":"sha256:1"}
        web {"event":"unchanged"}
        * {"event":"done","urls":["http://shop.localhost:PORT/"]}
    "#]]
    .assert_eq(&world.events(third).await);
    expect![[r#"
        shop/web Ready d1 i1
    "#]]
    .assert_eq(&world.ps().await);
}

#[tokio::test]
async fn a_first_build_that_fails_is_shown() {
    let mut world = World::new(22).await;
    world.builder.set_fails(true);
    let id = world.deploy(&project("shop", vec![service("web"), service("api")])).await;
    world.events(id).await;
    let before = world.ps().await;
    world.kill_and_restart().await;
    assert!(world.ps().await.contains("Failed"), "also after a restart: {}", world.ps().await);
    assert_eq!(before.lines().filter(|l| l.contains("Failed")).count(), 2, "{before}");
}

/// Bug: beside what became of the newest deploy, `ps` said what an older one had failed of.
#[tokio::test]
async fn only_the_newest_failure_is_told() {
    let mut world = World::new(118).await;
    let spec = project("shop", vec![service("web")]);
    for (id, code) in [(1, 3), (2, 4)] {
        let ends = Some((Duration::ZERO, ExitStatus::Code(code)));
        world.sim.behave(DeploymentId(id), Behaviour { ends, ready_after: None, ..Behaviour::default() });
    }
    let reason = async |world: &World| {
        let all = world.ask(|c| async move { c.ps().await }).await.unwrap();
        format!("{:?} {}", all[0].standing, all[0].reason.clone().unwrap_or_default())
    };
    let id = world.deploy(&spec).await;
    world.events(id).await;
    expect!["Crashed exited with code 3"].assert_eq(&reason(&world).await);
    world.builder.set_fails(true);
    let id = world.deploy(&spec).await;
    world.events(id).await;
    let newest = expect![
        "Crashed d2 failed: the dependencies phase failed: exited with code 1; d1 does not work either"
    ];
    newest.assert_eq(&reason(&world).await);
    world.kill_and_restart().await;
    world.ps_where("Crashed").await;
    newest.assert_eq(&reason(&world).await);
    world.builder.set_fails(false);
    world.builder.set_image(2);
    let id = world.deploy(&spec).await;
    world.events(id).await;
    expect!["Crashed exited with code 4"].assert_eq(&reason(&world).await);
    world.kill_and_restart().await;
    world.ps_where("Crashed").await;
    expect!["Crashed exited with code 4"].assert_eq(&reason(&world).await);
}

/// The same of one of which nothing ever ran: while a newer deploy is built, the older one's failure is no news.
#[tokio::test]
async fn a_first_build_that_failed_is_forgotten_with_the_next() {
    let world = World::new(119).await;
    let spec = project("shop", vec![service("web")]);
    world.builder.set_fails(true);
    let id = world.deploy(&spec).await;
    world.events(id).await;
    world.builder.set_stuck(true);
    world.deploy(&spec).await;
    expect![[r#"
        shop/web Building - -
    "#]]
    .assert_eq(&world.ps().await);
}

#[tokio::test]
async fn an_interrupted_build_begins_again() {
    let mut world = World::new(23).await;
    world.builder.set_stuck(true);
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.stands("shop/web", "building").await;
    while world.builder.begun() < 1 {
        tokio::task::yield_now().await;
    }
    world.kill().await;
    world.builder.set_stuck(false);
    world.kill_and_restart().await;
    expect![[r#"
        web {"event":"queued"}
        web {"event":"building"}
        web {"event":"queued"}
        web {"event":"building"}
        web {"event":"image","image":"sha256:1"}
        web {"event":"starting","deployment":1}
        web {"event":"ready","deployment":1}
        * {"event":"done","urls":["http://shop.localhost:PORT/"]}
    "#]]
    .assert_eq(&world.events(id).await);
    assert_eq!(world.builder.begun(), 2);
    let images = world.ask(|c| async move { c.live_images().await }).await.unwrap();
    assert_eq!(images, [ImageId("sha256:1".into())].into());
}

#[tokio::test]
async fn a_newer_deploy_takes_the_place_of_one_that_builds() {
    let world = World::new(24).await;
    world.builder.set_stuck(true);
    let spec = project("shop", vec![service("web")]);
    let first = world.deploy(&spec).await;
    let second = world.deploy(&spec).await;
    world.builder.set_stuck(false);
    let events = world.events(first).await;
    assert!(events.ends_with(
        "* {\"event\":\"superseded\",\"by\":2}\n* {\"event\":\"failed\",\"reason\":\"d2 took its place\"}\n"
    ), "{events}");
    assert!(world.events(second).await.contains("\"done\""));
    world.stands("shop/web", "i1").await;
}

/// Bug: builds that only slept kept all others from being built.
#[tokio::test]
async fn a_project_s_builds_leave_a_place_to_others_and_cancel_frees_them() {
    let world = World::new(99).await;
    world.builder.set_stuck(true);
    let begun = async |count: u64| {
        let begin = std::time::Instant::now();
        while world.builder.begun() < count {
            assert!(begin.elapsed().as_secs() < 20, "{} builds begun of {count}", world.builder.begun());
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let all = ["a", "b", "c", "d"].map(service).to_vec();
    let hog = world.deploy(&project("hog", all)).await;
    begun(2).await;
    let shop = world.deploy(&project("shop", vec![service("web")])).await;
    begun(3).await;
    // Both those that run and those that wait; the project, which has nothing else, goes too.
    let told = world.control.events(hog, 0).unwrap();
    world.ask(move |c| async move { c.cancel(hog, None).await }).await.unwrap();
    let other = world.deploy(&project("other", vec![service("web"), service("api")])).await;
    begun(5).await;
    let said = World::read(told).await;
    assert_eq!(said.matches("\"building\"").count(), 2, "{said}");
    let mut waits: Vec<_> = said.lines().filter_map(|l| Some(l.split_once("\"waits\":")?.1)).collect();
    waits.sort_unstable();
    expect![[r#"
        {"place":1,"why":"2 builds of this project are under way, and the rest is left to others"}}
        {"place":2,"why":"2 builds of this project are under way, and the rest is left to others"}}"#]]
    .assert_eq(&waits.join("\n"));
    assert!(said.ends_with("{\"event\":\"failed\",\"reason\":\"cancelled\"}\n"), "{said}");
    world.builder.set_stuck(false);
    for id in [shop, other] {
        let said = world.events(id).await;
        assert!(said.contains("\"done\"") && !said.contains("\"waits\""), "{said}");
    }
    assert_eq!(world.builder.begun(), 5);
}
