//! Kills control, edge and parent at random under load: public requests and calls between services on connections of their own,
//! and WebSockets. `bench/chaos [seconds] [seed] [state]`: 180 seconds, a seed of the clock's and a new state folder by default.
//! Fails when anything failed but what a killed edge carried.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use dormouse_bench::{
    heading,
    kills::{Kill, Kills, now},
};
use dormouse_e2e::{Server, workspace};

/// Who asks at the same time.
const VISITORS: usize = 4;
const SOCKETS: usize = 4;

/// How long an answer may take: far longer than any restart.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of one kind of traffic.
#[derive(Debug, Default)]
struct Tally {
    sent: u64,
    worst: f64,
    /// Why, from when, until when.
    failed: Vec<(String, f64, f64)>,
}

impl Tally {
    fn add(&mut self, begin: f64, why: Option<String>) {
        let end = now();
        self.sent += 1;
        self.worst = self.worst.max(end - begin);
        self.failed.extend(why.map(|why| (why, begin, end)));
    }

    /// Failures by reason; those that a killed edge carried have one of their own.
    fn reasons(&self, kills: &[Kill]) -> BTreeMap<String, usize> {
        let mut reasons = BTreeMap::new();
        for (why, begin, end) in &self.failed {
            let during = |k: &Kill| k.who == "edge" && *begin <= k.until && k.from <= *end;
            let carried = why == "cut" && kills.iter().any(during);
            let why = if carried { CARRIED } else { why };
            *reasons.entry(why.to_owned()).or_default() += 1;
        }
        reasons
    }
}

const CARRIED: &str = "in flight in a killed edge";

type Shared = Mutex<Tally>;

fn add(to: &Shared, begin: f64, why: Option<String>) {
    to.lock().unwrap_or_else(PoisonError::into_inner).add(begin, why);
}

fn connect(port: u16) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| {
        let refused = e.kind() == ErrorKind::ConnectionRefused;
        if refused { "refused".to_owned() } else { format!("not connected: {e}") }
    })?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|e| e.to_string())?;
    Ok(stream)
}

fn of_io(error: &std::io::Error) -> String {
    let timeout = [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind());
    if timeout { "timeout" } else { "cut" }.to_owned()
}

/// One request on a connection of its own.
fn ask(port: u16, path: &str) -> Result<String, String> {
    let mut stream = connect(port)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: chaos.localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|e| of_io(&e))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(|e| of_io(&e))?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return Err("cut".to_owned()) };
    match head.split(' ').nth(1) {
        Some("200") if path != "/" || body == "ok\n" => Ok(body.to_owned()),
        Some("200") => Err("cut".to_owned()),
        Some(status) => Err(format!("status {status}")),
        None => Err("cut".to_owned()),
    }
}

/// An open WebSocket.
fn open(port: u16) -> Result<TcpStream, String> {
    let mut stream = connect(port)?;
    let request = "GET /ws HTTP/1.1\r\nhost: chaos.localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).map_err(|e| of_io(&e))?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).map_err(|e| of_io(&e))? == 0 {
            return Err("cut".to_owned());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let status = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if status == "101" { Ok(stream) } else { Err(format!("status {status}")) }
}

/// One message there and back: a masked frame of four letters, and the same unmasked.
fn echo(stream: &mut TcpStream) -> Result<(), String> {
    stream.write_all(b"\x81\x84\0\0\0\0ping").map_err(|e| of_io(&e))?;
    let mut frame = [0; 6];
    stream.read_exact(&mut frame).map_err(|e| of_io(&e))?;
    if frame == *b"\x81\x04ping" { Ok(()) } else { Err("another frame".to_owned()) }
}

fn visit(port: u16, tally: &Shared, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let begin = now();
        add(tally, begin, ask(port, "/").err());
        thread::sleep(Duration::from_millis(5));
    }
}

/// A message every 50 ms; one that is lost counts from when its connection was last known to be well.
fn talk(port: u16, tally: &Shared, stop: &AtomicBool) {
    let (mut stream, mut well) = (None, now());
    while !stop.load(Ordering::Relaxed) {
        let begin = now();
        let said = match &mut stream {
            Some(stream) => echo(stream).map_err(|why| (why, well)),
            None => open(port).map(|new| stream = Some(new)).map_err(|why| (why, begin)),
        };
        match said {
            Ok(()) => add(tally, begin, None),
            Err((why, since)) => {
                add(tally, since, Some(why));
                stream = None;
            }
        }
        well = now();
        thread::sleep(Duration::from_millis(50));
    }
}

/// What the app has counted of its calls.
fn calls(server: &Server) -> Tally {
    let counted = ask(server.port, "/counted").expect("the app answers");
    let counted: serde_json::Value = serde_json::from_str(&counted).expect("JSON");
    let failed = counted["failed"].as_array().cloned().unwrap_or_default();
    let failure = |f: &serde_json::Value| {
        let text = f[0].as_str().unwrap_or_default().to_owned();
        (text, f[1].as_f64().unwrap_or_default(), f[2].as_f64().unwrap_or_default())
    };
    Tally {
        sent: counted["sent"].as_u64().unwrap_or(0),
        worst: counted["worst_ms"].as_f64().unwrap_or(f64::NAN) / 1e3,
        failed: failed.iter().map(failure).collect(),
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().and_then(|a| a.parse().ok()).unwrap_or(180);
    let seed = args.next().and_then(|a| a.parse().ok());
    let seed =
        seed.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
    let folder = tempfile::tempdir().expect("a folder");
    let state = args.next().map_or_else(|| folder.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&state).expect("a state folder");
    let server = Server::start_in(&state);
    server.ok(&["deploy", "--project", "chaos", &workspace().join("bench/apps/chaos").to_string_lossy()]);

    let (stop, requests, sockets) = (AtomicBool::new(false), Shared::default(), Shared::default());
    let mut kills = Kills::new(seed);
    thread::scope(|s| {
        for _ in 0..VISITORS {
            s.spawn(|| visit(server.port, &requests, &stop));
        }
        for _ in 0..SOCKETS {
            s.spawn(|| talk(server.port, &sockets, &stop));
        }
        kills.go_on(&server, Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
    });
    let calls = calls(&server);
    let kills = kills.done();

    let count = |who: &str| kills.iter().filter(|k| k.who == who).count();
    heading(&format!(
        "{} kills in {seconds} s, seed {seed}: control {}, edge {}, parent {}",
        kills.len(),
        count("control"),
        count("edge"),
        count("parent")
    ));
    println!("{:<26} {:>8} {:>8} {:>13}  why", "", "sent", "failed", "worst gap, s");
    let all = [
        ("public requests", requests.into_inner().unwrap_or_else(PoisonError::into_inner)),
        ("calls between services", calls),
        ("WebSocket messages", sockets.into_inner().unwrap_or_else(PoisonError::into_inner)),
    ];
    let mut unexplained = 0;
    for (what, tally) in &all {
        let reasons = tally.reasons(&kills);
        unexplained += reasons.iter().filter(|(why, _)| *why != CARRIED).map(|(_, n)| n).sum::<usize>();
        let why: Vec<_> = reasons.iter().map(|(why, n)| format!("{n} {why}")).collect();
        println!(
            "{what:<26} {:>8} {:>8} {:>13.2}  {}",
            tally.sent,
            tally.failed.len(),
            tally.worst,
            why.join(", ")
        );
    }
    server.ok(&["down", "chaos"]);
    server.stop();
    if unexplained == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
