//! Time from the wish to run `true` in a sandbox to its end, against `runc run` on the same root, interleaved.
//!
//! Needs root, runc and a static busybox. `cargo run --release -p dormouse-runtime --example start [ROUNDS]`
#![allow(clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use dormouse_model::Limits;
use dormouse_runtime::{Profile, Resolver, RunSpec, Sandboxes, Share, become_sandbox_if_asked};
use tokio::sync::mpsc;

fn main() -> Result<(), Box<dyn Error>> {
    become_sandbox_if_asked();
    let rounds: u32 = std::env::args().nth(1).map_or(Ok(30), |n| n.parse())?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(compare(rounds))
}

async fn compare(rounds: u32) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let root = dir.path().join("rootfs");
    for name in ["bin", "proc", "dev", "sys", "tmp"] {
        fs::create_dir_all(root.join(name))?;
    }
    fs::copy("/bin/busybox", root.join("bin/busybox"))?;
    symlink("busybox", root.join("bin/true"))?;
    bundle(dir.path())?;
    let sandboxes = Sandboxes::open(dir.path())?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let start = Instant::now();
        let spec = RunSpec {
            name: format!("r{round}"),
            lowers: vec![root.clone()],
            upper: dir.path().join(format!("r{round}/upper")),
            argv: vec!["/bin/true".into()],
            env: BTreeMap::new(),
            cwd: "/".into(),
            mounts: vec![],
            limits: Limits::default(),
            time_limit: Duration::from_secs(30),
            silence_limit: None,
            room: None,
            network: false,
            resolver: Resolver::Host,
            profile: Profile::App,
            share: Share::Build,
        };
        let (to, _from) = mpsc::channel(1000);
        Box::pin(sandboxes.run(spec, to)).await?;
        ours.push(start.elapsed());

        let start = Instant::now();
        let status = Command::new("runc")
            .args(["run", "--bundle"])
            .arg(dir.path())
            .arg(format!("dormouse-start-{}-{round}", std::process::id()))
            .status()?;
        if !status.success() {
            return Err("runc failed".into());
        }
        theirs.push(start.elapsed());
    }
    for (name, times) in [("dormouse", &mut ours), ("runc run", &mut theirs)] {
        times.sort();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        println!("{name}: p50 {:.1} ms, p95 {:.1} ms, of {rounds}", at(50), at(95));
    }
    Ok(())
}

/// An OCI bundle with runc's own defaults (no user namespace, no seccomp filter: less than ours does).
fn bundle(dir: &Path) -> Result<(), Box<dyn Error>> {
    if !Command::new("runc").arg("spec").current_dir(dir).status()?.success() {
        return Err("runc spec failed".into());
    }
    let path = dir.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path)?)?;
    config["process"]["terminal"] = false.into();
    config["process"]["args"] = serde_json::json!(["/bin/true"]);
    config["linux"]["cgroupsPath"] = "/dormouse/start".into();
    fs::write(&path, serde_json::to_vec(&config)?)?;
    Ok(())
}
