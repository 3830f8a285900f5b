//! The usual clients of other services: what sleep does to their calls, and to the connections that they keep.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use dormouse_e2e::{Server, Visitor, workspace};

use crate::toolbox::copy;

const PROJECT: &str = "clients";

/// By the names of `e2e/apps/clients/front.py`: what is told of each.
const CLIENTS: &[(&str, &str)] = &[
    ("httpx", "httpx, before the answer"),
    ("httpx_stream", "httpx, in a pause of the answer"),
    ("aiohttp", "aiohttp, before the answer"),
    ("aiohttp_stream", "aiohttp, in a pause of the answer"),
    ("boto3", "boto3, moto"),
    ("psycopg", "psycopg's pool, PostgreSQL"),
    ("redis", "redis-py, Redis: BLPOP"),
    ("celery", "Celery, Redis: a result"),
];

/// Idle time of the one that calls.
const IDLE: Duration = Duration::from_secs(4);
/// How long a call takes.
const CALL: Duration = Duration::from_secs(12);
/// What is idle is asleep in this time, with the looks at it.
const ASLEEP: Duration = Duration::from_secs(15);

fn manifest() -> String {
    let service = |name: &str, start: &str, keys: &str| {
        format!(
            "[services.{name}]\nsource = \".\"\nstart = \"{start}\"\npackages = [\"postgresql\", \"redis-server\"]\n{keys}\n"
        )
    };
    let front = format!("port = 8000\nhealth = \"/result\"\npublic = true\nsleep = \"{}s\"", IDLE.as_secs());
    [
        format!("name = \"{PROJECT}\"\n"),
        service("front", "uvicorn --lifespan off --host 0.0.0.0 --port $PORT front:app", &front),
        service("peer", "python peer.py", "port = 5000\nhealth = \"tcp\"\nsleep = \"never\""),
        service("postgres", "sh postgres.sh", "port = 5432\nhealth = \"tcp\"\nsleep = \"never\""),
        service(
            "redis",
            "redis-server --bind 0.0.0.0 --protected-mode no",
            "port = 6379\nhealth = \"tcp\"\nsleep = \"never\"",
        ),
        service("worker", "celery -A tasks worker -c 1", "kind = \"worker\""),
    ]
    .concat()
}

/// What came of one client.
struct Outcome {
    /// Whether it was awake until its call was answered, and how that was.
    call: Result<String, String>,
    /// How long it took to fall asleep with connections open, or what kept it awake.
    sleeps: Result<Duration, String>,
    /// What a call over these came to after the wake.
    after: String,
}

fn state(server: &Server) -> String {
    server.service(PROJECT, "front")["state"].as_str().unwrap_or_default().to_owned()
}

fn try_out(server: &Server, front: &Visitor, client: &str) -> Outcome {
    let quick = || {
        let reply = front.get(&format!("/quick/{client}"));
        format!("{} {}", reply.status, reply.body)
    };
    quick();
    let idle = Instant::now();
    let sleeps = loop {
        if state(server) == "asleep" {
            break Ok(idle.elapsed());
        }
        if idle.elapsed() > ASLEEP {
            break Err(server.service(PROJECT, "front")["awake"].as_str().unwrap_or("nothing").to_owned());
        }
        thread::sleep(Duration::from_millis(200));
    };
    thread::sleep(Duration::from_secs(2));
    let after = quick();

    let _ = front.get(&format!("/begin/{client}?{}", CALL.as_secs())).ok();
    let begun = Instant::now();
    let mut slept = None;
    while begun.elapsed() < CALL - Duration::from_secs(1) {
        if state(server) != "ready" {
            slept.get_or_insert(begun.elapsed());
        }
        thread::sleep(Duration::from_millis(200));
    }
    thread::sleep(Duration::from_secs(3));
    let result = front.get("/result").ok().json().as_str().unwrap_or("nothing yet").to_owned();
    let call = slept.map_or(Ok(result.clone()), |after| {
        Err(format!("{result}, asleep {:.0} s after it began", after.as_secs_f64()))
    });
    Outcome { call, sleeps, after }
}

/// The table of docs/sleep.md.
pub(crate) fn clients() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    copy(&workspace().join("e2e/apps/clients"), folder.path());
    let postgres = workspace().join("e2e/apps/supervisors/postgres.sh");
    fs::copy(postgres, folder.path().join("postgres.sh")).expect("the script");
    fs::write(folder.path().join("dormouse.toml"), manifest()).expect("a manifest");
    server.ok(&["deploy", &folder.path().to_string_lossy()]);
    let front = server.visit(&format!("{PROJECT}.localhost"));

    println!(
        "| client | awake while a call of {CALL:?} is open | asleep with idle connections | a call after the wake |"
    );
    println!("|---|---|---|---|");
    let mut wrong = Vec::new();
    for (client, what) in CLIENTS {
        let o = try_out(&server, &front, client);
        let call = o.call.as_ref().map_or_else(|e| format!("no: {e}"), |r| format!("yes: {r}"));
        let sleeps = match &o.sleeps {
            Ok(t) => format!("yes, after {:.0} s", t.as_secs_f64()),
            Err(why) => format!("no: {why}"),
        };
        println!("| {what} | {call} | {sleeps} | {} |", o.after);
        let well = o.call.as_ref().is_ok_and(|r| !r.starts_with("error") && r != "nothing yet");
        if !well || o.sleeps.is_err() || !o.after.starts_with("200") {
            wrong.push(*what);
        }
    }
    server.ok(&["down", PROJECT]);
    server.stop();
    assert_eq!(wrong, Vec::<&str>::new());
}
