//! From the built binary and an empty state folder to the example's URL, then the same again. `bench/up`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use dormouse_bench::{first_byte, heading};
use dormouse_e2e::{binary, workspace};

/// Run `up` until the page is there: how long that took, and what it said of the base, which tells how fast the mirror is.
fn up(state: &Path) -> (Duration, Vec<String>) {
    let start = Instant::now();
    let mut child = Command::new(binary())
        .arg("up")
        .arg(workspace().join("examples/fastapi-streamlit"))
        .arg("--state")
        .arg(state)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dormouse runs");
    let told = BufReader::new(child.stderr.take().expect("its progress"));
    let told = std::thread::spawn(move || {
        let shown = told.lines().map_while(Result::ok).inspect(|line| eprintln!("{line}"));
        let of_base = |line: &String| line.contains("Debian ") || line.contains("fetched and unpacked");
        shown.filter(of_base).collect()
    });
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let port = lines
        .by_ref()
        .find_map(|l| {
            let (_, rest) = l.split_once("http://fastapi-streamlit.localhost:")?;
            rest.trim_end_matches('/').parse::<u16>().ok()
        })
        .expect("a URL");
    let (_, page) = first_byte(port, "fastapi-streamlit.localhost", "/");
    assert!(page.contains("200 OK"), "{page}");
    let took = start.elapsed();
    // As Ctrl-C does.
    let status = Command::new("kill").arg("-INT").arg(child.id().to_string()).status().expect("kill runs");
    assert!(status.success());
    for _ in lines {}
    let ended = child.wait().expect("it ends");
    assert!(ended.success(), "up ended with {ended}");
    (took, told.join().expect("its progress"))
}

fn main() {
    let state = tempfile::tempdir().expect("a folder");
    let (first, base) = up(state.path());
    let (second, _) = up(state.path());
    heading("`dormouse up examples/fastapi-streamlit` until the page answers");
    println!("empty state folder  {:>7.1} s   (<= 180)", first.as_secs_f64());
    for line in base {
        println!("  {line}");
    }
    println!("second time         {:>7.1} s   (<= 5)", second.as_secs_f64());
}
