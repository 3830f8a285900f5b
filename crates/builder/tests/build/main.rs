//! Builds for real: sandboxes, a mirror and package indexes. Needs root and a network; says so and passes where
//! either is missing.
//!
//! Without the usual harness, because a sandbox begins as a re-execution of this very program.
#![allow(clippy::print_stdout, missing_docs)]

mod bench;
mod python;

use std::time::Instant;

use bench::Bench;

fn main() {
    dormouse_runtime::become_sandbox_if_asked();
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return;
    }
    let only: Option<String> = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|o| name.contains(o));
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let bench = Bench::new(dir.path()).await;
        macro_rules! tests {
            ($($module:ident::$test:ident),* $(,)?) => {$(
                if wanted(concat!(stringify!($module), "::", stringify!($test))) {
                    let started = Instant::now();
                    Box::pin($module::$test(&bench)).await;
                    println!("test {}::{} ... ok ({:.1} s)", stringify!($module), stringify!($test), started.elapsed().as_secs_f64());
                }
            )*};
        }
        tests!(
            python::hello_becomes_an_image_and_a_change_reinstalls_nothing,
            python::a_requirement_that_does_not_exist_is_explained,
            python::a_build_over_its_memory_limit_is_told_so,
            python::a_cancelled_build_leaves_nothing_and_frees_its_lock,
        );
        bench.network.tear_down().await.unwrap();
    });
}
