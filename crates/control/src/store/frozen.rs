//! What every release has written is read by this one: `frozen/` holds a database of each version of the tables, written by the
//! release that had it, and the bodies as they look in this one.
//!
//! Whoever appends a migration, or gives a body a new version, adds what it looks like now: `FREEZE=1 cargo test -p
//! dormouse-control frozen`. What is there already is never written again.

use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use dormouse_backend::BuildOutcome;
use dormouse_model::{
    AddressBlock, Answered, Ask, BuildId, Cause, Demand, Deployment, DeploymentId, End, EnvValue, ExitStatus,
    ImageId, InstanceId, Origin as Place, Origins, ProjectSpec, Serves, ServiceKey, ServiceSpec, Sighting,
    StopReason, Time, Verdict, Watchdog,
    server::{How, Server},
};
use expect_test::expect;
use rusqlite::Connection;
use serde_json::Value;

use super::{
    Store,
    bodies::{self, Body},
    rows::{DeployState, Snapshot},
    schema::MIGRATIONS,
    tests::spec,
};
use crate::{
    DeployId, Origin,
    id::{Counter, Used},
    vault::Vault,
};

const POOL: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 77, 0, 0);

/// Versions of which no database was kept.
const NOT_KEPT: [usize; 5] = [8, 9, 10, 11, 12];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/frozen")
}

/// Every version of the tables there has been, with databases of it as text: what one lacks another has.
fn releases() -> Vec<(usize, String, String)> {
    let mut names: Vec<_> = fs::read_dir(folder()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    let read = |name: std::ffi::OsString| {
        let name = name.into_string().unwrap();
        let text = || fs::read_to_string(folder().join(&name)).unwrap();
        let n =
            name.strip_suffix(".sql")?.trim_start_matches('v').trim_end_matches(['b', 'c']).parse().unwrap();
        Some((n, text(), name))
    };
    let read = names.into_iter().filter_map(read);
    read.map(|(n, text, name)| (n, name.trim_end_matches(".sql").to_owned(), text)).collect()
}

/// The database of a release in a folder, and the key that its secrets are sealed with.
fn thaw(text: &str, dir: &Path) -> (PathBuf, Vault) {
    let path = dir.join("dormouse.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    connection.execute_batch(text).unwrap();
    let key = text.lines().find_map(|line| line.strip_prefix("-- sealed with "));
    (path, key.map_or_else(Vault::for_tests, |key| Vault::with(&hex::decode(key).unwrap())))
}

/// How its tables are made, in the words of SQLite.
fn tables(connection: &Connection) -> BTreeSet<String> {
    let mut statement =
        connection.prepare("SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Everything in it, as text that makes it again.
fn freeze(path: &Path) -> String {
    let connection = Connection::open(path).unwrap();
    let mut out = format!("PRAGMA user_version = {};\n", MIGRATIONS.len());
    let list = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let there = "FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'";
    for sql in list(&format!("SELECT sql {there} ORDER BY rowid")) {
        writeln!(out, "{sql};").unwrap();
    }
    for table in list(&format!("SELECT name {there} AND type = 'table' ORDER BY name")) {
        let columns = list(&format!("SELECT name FROM pragma_table_info('{table}')"));
        let quoted: Vec<_> = columns.iter().map(|c| format!("quote({c})")).collect();
        for row in list(&format!("SELECT {} FROM {table} ORDER BY 1", quoted.join(" || ',' || "))) {
            writeln!(out, "INSERT INTO {table} VALUES ({row});").unwrap();
        }
    }
    out
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn service() -> ServiceSpec {
    let place = |file: &str| Some(Place::written(file, 3));
    let mut web = ServiceSpec::clone(&spec().services.into_values().next().unwrap());
    web.start = Some(vec!["gunicorn".to_owned(), "app:app".to_owned()]);
    (web.package, web.requirements) = (Some("shop-web".to_owned()), Some("reqs.txt".to_owned()));
    (web.install, web.workdir) = (vec![vec!["make".to_owned()]], Some("src".to_owned()));
    web.origins = Origins {
        start: place("Procfile"),
        install: place("dormouse.toml"),
        compose: Some("compose.yaml".to_owned()),
    };
    web.health.ask = Ask::Auto { route: Some("/health".to_owned()), page: "/".to_owned() };
    web.health.server = Some(Serves { by: Server::Gunicorn, how: How::Command });
    (web.needs, web.after) = (["db".parse().unwrap()].into(), ["migrate".parse().unwrap()].into());
    web.env.insert("MODE", EnvValue::Text("live".to_owned()));
    web.env.insert("DATABASE", EnvValue::Template { template: "postgres://app:${PASSWORD}@db".to_owned() });
    web.stored.insert("PASSWORD", EnvValue::Text("s3cret".to_owned()));
    web.packages = ["libpq5".to_owned()].into();
    (web.left_out, web.include) = (["docs".to_owned()].into(), ["docs/api".to_owned()].into());
    web.aliases = ["shop".to_owned()].into();
    web
}

fn project() -> ProjectSpec {
    let web = service();
    ProjectSpec { name: "shop".parse().unwrap(), services: [(web.name.clone(), web.into())].into() }
}

fn origin() -> Origin {
    Origin { machine: "m1".to_owned(), path: "/home/ann/shop".to_owned() }
}

fn outcome() -> BuildOutcome {
    BuildOutcome {
        image: ImageId("sha256:2".into()),
        start: vec!["gunicorn".to_owned()],
        start_origin: Some(Place::found("app.py", None)),
    }
}

fn deployment() -> Deployment {
    Deployment {
        id: DeploymentId(2),
        deploy: DeployId(2),
        image: ImageId("sha256:2".into()),
        spec: service().into(),
        created_at: Time(1_764_000_000_000),
        continues: Some(DeploymentId(1)),
    }
}

fn ends() -> Vec<End> {
    let end = |how, ready_for| End {
        deployment: DeploymentId(1),
        at: Time(5),
        how,
        ready_for,
        started_at: None,
        detail: None,
    };
    let said = Some("it answered 503".to_owned());
    vec![
        end(Cause::Exited(ExitStatus::Code(3)), Some(seconds(60))),
        end(Cause::Exited(ExitStatus::Signal(11)), None),
        end(Cause::Exited(ExitStatus::OutOfMemory), None),
        end(Cause::Exited(ExitStatus::Lost), None),
        End { detail: said, ..end(Cause::Stopped(StopReason::Hung), None) },
        end(Cause::LostWorker, None),
        end(Cause::NotStarted { why: "no such file".to_owned() }, None),
    ]
}

fn watchdogs() -> [Watchdog; 4] {
    let seen = [
        Sighting::Puma,
        Sighting::Restarts { slept: seconds(45), processes: 2, done: 1, ran: seconds(9) },
        Sighting::Ended { slept: seconds(45), done: true },
        Sighting::Cut { slept: seconds(45), pings: Some(seconds(20)) },
    ];
    let verdicts = [Verdict::Suspected, Verdict::Shown, Verdict::Refuted, Verdict::Shown];
    let mut verdicts = verdicts.into_iter();
    seen.map(|seen| Watchdog {
        deployment: DeploymentId(1),
        seen,
        at: Time(5),
        verdict: verdicts.next().unwrap(),
        limit: seconds(30),
    })
}

fn answers() -> Vec<Answered> {
    let answered = |status, loops| Answered {
        deployment: DeploymentId(1),
        path: "/".to_owned(),
        status,
        loops,
        at: Time::default(),
    };
    vec![answered(200, false), answered(302, true)]
}

/// What each body looks like today.
fn body(body: Body) -> Value {
    let value = match body {
        Body::Project => serde_json::to_value(project()),
        Body::Origin => serde_json::to_value(origin()),
        Body::Outcome => serde_json::to_value(outcome()),
        Body::Deployment => serde_json::to_value(deployment()),
        Body::Ends => serde_json::to_value(ends()),
        Body::Watchdog => serde_json::to_value(watchdogs()),
        Body::Answers => serde_json::to_value(answers()),
    };
    value.unwrap()
}

/// Whether that is what is read back from what was frozen.
fn is_read(kind: Body, version: u32, text: &str) -> bool {
    fn same<T: serde::de::DeserializeOwned + PartialEq>(
        kind: Body,
        version: u32,
        text: &str,
        now: &T,
    ) -> bool {
        bodies::read::<T>(kind, version, text).is_ok_and(|read| read == *now)
    }
    match kind {
        Body::Project => same(kind, version, text, &project()),
        Body::Origin => same(kind, version, text, &origin()),
        Body::Outcome => same(kind, version, text, &outcome()),
        Body::Deployment => same(kind, version, text, &deployment()),
        Body::Ends => same(kind, version, text, &ends()),
        Body::Watchdog => same(kind, version, text, &watchdogs()),
        Body::Answers => same(kind, version, text, &answers()),
    }
}

/// A database with something in every table.
async fn written(path: &Path) {
    let (store, _) = Store::open(path, POOL, Vault::for_tests(), Used::default()).unwrap();
    let key: ServiceKey = "shop/web".parse().unwrap();
    let change = store.write(move |tx| {
        let shop = project();
        tx.project(&shop.name, Time(1))?;
        tx.origin(&shop.name, &origin())?;
        tx.block(&shop.name, AddressBlock::around([10, 77, 3, 0].into(), 27))?;
        tx.service(&key, Some([10, 77, 3, 2].into()))?;
        for state in [DeployState::Done, DeployState::Failed, DeployState::Rolling] {
            let deploy = DeployId(tx.take(Counter::Deploy)?);
            tx.deploy(deploy, &shop, Time(deploy.0))?;
            let build = BuildId(tx.take(Counter::Build)?);
            tx.build(build, deploy, &key.service)?;
            let outcome = outcome();
            tx.built(build, if state == DeployState::Failed { Err("exited with 1") } else { Ok(&outcome) })?;
            tx.deploy_state(deploy, state)?;
        }
        for continues in [None, Some(DeploymentId(1))] {
            let id = DeploymentId(tx.take(Counter::Deployment)?);
            let deployment = Deployment { id, continues, ..deployment() };
            tx.deployment(&key, continues.map(|_| DeployId(3)), &deployment)?;
        }
        tx.target_and_live(&key, DeploymentId(2), Some(DeploymentId(1)))?;
        tx.replaced(&key, Some((DeploymentId(1), Time(6))), Some(DeploymentId(1)))?;
        tx.project_spec(&shop)?;
        tx.note(&key, Some("d2 failed"))?;
        tx.demand(&key, Demand { wake_at: Some(Time(7)), sleep_at: Some(Time(8)) })?;
        tx.used(&key, Time(9))?;
        for id in [1, 2].map(InstanceId) {
            tx.instance(id, &key, Time(10))?;
            tx.instance_ready(id, Time(11))?;
        }
        tx.instance_draining(InstanceId(1), Time(12))?;
        tx.instance_gone(InstanceId(1))?;
        tx.ends(&key, &ends())?;
        let [puma, _, _, cut] = watchdogs();
        tx.watchdog(&key, &puma)?;
        tx.pinger(&key, &cut)?;
        tx.answers(&key, &answers())?;
        tx.request(&"r1".parse().unwrap(), Some(&[(key.clone(), DeploymentId(2))]), Time(13))?;
        let variables = [("PASSWORD".to_owned(), "s3cret".to_owned())].into_iter().collect();
        tx.env_set(&shop.name, None, &variables, Time(14))
    });
    change.await.unwrap();
}

/// What came of it, in a few words.
fn shown(read: &Snapshot, variables: usize) -> String {
    let some = |what: &str, n: usize| format!(" {what} {n}");
    let asks = read.deployments.iter().map(|d| format!("{:?}", d.spec.health.ask));
    let mut out = some("projects", read.projects.len());
    out += &some("rolled out", read.projects.iter().filter(|p| p.spec.is_some()).count());
    out += &some("blocks", read.projects.iter().map(|p| p.blocks.len()).sum());
    out += &some("origins", read.projects.iter().filter(|p| p.origin.is_some()).count());
    out += &some("services", read.services.len());
    out += &some("under way", read.unfinished.len());
    out += &some("ended", read.ended.len());
    out += &some("deployments", read.deployments.len());
    out += &some("instances", read.instances.len());
    let lists = [read.ends.len(), read.watchdogs.len(), read.pingers.len(), read.answers.len()];
    out += &format!(" ends etc. {lists:?}");
    out += &some("variables", variables);
    out += &some("unreadable", read.unreadable.len());
    out += &format!(" {}", asks.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" "));
    out
}

#[tokio::test]
async fn what_every_release_wrote_is_read() {
    let mut table = String::new();
    for (n, name, text) in releases() {
        let dir = tempfile::tempdir().unwrap();
        let (path, vault) = thaw(&text, dir.path());
        let (store, read) = Store::open(&path, POOL, vault, Used::default()).unwrap();
        let project = read.projects[0].name.clone();
        let variables = store.write(move |tx| {
            tx.env_all(Some(&project))?;
            Ok(tx.0.query_row("SELECT count(*) FROM env", [], |row| row.get::<_, u32>(0))?)
        });
        let variables = variables.await.unwrap();
        writeln!(table, "{name:4} {}", shown(&read, variables as usize)).unwrap();
        for lost in &read.unreadable {
            writeln!(table, "   {}", lost.what()).unwrap();
        }
        drop(store);
        // As this release has it from now on.
        let today = Connection::open_in_memory().unwrap();
        MIGRATIONS.iter().for_each(|migration| today.execute_batch(migration).unwrap());
        assert_eq!(tables(&Connection::open(&path).unwrap()), tables(&today), "{name}, version {n}");
    }
    expect![[r#"
        v01   projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 2 ends etc. [0, 0, 0, 0] variables 0 unreadable 0 Path("/well")
        v01b  projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 2 ends etc. [1, 0, 0, 0] variables 0 unreadable 0 Connection
        v01c  projects 1 rolled out 0 blocks 1 origins 0 services 2 under way 0 ended 1 deployments 0 instances 0 ends etc. [0, 0, 0, 0] variables 0 unreadable 0 
        v02   projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 2 ends etc. [0, 0, 0, 0] variables 0 unreadable 0 Path("/well")
        v02b  projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 2 ends etc. [1, 0, 0, 0] variables 0 unreadable 0 Connection
        v02c  projects 1 rolled out 0 blocks 1 origins 0 services 2 under way 0 ended 1 deployments 0 instances 0 ends etc. [0, 0, 0, 0] variables 0 unreadable 0 
        v03   projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 2 ends etc. [0, 0, 0, 0] variables 0 unreadable 0 Path("/well")
        v03b  projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 2 ends etc. [1, 0, 0, 0] variables 0 unreadable 0 Auto { route: None, page: "/" }
        v03c  projects 1 rolled out 0 blocks 1 origins 0 services 2 under way 0 ended 1 deployments 0 instances 0 ends etc. [0, 0, 0, 0] variables 0 unreadable 0 
        v04   projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 2 ends etc. [0, 0, 0, 0] variables 0 unreadable 0 Path("/well")
        v04b  projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 2 ends etc. [1, 0, 0, 0] variables 0 unreadable 0 Auto { route: None, page: "/" }
        v04c  projects 1 rolled out 1 blocks 1 origins 1 services 1 under way 1 ended 1 deployments 1 instances 3 ends etc. [0, 0, 0, 0] variables 0 unreadable 0 Auto { route: None, page: "/docs" }
        v05   projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 7 ends etc. [1, 0, 0, 0] variables 0 unreadable 0 Auto { route: None, page: "/" }
        v05b  projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 4 ends etc. [1, 0, 0, 0] variables 1 unreadable 0 Auto { route: None, page: "/" }
        v05c  projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 1 ends etc. [0, 1, 0, 0] variables 0 unreadable 0 Auto { route: None, page: "/" }
        v06   projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 2 instances 7 ends etc. [1, 0, 0, 0] variables 0 unreadable 0 Auto { route: None, page: "/" }
        v06b  projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 4 ends etc. [1, 0, 0, 0] variables 1 unreadable 0 Auto { route: None, page: "/" }
        v06c  projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 1 ends etc. [0, 1, 0, 0] variables 0 unreadable 0 Auto { route: None, page: "/" }
        v07   projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 2 instances 7 ends etc. [1, 0, 0, 1] variables 0 unreadable 0 Auto { route: None, page: "/" }
        v07b  projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 4 ends etc. [1, 0, 0, 1] variables 1 unreadable 0 Auto { route: None, page: "/" }
        v07c  projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 1 ended 1 deployments 2 instances 2 ends etc. [0, 0, 0, 1] variables 0 unreadable 0 Auto { route: None, page: "/" }
        v13   projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 3 instances 4 ends etc. [0, 0, 0, 1] variables 1 unreadable 0 Auto { route: None, page: "/" }
        v13b  projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 6 ends etc. [1, 0, 0, 0] variables 0 unreadable 0 Auto { route: None, page: "/" }
        v13c  projects 1 rolled out 1 blocks 1 origins 0 services 2 under way 0 ended 1 deployments 2 instances 2 ends etc. [0, 0, 0, 2] variables 0 unreadable 0 Auto { route: None, page: "/" }
        v14   projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 3 instances 5 ends etc. [0, 0, 0, 1] variables 1 unreadable 0 Auto { route: None, page: "/" }
        v14b  projects 1 rolled out 1 blocks 1 origins 0 services 1 under way 0 ended 1 deployments 1 instances 6 ends etc. [1, 0, 0, 0] variables 0 unreadable 0 Auto { route: None, page: "/" }
        v14c  projects 1 rolled out 1 blocks 1 origins 0 services 2 under way 0 ended 1 deployments 2 instances 2 ends etc. [0, 0, 0, 2] variables 0 unreadable 0 Auto { route: None, page: "/" }
        v15   projects 1 rolled out 1 blocks 1 origins 1 services 1 under way 1 ended 1 deployments 2 instances 2 ends etc. [1, 1, 1, 1] variables 1 unreadable 0 Auto { route: Some("/health"), page: "/" }
        v16   projects 1 rolled out 1 blocks 1 origins 1 services 1 under way 1 ended 1 deployments 2 instances 2 ends etc. [1, 1, 1, 1] variables 1 unreadable 0 Auto { route: Some("/health"), page: "/" }
    "#]].assert_eq(&table);
}

/// A migration that was released is the same for ever, and each has its database here.
#[tokio::test]
async fn every_schema_is_frozen() {
    let newest = folder().join(format!("v{:02}.sql", MIGRATIONS.len()));
    if std::env::var_os("FREEZE").is_some() && !newest.exists() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dormouse.db");
        written(&path).await;
        fs::write(newest, freeze(&path)).unwrap();
    }
    let releases = releases();
    let there: BTreeSet<_> = releases.iter().map(|(n, ..)| *n).collect();
    let all: BTreeSet<_> = (1..=MIGRATIONS.len()).collect();
    let lacks: Vec<_> = all.difference(&there).copied().collect();
    assert_eq!(lacks, NOT_KEPT, "freeze the new one: FREEZE=1 cargo test -p dormouse-control frozen");
    for (n, name, text) in releases {
        let dir = tempfile::tempdir().unwrap();
        let (path, _) = thaw(&text, dir.path());
        let made = Connection::open_in_memory().unwrap();
        MIGRATIONS[..n].iter().for_each(|migration| made.execute_batch(migration).unwrap());
        let then = tables(&Connection::open(&path).unwrap());
        assert_eq!(
            tables(&made),
            then,
            "{name}: migration {n}, or one before it, was changed after its release"
        );
    }
}

/// Whoever changes a body gives it a new version, and a step from the one before.
#[test]
fn every_body_is_frozen() {
    for kind in Body::ALL {
        for version in 1..=kind.version() {
            let file = folder().join(format!("{kind:?}.{version}.json").to_lowercase());
            if std::env::var_os("FREEZE").is_some() && !file.exists() && version == kind.version() {
                fs::write(&file, format!("{:#}\n", body(kind))).unwrap();
            }
            let then = fs::read_to_string(&file);
            let then = then.expect("freeze the new one: FREEZE=1 cargo test -p dormouse-control frozen");
            if version == kind.version() {
                let then: Value = serde_json::from_str(&then).unwrap();
                assert_eq!(
                    then,
                    body(kind),
                    "{kind:?} has changed: it needs a new version in store/bodies.rs"
                );
            }
            assert!(
                is_read(kind, version, &then),
                "{kind:?} of version {version} is not read as it was meant"
            );
        }
    }
}

/// Before bodies had versions, health was a path and a flag.
#[test]
fn what_had_no_version_is_read() {
    let other = || Some(Serves { by: Server::Other, how: How::Command });
    for (path, speaks, ask, server) in [
        (Value::from("/health"), false, Ask::Path("/health".to_owned()), None),
        (Value::Null, true, Ask::default(), other()),
        (Value::Null, false, Ask::Connection, None),
    ] {
        let mut old = body(Body::Deployment);
        let health = old["spec"]["health"].as_object_mut().unwrap();
        health.remove("ask");
        health.remove("server");
        health.insert("path".to_owned(), path);
        health.insert("speaks_http".to_owned(), speaks.into());
        let read: Deployment = bodies::of_value(Body::Deployment, 0, old.clone()).unwrap();
        assert_eq!((&read.spec.health.ask, read.spec.health.server), (&ask, server));
        let mut shop = body(Body::Project);
        shop["services"]["web"] = old["spec"].take();
        let read: ProjectSpec = bodies::of_value(Body::Project, 0, shop).unwrap();
        assert_eq!(read.services.values().next().unwrap().health.ask, ask);
    }
}

/// Each body in turn is garbage, of a newer release or sealed with another key: all others are read.
#[tokio::test]
async fn one_that_cannot_be_read_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dormouse.db");
    written(&path).await;
    let kept = dir.path().join("kept.db");
    Connection::open(&path).unwrap().execute("VACUUM INTO ?1", [kept.to_string_lossy()]).unwrap();
    let mut table = String::new();
    for (what, damage) in [
        ("nothing", "SELECT 1"),
        ("a newer project", "UPDATE projects SET spec_version = 99"),
        ("a project", "UPDATE projects SET spec = 'sealed:00'"),
        ("an origin", "UPDATE projects SET origin = '7'"),
        ("deploys", "UPDATE deploys SET spec = '{'"),
        ("an outcome", "UPDATE builds SET outcome = '[]' WHERE outcome IS NOT NULL"),
        ("a deployment", "UPDATE deployments SET body = '' WHERE id = 2"),
        ("a newer one", "UPDATE deployments SET body_version = 2 WHERE id = 1"),
        ("ends", "UPDATE ends SET body = '[{}]'"),
        ("a watchdog", "UPDATE watchdogs SET body = 'x'"),
        ("a pinger", "UPDATE pingers SET body_version = 2"),
        ("answers", "UPDATE answers SET body = 'null'"),
        ("a service's name", "UPDATE services SET name = 'No Name'"),
        ("an instance", "UPDATE instances SET service = '' WHERE id = 2"),
        ("a number", "UPDATE services SET target = -1"),
        ("a variable", "UPDATE env SET sealed = 'sealed:1234'"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dormouse.db");
        fs::copy(&kept, &path).unwrap();
        Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        for _ in 0..2 {
            let opened = Store::open(&path, POOL, Vault::for_tests(), Used::default()).unwrap();
            let read = opened.1;
            drop(opened.0);
            let lost: Vec<_> =
                read.unreadable.iter().map(|u| format!("{:?} {}: {}", u.part, u.place, u.why)).collect();
            let line = format!("{what:16} {}\n", lost.join("; "));
            if !table.ends_with(&line) {
                table += &line;
            }
        }
    }
    expect![[r#"
        nothing          
        a newer project  Rollout shop: a newer release wrote it (version 99, this one knows 1)
        a project        Rollout shop: it was sealed with another key, or is damaged
        an origin        Origin shop: another shape at column 1
        deploys          Deploy 1: no JSON at column 1; Deploy 3: no JSON at column 1
        an outcome       Build 3: another shape at column 2
        a deployment     Deployment 2: no JSON at column 0
        a newer one      Deployment 1: a newer release wrote it (version 2, this one knows 1)
        ends             Found ends of shop/web: missing field `deployment`
        a watchdog       Found watchdogs of shop/web: no JSON at column 1
        a pinger         Found pingers of shop/web: a newer release wrote it (version 2, this one knows 1)
        answers          Found answers of shop/web: another shape at column 4
        a service's name Row services (shop): `No Name` is not a valid service name: only a-z, 0-9 and - are allowed
        an instance      Row instances (2): `` is not a valid service name: it is empty
        a number         Row services (shop): Integer -1 out of range at index 3
        a variable       Variable env shop/ PASSWORD: it was sealed with another key, or is damaged
    "#]].assert_eq(&table);
}
