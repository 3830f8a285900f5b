//! Time to start an instance, to end it and to remove it: with a disk of its own and without, interleaved.
//!
//! Needs root and a static busybox. `cargo run --release -p dormouse-runtime --example instances [ROUNDS] [MIB]`; each writes so
//! many MiB before it is ended.
#![allow(clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant},
};

use dormouse_backend::{InstanceSpec, Workloads};
use dormouse_images::{ImageConfig, Store};
use dormouse_model::{DeploymentId, ImageId, InstanceId, Limits};
use dormouse_runtime::{Host, HostSettings, Loopback, become_sandbox_if_asked};

fn main() -> Result<(), Box<dyn Error>> {
    become_sandbox_if_asked();
    let mut args = std::env::args().skip(1).map(|n| n.parse());
    let rounds: u64 = args.next().unwrap_or(Ok(30))?;
    let mib: u64 = args.next().unwrap_or(Ok(0))?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(compare(rounds, mib))
}

fn host(state: &Path) -> Result<(Host<Loopback>, ImageId), Box<dyn Error>> {
    let images = Store::open(&state.join("images"))?;
    let layer = images.begin_layer()?;
    fs::create_dir(layer.path().join("bin"))?;
    fs::copy("/bin/busybox", layer.path().join("bin/busybox"))?;
    for name in ["sh", "dd", "sleep"] {
        symlink("busybox", layer.path().join("bin").join(name))?;
    }
    let image = images.put_image(&[layer.commit(None)?], ImageConfig::default())?;
    let settings = HostSettings {
        state: state.to_owned(),
        images,
        can_page: false,
        mounts: vec![],
        env: BTreeMap::new(),
        native_aio: false,
    };
    Ok((Host::open(settings, Loopback)?, image))
}

async fn compare(rounds: u64, mib: u64) -> Result<(), Box<dyn Error>> {
    let (with, without) = (tempfile::tempdir()?, tempfile::tempdir()?);
    // Where the templates would lie.
    fs::create_dir(without.path().join("cache"))?;
    fs::write(without.path().join("cache/disks"), "")?;
    let hosts = [("a disk", host(with.path())?), ("no disk", host(without.path())?)];
    let mut rows: BTreeMap<&str, [Vec<Duration>; 3]> = BTreeMap::new();
    for round in 0..rounds {
        for (name, (host, image)) in &hosts {
            let (id, key) = (InstanceId(round + 1), "shop/web".parse()?);
            let script = format!(
                "/bin/dd if=/dev/zero of=/f bs=1M count={mib} 2>/dev/null; echo up; exec /bin/sleep 1000"
            );
            let spec = InstanceSpec {
                id,
                key,
                deployment: DeploymentId(1),
                image: image.clone(),
                argv: Some(vec!["/bin/sh".into(), "-c".into(), script]),
                env: BTreeMap::new(),
                limits: Limits { memory: 2 << 30, ..Limits::default() },
            };
            let begun = Instant::now();
            Box::pin(host.start(&spec)).await?;
            let started = Instant::now();
            while host.read_log(&spec.key, id, 0).await?.lines.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let up = Instant::now();
            host.stop(id, Duration::ZERO).await?;
            let ended = Instant::now();
            host.remove(id).await?;
            let row = rows.entry(name).or_default();
            for (times, took) in row.iter_mut().zip([started - begun, ended - up, ended.elapsed()]) {
                times.push(took);
            }
        }
    }
    for (name, row) in &mut rows {
        for (what, times) in ["start", "end", "remove"].iter().zip(row) {
            times.sort();
            let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
            println!("{name}, {what}: p50 {:.1} ms, p95 {:.1} ms, of {rounds}", at(50), at(95));
        }
    }
    Ok(())
}
