//! The README's first command, to the letter, from a fresh clone.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use dormouse_e2e::{target, workspace};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

pub(crate) fn first_command() {
    let folder = tempfile::tempdir().unwrap();
    let clone = folder.path().join("dormouse");
    let cloned = Command::new("git")
        .args(["clone", "--quiet"])
        .arg(workspace())
        .arg(&clone)
        .status()
        .expect("git runs");
    assert!(cloned.success());
    let readme = std::fs::read_to_string(clone.join("README.md")).unwrap();
    let command = readme.lines().find(|l| l.starts_with("cargo run")).expect("a first command");
    let words: Vec<_> = command.split_whitespace().collect();
    let dependencies = built_dependencies();
    let mut up = Command::new(words[0])
        .args(&words[1..])
        .current_dir(&clone)
        .env("DORMOUSE_STATE", folder.path().join("state"))
        .env("NO_COLOR", "1")
        .env("CARGO_TARGET_DIR", &dependencies)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo runs");
    let (tx, rx) = mpsc::channel();
    for out in [
        Box::new(up.stdout.take().unwrap()) as Box<dyn std::io::Read + Send>,
        Box::new(up.stderr.take().unwrap()),
    ] {
        let tx = tx.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if tx.send(line).is_err() {
                    break;
                }
            }
        });
    }
    drop(tx);
    let mut said = String::new();
    let url = loop {
        match rx.recv_timeout(Duration::from_secs(1800)) {
            Ok(line) => {
                said += &line;
                said.push('\n');
                if let Some(url) = line.trim().strip_prefix("http://fastapi-streamlit.localhost:") {
                    break url.trim_end_matches('/').to_owned();
                }
            }
            Err(_) => panic!("no URL in:\n{said}"),
        }
    };
    let port: u16 = url.parse().unwrap_or_else(|_| panic!("no port in {url:?}"));
    let page = ureq_get(port);
    assert!(page.contains("<title>Streamlit</title>") || page.contains("streamlit"), "{page}");
    kill(Pid::from_raw(i32::try_from(up.id()).unwrap()), Signal::SIGINT).unwrap();
    let status = up.wait().unwrap();
    let rest: Vec<_> = rx.iter().collect();
    assert!(status.success(), "Ctrl-C ended it with {status}:\n{said}{}", rest.join("\n"));
    let _ = std::fs::remove_dir_all(dependencies);
}

/// A target folder in which the dependencies are compiled and our own crates are not: how long the former take is
/// `bench/cold`'s matter, and would be a tenth of CI. It is apart from everybody's, because cargo tells packages apart by
/// paths that are the same in every clone. It is copied anew each time: half of one, left by a run that was killed while
/// it copied, has fingerprints without their libraries, which cargo takes for built.
fn built_dependencies() -> PathBuf {
    let (from, to) = (target().join("release"), target().join("fresh-clone"));
    let _ = std::fs::remove_dir_all(&to);
    let release = to.join("release");
    std::fs::create_dir_all(&release).unwrap();
    let parts = [".fingerprint", "build", "deps"].map(|part| from.join(part));
    let copied = Command::new("cp").arg("-a").args(parts).arg(&release).status().expect("cp runs");
    assert!(copied.success());
    to
}

fn ureq_get(port: u16) -> String {
    let mut answer = ureq::get(format!("http://127.0.0.1:{port}/"))
        .header("host", format!("fastapi-streamlit.localhost:{port}"))
        .call()
        .expect("the page");
    answer.body_mut().read_to_string().expect("text")
}
