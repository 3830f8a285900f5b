//! First-byte latency of a FastAPI service that holds 200 MB: awake, frozen, paged to zram, paged to a swap file, and
//! stopped; with the memory that stays resident while it sleeps. `bench/wake [rounds]`, 30 by default.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{fs, path::Path, time::Duration};

use dormouse_bench::{Samples, first_byte, heading, mib};
use dormouse_e2e::{Server, eventually, workspace};
use dormouse_runtime::swap::zram_stored;

/// One way to sleep, with what was measured of it.
struct Case {
    label: &'static str,
    depth: &'static str,
    latency: Samples,
    resident: u64,
    swapped: u64,
    zram: u64,
}

impl Case {
    fn new(label: &'static str, depth: &'static str) -> Self {
        Self { label, depth, latency: Samples::default(), resident: 0, swapped: 0, zram: 0 }
    }

    fn project(&self) -> String {
        format!("ballast-{}", self.depth)
    }

    /// Put it to sleep, wait until it is at rest, and send the first request.
    fn round(&mut self, server: &Server) {
        let project = self.project();
        let host = format!("{project}.localhost");
        if self.depth != "awake" {
            server.ok(&["sleep", &project]);
            let at_rest = eventually(self.label, Duration::from_secs(60), || {
                let s = server.service(&project, "web");
                if s["depth"] == self.depth { Ok(s) } else { Err(s.to_string()) }
            });
            self.resident = self.resident.max(at_rest["resident_bytes"].as_u64().unwrap_or(0));
            self.swapped = self.swapped.max(at_rest["swapped_bytes"].as_u64().unwrap_or(0));
            self.zram = self.zram.max(zram_stored());
        }
        let (took, answer) = first_byte(server.port, &host, "/");
        assert!(answer.contains("\"held\":200"), "{answer}");
        self.latency.add(took);
        if self.depth == "awake" {
            let s = server.service(&project, "web");
            self.resident = self.resident.max(s["resident_bytes"].as_u64().unwrap_or(0));
        }
    }
}

fn deploy(server: &Server, case: &Case) {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["main.py", "requirements.txt"] {
        fs::copy(workspace().join("bench/apps/ballast").join(file), folder.path().join(file))
            .expect("a copy");
    }
    let sleep = match case.depth {
        "awake" => "sleep = \"never\"".to_owned(),
        depth => format!("sleep = {{ after = \"1h\", depth = \"{depth}\" }}"),
    };
    let manifest = format!("name = \"{}\"\n[services.web]\nsource = \".\"\n{sleep}\n", case.project());
    fs::write(folder.path().join("dormouse.toml"), manifest).expect("a manifest");
    server.ok(&["deploy", "--project", &case.project(), &folder.path().to_string_lossy()]);
}

fn run(state: &Path, swap: &str, cases: &mut [Case], rounds: usize) {
    fs::write(state.join("server.toml"), format!("[swap]\n{swap}\n")).expect("settings");
    let server = Server::start_in(state);
    for case in cases.iter() {
        deploy(&server, case);
        case_warm(&server, case);
    }
    for round in 0..rounds {
        // Interleaved, so that a noisy minute hurts all of them alike.
        cases.iter_mut().for_each(|case| case.round(&server));
        eprint!("\r{}/{rounds} rounds ", round + 1);
    }
    eprintln!();
    server.stop();
}

fn case_warm(server: &Server, case: &Case) {
    for _ in 0..5 {
        let _ = first_byte(server.port, &format!("{}.localhost", case.project()), "/");
    }
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(30);
    let state = tempfile::tempdir().expect("a folder");
    let mut zram = [
        Case::new("awake", "awake"),
        Case::new("frozen", "frozen"),
        Case::new("paged (zram)", "paged"),
        Case::new("stopped", "stopped"),
    ];
    run(state.path(), "zram = \"3GiB\"\nfile = \"off\"", &mut zram, rounds);
    let mut file = [Case::new("paged (file)", "paged")];
    run(state.path(), "zram = \"off\"\nfile = \"3GiB\"", &mut file, rounds);

    heading("First byte of the first request, FastAPI holding 200 MB");
    println!(
        "{:<14} {:>7} {:>9} {:>9} {:>9} {:>9}  {:>12} {:>11} {:>9}",
        "state", "rounds", "p50 ms", "p95 ms", "max ms", "x awake", "resident MiB", "swapped MiB", "zram MiB"
    );
    let awake = zram[0].latency.p50();
    for case in zram.iter().chain(&file) {
        let l = &case.latency;
        println!(
            "{:<14} {:>7} {:>9.2} {:>9.2} {:>9.2} {:>9.1}  {:>12.1} {:>11.1} {:>9.1}",
            case.label,
            l.count(),
            l.p50(),
            l.quantile(0.95),
            l.quantile(1.0),
            l.p50() / awake,
            mib(case.resident),
            mib(case.swapped),
            mib(case.zram),
        );
    }
    let [_, frozen, paged, stopped] = &zram;
    #[allow(clippy::cast_precision_loss, reason = "for display")]
    let share = paged.resident as f64 / zram[0].resident as f64 * 100.0;
    heading("Against what we set out to reach");
    println!("frozen p50        {:>8.2} ms   (<= 8)", frozen.latency.p50());
    println!("paged, zram p50   {:>8.2} ms   (<= 40)", paged.latency.p50());
    println!("paged, file p50   {:>8.2} ms   (<= 250)", file[0].latency.p50());
    println!("resident asleep   {share:>8.1} %    (<= 10)");
    println!("stopped / paged   {:>8.1} x    (>= 10)", stopped.latency.p50() / paged.latency.p50());
}
