//! What the control and edge processes cost while ten apps sleep: resident memory and processor time over a minute.
//! `bench/idle [seconds]`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{fmt::Write as _, fs, time::Duration};

use dormouse_bench::{heading, mib, resident};
use dormouse_e2e::{Server, eventually, workspace};

const APPS: usize = 10;

fn main() {
    let seconds = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(60);
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["main.py", "requirements.txt"] {
        fs::copy(workspace().join("e2e/apps/toolbox").join(file), folder.path().join(file)).expect("a copy");
    }
    let mut manifest = "name = \"ten\"\n".to_owned();
    for i in 0..APPS {
        writeln!(manifest, "[services.app{i}]\nsource = \".\"\npublic = true\nhealth = \"/health\"")
            .expect("text");
    }
    fs::write(folder.path().join("dormouse.toml"), manifest).expect("a manifest");
    server.ok(&["deploy", &folder.path().to_string_lossy()]);
    server.ok(&["sleep", "ten"]);
    eventually("all asleep", Duration::from_secs(120), || {
        let paged = server.ps().iter().filter(|s| s["depth"] == "paged").count();
        if paged == APPS { Ok(()) } else { Err(format!("{paged} of {APPS}")) }
    });
    std::thread::sleep(Duration::from_secs(5));

    heading(&format!("Idle for {seconds} s with {APPS} apps asleep"));
    println!("{:<9} {:>13} {:>18}", "process", "resident MiB", "% of one core");
    let pids =
        [("control", server.pid_of("control")), ("edge", server.pid_of("edge")), ("parent", server.pid())];
    let before: Vec<_> = pids.iter().map(|(_, pid)| ticks(pid.as_raw())).collect();
    std::thread::sleep(Duration::from_secs(seconds));
    for ((name, pid), before) in pids.iter().zip(before) {
        #[allow(clippy::cast_precision_loss, reason = "for display")]
        let share = (ticks(pid.as_raw()) - before) as f64 / TICKS_PER_SECOND / seconds as f64 * 100.0;
        println!("{name:<9} {:>13.1} {share:>18.3}", mib(resident(pid.as_raw().unsigned_abs())));
    }
    println!("\ncontrol is to stay below 40 MB and 0.5 %");
}

/// USER_HZ, which is 100 on every Linux that Rust's tier 1 knows.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of a process in clock ticks: fields 14 and 15 of `/proc/<pid>/stat`.
fn ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<_> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    [11, 12].iter().map(|i| fields[*i].parse::<u64>().expect("a number")).sum()
}
