//! A hostile sandbox takes all it can get of what the kernel counts by user or by host; an honest one beside it, and the
//! host's root, still get theirs. Needs root and a static busybox.
#![allow(missing_docs, clippy::print_stdout)]

#[path = "../support/bench.rs"]
mod bench;
mod disk;
#[path = "../support/events.rs"]
mod events;
mod flows;
mod instances;
mod memory;
mod stuck;
#[path = "../support/mod.rs"]
mod support;
mod take;

use std::{
    path::Path,
    process::{Command, ExitCode},
};

use bench::Bench;
use dormouse_backend::Stream;
use dormouse_model::Limits;
use dormouse_runtime::{Mount, RunSpec};
use take::Budget;
use tokio::sync::mpsc;

/// This very program at `/act`, with the libraries it needs.
fn shown() -> Vec<Mount> {
    let shown = |source: &Path, target: &str| Mount {
        source: source.to_owned(),
        target: target.into(),
        read_only: true,
    };
    let program = shown(&std::env::current_exe().unwrap(), "/act");
    let libraries = ["/lib", "/lib64"].map(Path::new).into_iter().filter(|dir| dir.exists());
    libraries.map(|dir| shown(dir, dir.to_str().unwrap())).chain([program]).collect()
}

impl Bench {
    fn spec(&self, name: &str, args: &[&str]) -> RunSpec {
        RunSpec {
            mounts: shown(),
            limits: Limits { memory: 256 << 20, cpu_milli: 2000, pids: 64, ..Limits::default() },
            ..self.command(name, ["/act"].iter().chain(args).copied())
        }
    }

    /// What an honest sandbox got.
    async fn honest(&self, budget: Budget) -> u64 {
        let (to, mut from) = mpsc::channel(100_000);
        let name = format!("honest-{}", budget.name());
        self.sandboxes.run(self.spec(&name, &[take::A_LITTLE, budget.name()]), to).await.unwrap();
        said(&mut from).await
    }
}

/// What the host's root got.
fn root(budget: Budget) -> u64 {
    let program = std::env::current_exe().unwrap();
    let said = Command::new(program).args([take::A_LITTLE, budget.name()]).output().unwrap();
    String::from_utf8_lossy(&said.stdout).trim().parse().unwrap()
}

async fn said(from: &mut mpsc::Receiver<(Stream, String)>) -> u64 {
    let (_, line) = from.recv().await.unwrap();
    line.parse().unwrap_or_else(|_| panic!("{line}"))
}

/// Bug: all sandboxes were made by the host's root and had the same users, so that one could take the whole host's.
async fn others_get_theirs(b: &Bench) {
    let mut rows = String::new();
    for budget in Budget::ALL {
        let before = [b.honest(budget).await, root(budget)];
        let (to, mut from) = mpsc::channel(100_000);
        let name = format!("hostile-{}", budget.name());
        let hostile = b.sandboxes.run(b.spec(&name, &[take::ALL, budget.name()]), to);
        let look = async {
            let taken = said(&mut from).await;
            let after = [b.honest(budget).await, root(budget)];
            (taken, after)
        };
        let (taken, after) = tokio::select! {
            looked = look => looked,
            ended = hostile => panic!("{}: the hostile one ended: {ended:?}", budget.name()),
        };
        let verdict = if after == before { "ok" } else { "STARVED" };
        rows.push_str(&format!(
            "{verdict} {}: {taken} taken, {before:?} before, {after:?} after\n",
            budget.name()
        ));
    }
    println!("{rows}");
    assert!(!rows.contains("STARVED"), "{rows}");
}

fn with(test: impl AsyncFnOnce(&Bench)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(test(&Bench::new()));
}

fn main() -> ExitCode {
    take::act_if_asked();
    flows::act_if_asked();
    memory::act_if_asked();
    support::main(&[
        ("others_get_theirs", || with(others_get_theirs)),
        ("a_project_has_users_of_its_own", || instances::with(instances::a_project_has_users_of_its_own)),
        ("buffers_of_tcp_are_bounded", || with(memory::buffers_of_tcp_are_bounded)),
        ("memory_and_swap_are_bounded", || instances::with(memory::memory_and_swap_are_bounded)),
        ("connections_are_bounded", || with(flows::connections_are_bounded)),
        ("disks_are_bounded", || instances::with(disk::disks_are_bounded)),
        ("disks_go_with_their_instances", || instances::with(disk::disks_go_with_their_instances)),
        ("a_full_host_is_told_before_it_is", disk::a_full_host_is_told_before_it_is),
        ("a_freeze_in_progress_delays_nobody", stuck::a_freeze_in_progress_delays_nobody),
        ("native_aio_is_a_setting", || instances::with(instances::native_aio_is_a_setting)),
    ])
}
