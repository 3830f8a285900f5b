//! Builds for real: sandboxes, a mirror and package indexes. Needs root and a network; says so and passes where
//! root is missing.
//!
//! Without the usual harness, because a sandbox begins as a re-execution of this very program.
#![allow(clippy::print_stdout, missing_docs)]

mod bench;
mod python;
mod rust;
mod sharing;

use std::{process::ExitCode, sync::Arc, time::Instant};

use bench::Bench;

/// Run each test on its own, so that what a failed one leaves is cleared away too.
macro_rules! run {
    ($bench:ident, $($module:ident::$test:ident),* $(,)?) => {{
        let (mut passed, mut failed) = (0, 0);
        $(
            let name = concat!(stringify!($module), "::", stringify!($test));
            if std::env::args().skip(1).all(|a| a.starts_with('-') || name.contains(&a)) {
                let (bench, started) = ($bench.clone(), Instant::now());
                let ok = tokio::spawn(async move { $module::$test(&bench).await }).await.is_ok();
                let end = if ok { "ok" } else { "FAILED" };
                println!("test {name} ... {end} ({:.1} s)", started.elapsed().as_secs_f64());
                passed += u8::from(ok);
                failed += u8::from(!ok);
            }
        )*
        (passed, failed)
    }};
}

fn main() -> ExitCode {
    dormouse_runtime::become_sandbox_if_asked();
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return ExitCode::SUCCESS;
    }
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let bench = Arc::new(Bench::new(dir.path()).await);
        let (passed, failed) = run!(
            bench,
            python::hello_becomes_an_image_and_a_change_reinstalls_nothing,
            python::what_is_written_reaches_the_image_and_secrets_do_not,
            python::setup_py_and_commands_of_ones_own_install,
            python::a_requirement_that_does_not_exist_is_explained,
            python::a_build_over_its_memory_limit_is_told_so,
            python::a_build_over_its_disk_is_told_so,
            python::a_cancelled_build_leaves_nothing_and_frees_its_lock,
            sharing::equal_dependencies_are_installed_and_kept_once,
            sharing::what_saw_the_source_stays_with_its_project,
            sharing::a_layer_that_two_want_is_made_by_one,
            rust::hello_becomes_an_image_and_only_what_changed_is_compiled,
            rust::a_package_among_others_is_built_with_the_lock_beside_it,
            rust::an_error_of_the_compiler_is_told_with_its_place,
            rust::compiling_over_its_memory_limit_is_told_so,
            rust::cancelled_while_compiling_it_starts_again_well,
            rust::without_a_toolchain_that_is_new_enough_it_says_so,
            rust::debians_own_compiles_what_is_old_enough_for_it,
        );
        bench.network.tear_down().await.unwrap();
        println!("{passed} passed, {failed} failed");
        ExitCode::from(failed.min(1))
    })
}
