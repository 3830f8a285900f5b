//! Servers that watch their workers by the clock, asleep for longer than they wait for a sign of life.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use dormouse_e2e::{Reply, Server, Visitor, eventually, workspace};

const PROJECT: &str = "supervisors";

/// One image serves all, and is built once.
const PACKAGES: &str = r#"["nginx-light", "nodejs", "php-fpm", "postgresql", "puma", "redis-server"]"#;

/// How long a server's own checks take to find, kill and replace a worker: Puma looks every 5 s.
const AFTERMATH: Duration = Duration::from_secs(7);

/// A server under test. Each has two workers.
struct Watched {
    what: &'static str,
    service: &'static str,
    start: &'static str,
    /// What makes it impatient, where it can be made so.
    impatient: &'static str,
    /// Further lines of its manifest.
    keys: &'static str,
    /// Whom to ask for `/count`, and under which path.
    asks: Option<&'static str>,
}

/// Speaks HTTP itself.
const WEB: &str = "port = 8000\nhealth = \"/health\"\npublic = true\n";

const SERVERS: &[Watched] = &[
    Watched {
        what: "gunicorn, sync",
        service: "sync",
        start: "gunicorn -w 2 -b 0.0.0.0:$PORT counter:wsgi",
        impatient: " --timeout 3",
        keys: WEB,
        asks: None,
    },
    Watched {
        what: "gunicorn, gthread",
        service: "gthread",
        start: "gunicorn -w 2 -k gthread --threads 2 -b 0.0.0.0:$PORT counter:wsgi",
        impatient: " --timeout 3",
        keys: WEB,
        asks: None,
    },
    Watched {
        what: "gunicorn, UvicornWorker",
        service: "uvicornworker",
        start: "gunicorn -w 2 -k uvicorn_worker.UvicornWorker -b 0.0.0.0:$PORT counter:asgi",
        impatient: " --timeout 3",
        keys: WEB,
        asks: None,
    },
    Watched {
        what: "uvicorn --workers",
        service: "uvicorn",
        start: "uvicorn --workers 2 --lifespan off --host 0.0.0.0 --port $PORT counter:asgi",
        impatient: "",
        keys: WEB,
        asks: None,
    },
    Watched {
        what: "uWSGI",
        service: "uwsgi",
        start: "uwsgi --master --processes 2 --http-socket 0.0.0.0:$PORT --module counter:wsgi",
        impatient: " --harakiri 3",
        keys: WEB,
        asks: None,
    },
    Watched {
        what: "Celery with Redis",
        service: "celery",
        start: "celery -A tasks worker -c 2 --without-gossip",
        impatient: "",
        keys: "kind = \"worker\"\n",
        asks: Some("/celery/count"),
    },
    Watched {
        what: "Node's cluster",
        service: "node",
        start: "node cluster.js",
        impatient: "",
        keys: WEB,
        asks: None,
    },
    Watched {
        what: "Node's cluster with heartbeats",
        service: "heartbeats",
        start: "node heartbeats.js",
        impatient: " 3000",
        keys: WEB,
        asks: None,
    },
    Watched {
        what: "php-fpm behind nginx",
        service: "php",
        start: "sh php.sh",
        impatient: "",
        keys: WEB,
        asks: None,
    },
    Watched {
        what: "Puma",
        service: "puma",
        start: "puma -w 2 -t 1:1 -b tcp://0.0.0.0:$PORT config.ru",
        impatient: "",
        keys: WEB,
        asks: None,
    },
    Watched {
        what: "PostgreSQL",
        service: "postgres",
        start: "sh postgres.sh",
        impatient: "",
        keys: "port = 5432\nhealth = \"tcp\"\n",
        asks: Some("/postgres/count"),
    },
];

/// Whom the servers need, and who asks those that do not speak HTTP.
const OTHERS: &[(&str, &str, &str)] = &[
    ("front", "python front.py", "port = 8000\nhealth = \"/health\"\npublic = true\n"),
    ("redis", "redis-server --bind 0.0.0.0 --protected-mode no", "port = 6379\nhealth = \"tcp\"\n"),
];

fn manifest(impatient: bool) -> String {
    let service = |name: &str, start: &str, keys: &str| {
        format!(
            "[services.{name}]\nsource = \".\"\nstart = \"{start}\"\n{keys}packages = {PACKAGES}\nsleep = \"2h\"\n"
        )
    };
    let watched = SERVERS.iter().map(|s| {
        let more = if impatient { s.impatient } else { "" };
        service(s.service, &format!("{}{more}", s.start), s.keys)
    });
    let others = OTHERS.iter().map(|(name, start, keys)| service(name, start, keys));
    format!("name = \"{PROJECT}\"\n{}", watched.chain(others).collect::<String>())
}

fn deploy(server: &Server, impatient: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    crate::toolbox::copy(&workspace().join("e2e/apps/supervisors"), folder.path());
    fs::write(folder.path().join("dormouse.toml"), manifest(impatient)).expect("a manifest");
    server.ok(&["deploy", &folder.path().to_string_lossy()]);
}

/// What came of one server.
#[derive(Default)]
struct Outcome {
    /// Its processes, by the number and start time that no two have in common, before the last sleep.
    processes: BTreeSet<(u32, u64)>,
    /// What each worker has counted, in its memory.
    counted: BTreeMap<u64, u64>,
    rounds: usize,
    /// Rounds in which every process and its memory were kept.
    kept: usize,
    requests: usize,
    failed: Vec<String>,
    wakes: Vec<Duration>,
}

impl Outcome {
    /// Take a count in; false when it is a surprise.
    fn take(&mut self, reply: Result<Reply, ureq::Error>) -> bool {
        self.requests += 1;
        let reply = match reply {
            Ok(reply) if reply.status == 200 => reply,
            other => {
                self.failed.push(format!("{other:?}"));
                return false;
            }
        };
        let json = reply.json();
        let Some(pid) = json["pid"].as_u64() else {
            self.failed.push(reply.body);
            return false;
        };
        // PHP keeps nothing that could be counted.
        let Some(count) = json["count"].as_u64() else { return true };
        let before = self.counted.insert(pid, count).unwrap_or(0);
        count == before + 1
    }
}

/// All processes below this one.
fn below(init: u32) -> BTreeSet<(u32, u64)> {
    let stat = |pid: u32| -> Option<(u32, u64)> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
        Some((fields[1].parse().ok()?, fields[19].parse().ok()?))
    };
    let pids =
        fs::read_dir("/proc").expect("/proc").filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok());
    let parents: BTreeMap<u32, (u32, u64)> = pids.filter_map(|pid| Some((pid, stat(pid)?))).collect();
    let is_below = |pid: &u32| {
        std::iter::successors(parents.get(pid), |(parent, _)| parents.get(parent)).any(|(p, _)| *p == init)
    };
    parents.iter().filter(|(pid, _)| is_below(pid)).map(|(pid, (_, start))| (*pid, *start)).collect()
}

fn ask(server: &Server, watched: &Watched) -> Result<Reply, ureq::Error> {
    let (service, path) = watched.asks.map_or((watched.service, "/count"), |path| ("front", path));
    visitor(server, service).try_get(path)
}

fn visitor(server: &Server, service: &str) -> Visitor {
    server.visit(&format!("{service}--{PROJECT}.localhost"))
}

fn init(server: &Server, service: &str) -> u32 {
    let pid = server.service(PROJECT, service)["pid"].as_u64().expect("it runs");
    u32::try_from(pid).expect("a process id")
}

/// Put all of them to sleep at once, wake one after the other, and look what is left of each.
fn rounds(server: &Server, asleep: Duration, rounds: usize) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = SERVERS.iter().map(|_| Outcome::default()).collect();
    for (watched, outcome) in SERVERS.iter().zip(&mut outcomes) {
        // More than one worker, most likely.
        for _request in 0..6 {
            outcome.take(ask(server, watched));
        }
        outcome.processes = eventually(watched.what, Duration::from_secs(30), || {
            let processes = below(init(server, watched.service));
            if processes.len() >= 3 { Ok(processes) } else { Err(format!("{processes:?}")) }
        });
        assert_eq!(outcome.failed, Vec::<String>::new(), "{}", watched.what);
        outcome.requests = 0;
    }
    for round in 0..rounds {
        // Redis is left awake: the answer to Celery's last poll wakes Celery, which polls again.
        thread::scope(|s| {
            for watched in SERVERS {
                s.spawn(move || server.ok(&["sleep", &format!("{PROJECT}/{}", watched.service)]));
            }
        });
        thread::sleep(asleep);
        let mut kept = vec![true; SERVERS.len()];
        for ((watched, outcome), kept) in SERVERS.iter().zip(&mut outcomes).zip(&mut kept) {
            // By turns: nobody asks anything of one that is woken by command, so that no request makes its workers run.
            if round % 2 == 0 || watched.keys.contains("worker") {
                server.ok(&["wake", &format!("{PROJECT}/{}", watched.service)]);
            }
            if round % 2 == 1 {
                let start = Instant::now();
                *kept &= outcome.take(ask(server, watched));
                outcome.wakes.push(start.elapsed());
            }
        }
        thread::sleep(AFTERMATH);
        for ((watched, outcome), kept) in SERVERS.iter().zip(&mut outcomes).zip(kept) {
            let remembers = (0..2).all(|_| outcome.take(ask(server, watched)));
            let now = below(init(server, watched.service));
            let same = outcome.processes.is_subset(&now);
            outcome.rounds += 1;
            outcome.kept += usize::from(kept && remembers && same);
            if !(kept && remembers && same) {
                println!("round {round}: {} lost something: {kept} {remembers} {same}", watched.what);
            }
            outcome.processes = now;
        }
    }
    outcomes
}

/// The table of what was kept; panics when something was lost.
fn judge(outcomes: &[Outcome]) {
    println!("| server | workers kept | requests failed | wake p50 |\n|---|---|---|---|");
    for (watched, o) in SERVERS.iter().zip(outcomes) {
        let mut wakes = o.wakes.clone();
        wakes.sort();
        let p50 = wakes[wakes.len() / 2].as_secs_f64() * 1e3;
        println!(
            "| {} | {} of {} | {} of {} | {p50:.0} ms |",
            watched.what,
            o.kept,
            o.rounds,
            o.failed.len(),
            o.requests
        );
    }
    for (watched, o) in SERVERS.iter().zip(outcomes) {
        assert_eq!(o.failed, Vec::<String>::new(), "{}: no request fails", watched.what);
        assert_eq!(o.kept, o.rounds, "{}: every worker is kept", watched.what);
    }
}

/// Bug: gunicorn's arbiter killed its workers after a sleep longer than its timeout, and their memory with them.
pub(crate) fn quick(server: &Server) {
    deploy(server, true);
    judge(&rounds(server, Duration::from_secs(5), 2));
    sleep_together(server);
    server.ok(&["down", PROJECT]);
}

/// Bug: with a worker that waits for work, its Redis was busy, and the project could not be sent to sleep.
fn sleep_together(server: &Server) {
    server.ok(&["sleep", PROJECT]);
    // Celery asks each second.
    thread::sleep(Duration::from_secs(4));
    let awake: Vec<_> =
        server.ps().into_iter().filter(|s| s["project"] == PROJECT && s["state"] != "asleep").collect();
    assert_eq!(awake, Vec::<serde_json::Value>::new());
    // What was on its way then arrives when it is used again.
    server.ok(&["wake", PROJECT]);
    for watched in SERVERS {
        assert_eq!(ask(server, watched).expect("an answer").status, 200, "{}", watched.what);
    }
}

fn with_usual_timeouts(asleep: Duration, times: usize) {
    let kept = std::env::var_os("DORMOUSE_E2E_STATE");
    // Beside the one that all tests share.
    let server = kept.map_or_else(Server::start, |folder| {
        let folder = Path::new(&folder).join("long");
        fs::create_dir_all(&folder).expect("a folder");
        Server::start_in(&folder)
    });
    deploy(&server, false);
    judge(&rounds(&server, asleep, times));
    server.ok(&["down", PROJECT]);
    server.stop();
}

pub(crate) fn longer_than_their_timeouts() {
    with_usual_timeouts(Duration::from_secs(45), 20);
}

pub(crate) fn ten_minutes() {
    with_usual_timeouts(Duration::from_secs(600), 5);
}
