//! The smallest Rust app: one file, a Cargo.lock, no manifest. It answers on `$PORT` and counts its visits in memory.

use std::{
    env, fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

static VISITS: AtomicU64 = AtomicU64::new(0);

fn main() -> io::Result<()> {
    // Files beside the code are in the image too, and the app is started where they are.
    let greeting = fs::read_to_string("data/greeting.txt")?.trim().to_owned();
    let port = env::var("PORT").ok().and_then(|p| p.parse().ok()).unwrap_or(8080);
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    println!("{greeting}: listening on {port}");
    for stream in listener.incoming() {
        let (stream, greeting) = (stream?, greeting.clone());
        thread::spawn(move || answer(stream, &greeting));
    }
    Ok(())
}

/// One request, one answer.
fn answer(mut stream: TcpStream, greeting: &str) -> io::Result<()> {
    let mut head = Vec::new();
    let (status, body) = loop {
        let mut buffer = [0; 4096];
        let n = stream.read(&mut buffer)?;
        head.extend(&buffer[..n]);
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&head) {
            Ok(httparse::Status::Complete(_)) => break respond(request.path.unwrap_or("/"), greeting),
            Ok(httparse::Status::Partial) if n > 0 && head.len() < 64 * 1024 => {}
            Ok(httparse::Status::Partial) | Err(_) => break ("400 Bad Request", "not a request\n".to_owned()),
        }
    };
    let length = body.len();
    let kind = "content-type: text/plain; charset=utf-8";
    write!(stream, "HTTP/1.1 {status}\r\n{kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn respond(path: &str, greeting: &str) -> (&'static str, String) {
    match path {
        "/" => {
            let visits = VISITS.fetch_add(1, Ordering::Relaxed) + 1;
            ("200 OK", format!("{greeting}, visit {visits}\n"))
        }
        "/health" => ("200 OK", "ok\n".to_owned()),
        _other => ("404 Not Found", "there is no such page\n".to_owned()),
    }
}
