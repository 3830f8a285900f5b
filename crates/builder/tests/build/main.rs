//! Builds for real: sandboxes, a mirror and package indexes. Needs root and a network; ignored where
//! root is missing.
//!
//! Without the usual harness, because a sandbox begins as a re-execution of this very program.
#![allow(clippy::print_stdout, missing_docs)]

mod bench;
mod python;
#[path = "../support/registry.rs"]
mod registry;
mod relay;
mod rust;
mod sharing;

use std::{process::ExitCode, sync::Arc};

use bench::Bench;
use dormouse_trials::Trials;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// What all of them share.
struct Shared {
    runtime: Runtime,
    bench: Arc<Bench>,
    _dir: TempDir,
}

impl Shared {
    fn new() -> Self {
        let (runtime, dir) = (Runtime::new().unwrap(), tempfile::tempdir().unwrap());
        let bench = Arc::new(runtime.block_on(Bench::new(dir.path())));
        Self { runtime, bench, _dir: dir }
    }
}

/// Each as a task of its own, so that what a failed one leaves is cleared away too.
macro_rules! add {
    ($trials:ident, $shared:ident, $($module:ident::$test:ident),* $(,)?) => {$({
        let shared = $shared.clone();
        $trials.add(concat!(stringify!($module), "::", stringify!($test)), move || {
            let shared = shared.expect("made where tests run");
            let bench = shared.bench.clone();
            let test = shared.runtime.spawn(async move { $module::$test(&bench).await });
            shared.runtime.block_on(test).unwrap();
        });
    })*};
}

fn main() -> ExitCode {
    dormouse_runtime::become_sandbox_if_asked();
    let mut trials = Trials::new(dormouse_trials::lacks_root());
    let shared = trials.will_run().then(|| Arc::new(Shared::new()));
    add!(
        trials,
        shared,
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
        relay::python_packages_come_with_credentials_that_nobody_finds,
        relay::pip_npm_and_apt_come_with_credentials_that_nobody_finds,
        relay::crates_come_with_a_token_that_nobody_finds,
        rust::hello_becomes_an_image_and_only_what_changed_is_compiled,
        rust::a_package_among_others_is_built_with_the_lock_beside_it,
        rust::an_error_of_the_compiler_is_told_with_its_place,
        rust::compiling_over_its_memory_limit_is_told_so,
        rust::cancelled_while_compiling_it_starts_again_well,
        rust::without_a_toolchain_that_is_new_enough_it_says_so,
        rust::debians_own_compiles_what_is_old_enough_for_it,
    );
    let has_failed = trials.run();
    if let Some(shared) = shared {
        shared.runtime.block_on(shared.bench.network.tear_down()).unwrap();
    }
    ExitCode::from(u8::from(has_failed))
}
