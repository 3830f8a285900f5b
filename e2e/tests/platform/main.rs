//! The platform as its users meet it: the real binary, real packages, a real browser.
//!
//! One server serves all of it, as one would serve all of your projects, and the tests run one after the other. It needs
//! root (sandboxes, networks) and the package registries; without root each test is ignored.
#![allow(missing_docs, reason = "a test")]
#![allow(clippy::print_stdout, reason = "figures are told")]

mod activity;
mod broken;
mod clients;
mod finrag;
mod full_disk;
mod handover;
mod healing;
mod interrupted;
mod isolation;
mod jobs;
mod late;
mod many;
mod readiness;
mod readme;
mod replicas;
mod sleeping;
mod supervisors;
mod survival;
mod toolbox;
mod upgrade;

use std::{process::ExitCode, sync::Arc};

use dormouse_e2e::Server;
use dormouse_trials::{Trials, lacks_root};

/// A test with the shared server.
type Test = fn(&Server);

const TESTS: &[(&str, Test)] = &[
    ("a_folder_without_a_manifest_becomes_a_url", toolbox::no_manifest_needed),
    ("a_second_deploy_reinstalls_nothing", toolbox::second_deploy_is_cached),
    ("equal_dependencies_are_shared", toolbox::equal_dependencies_are_shared),
    ("a_deploy_under_load_drops_no_request", toolbox::deploy_drops_no_request),
    ("an_app_trusts_whom_the_host_trusts", toolbox::trust),
    ("logs_are_kept_and_followed", toolbox::logs),
    ("an_app_sleeps_and_wakes_with_its_memory", sleeping::remembers),
    ("an_idle_app_falls_asleep_by_itself", sleeping::by_itself),
    ("a_silent_websocket_sleeps_and_its_next_frame_wakes", sleeping::websocket),
    ("a_late_word_reaches_who_listens", late::words),
    ("a_call_to_a_sleeping_backend_wakes_it", sleeping::callee_wakes),
    ("a_callee_is_not_frozen_in_its_answer", sleeping::callee_answers),
    ("a_request_in_flight_keeps_it_awake", sleeping::in_flight),
    ("what_works_is_not_frozen", activity::what_works_is_not_frozen),
    ("the_browser_session_survives_sleep", sleeping::browser),
    ("supervisors_lose_no_worker", supervisors::quick),
    ("killing_control_fails_no_request", survival::kill_control),
    ("a_deploy_goes_on_though_control_was_killed", interrupted::goes_on),
    ("killing_control_starts_nothing_twice", survival::nothing_twice),
    ("a_sleeping_service_wakes_though_control_was_killed", survival::wake_after_kill),
    ("the_edge_comes_back", survival::kill_edge),
    ("what_hangs_is_replaced", survival::hung),
    ("a_killed_edge_refuses_no_call_between_services", survival::calls_over_kills),
    ("a_killed_parent_loses_nothing", survival::kill_parent),
    ("a_restarted_server_loses_no_app", survival::restart),
    ("a_successor_takes_over_unnoticed", handover::under_way),
    ("a_broken_successor_disturbs_nobody", handover::broken_successor),
    ("a_hand_over_survives_deaths", handover::deaths),
    ("a_killed_parent_cuts_no_websocket", handover::orphaned_websocket),
    ("a_service_manager_learns_who_serves", handover::service_manager),
    ("two_projects_cannot_reach_each_other", isolation::projects),
    ("metadata_and_host_are_out_of_reach", isolation::host),
    ("root_inside_is_nobody_outside", isolation::identity),
    ("a_fork_bomb_hurts_only_itself", isolation::fork_bomb),
    ("an_oom_is_named_and_hurts_only_itself", isolation::oom),
    ("several_instances_serve_as_one", replicas::replicas),
    ("a_crash_is_healed", healing::crash),
    ("a_crash_loop_is_shown_with_its_last_words", healing::crash_loop),
    ("a_busy_app_is_not_killed", healing::busy),
    ("a_broken_manifest_points_at_the_line", broken::manifest),
    ("a_failing_build_keeps_the_old_version", broken::build),
    ("a_port_never_opened_is_an_error", broken::port),
    ("a_broken_flask_app_replaces_nothing", readiness::flask),
    ("nor_one_that_only_its_requirements_or_its_procfile_tell", readiness::found),
    ("a_broken_django_project_replaces_nothing", readiness::django),
    ("workers_that_keep_ending_replace_nothing", readiness::workers),
    ("an_app_that_listens_elsewhere_is_told_so", readiness::elsewhere),
    ("a_job_runs_before_what_waits_for_it", jobs::compose),
    ("an_unknown_host_gets_a_helpful_page", broken::unknown_host),
    ("finrag_answers_sleeps_and_remembers", finrag::finrag),
];

/// Tests that bring a server of their own.
const ALONE: &[(&str, fn())] = &[
    ("finrag_s_manifest_is_the_one_tested", finrag::manifest_is_the_apps),
    ("two_servers_live_side_by_side", survival::two_servers),
    ("a_full_disk_is_an_error_and_no_disaster", full_disk::full_disk),
    ("the_readme_s_first_command_from_a_fresh_clone", readme::first_command),
];

/// Tests that take too long for every change: `scripts/test --long` runs them. Each brings a server of its own.
const LONG: &[(&str, fn())] = &[
    ("supervisors_lose_no_worker_in_twenty_sleeps_of_45_s", supervisors::longer_than_their_timeouts),
    ("supervisors_lose_no_worker_in_five_sleeps_of_10_minutes", supervisors::ten_minutes),
    ("deploys_survive_twenty_four_kills", interrupted::twenty_four_kills),
    ("seventy_projects_and_one_more", many::seventy_projects),
    ("the_usual_clients_sleep_only_between_their_calls", clients::clients),
    ("the_last_release_hands_over_to_this_one", upgrade::from_the_last_release),
];

/// Whether the long tests were asked for.
fn long() -> bool {
    std::env::var_os("DORMOUSE_LONG").is_some_and(|v| v == "1")
}

fn main() -> ExitCode {
    let mut trials = Trials::new(lacks_root());
    let server = trials.will_run().then(|| {
        // A folder that is kept saves whoever works on one test from building all of its services each time.
        let kept = std::env::var_os("DORMOUSE_E2E_STATE");
        Arc::new(kept.map_or_else(Server::start, |folder| Server::start_in(folder.as_ref())))
    });
    for (name, test) in TESTS {
        let server = server.clone();
        trials.add(name, move || test(&server.expect("one serves where tests run")));
    }
    for (name, test) in ALONE {
        trials.add(name, test);
    }
    for (name, test) in LONG {
        trials.add_long(long(), name, test);
    }
    let has_failed = trials.run();
    if let Some(server) = server {
        if has_failed {
            eprintln!("--- what the server wrote ---\n{}", server.log());
        }
        // The clean stop is part of what is tested.
        Arc::into_inner(server).expect("every test has ended").stop();
    }
    ExitCode::from(u8::from(has_failed))
}
