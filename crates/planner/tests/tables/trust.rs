//! A version that took the place of another, and does not hold.

use expect_test::expect;

use crate::check;

/// Bug: a version that ended eight seconds after each of its starts replaced the one that worked, for good.
#[test]
fn what_keeps_ending_gives_its_place_back() {
    let live = "web d2 live=d2 replaced=d1";
    let twice = "end web d2 -15s code:3 ready-for=8s
         end web d2 -6s code:3 ready-for=8s";
    let thrice = format!("{twice}\n end web d2 -1s code:3 ready-for=8s");
    check("twice may be chance", &format!("{live} since=-30s\n{twice}"), &expect!["start shop/web d2"]);
    check(
        "three times are not",
        &format!("{live} since=-30s\n{thrice}"),
        &expect!["roll back shop/web d2 to d1: exited with code 3 (3 times); start shop/web d1"],
    );
    check(
        "workers that its own server starts again",
        &format!(
            "{live} since=-30s\ni2 web d2 running ready=-31s
             end web d2 -15s lost-worker
             end web d2 -6s lost-worker
             end web d2 -1s lost-worker"
        ),
        &expect![
            "roll back shop/web d2 to d1: a worker process ended (3 times); start shop/web d1; drain shop/web i2"
        ],
    );
    check(
        "nor a start that never became ready again",
        &format!("{live} since=-130s\nend web d2 -1s never-ready"),
        &expect!["roll back shop/web d2 to d1: not ready in time; start shop/web d1"],
    );
    check(
        "the one before served on meanwhile, for its open pages",
        &format!("{live} since=-30s\ni1 web d1 running draining=-20s connections=1\n{thrice}"),
        &expect!["roll back shop/web d2 to d1: exited with code 3 (3 times); start shop/web d1"],
    );
    check(
        "the one before did not work either",
        &format!(
            "{live} since=-30s\n{thrice}
             end web d1 -50s code:1
             end web d1 -45s code:1
             end web d1 -40s code:1"
        ),
        &expect!["nothing"],
    );
    check(
        "a newer one is on its way, and stays so",
        &format!("web d3 live=d2 replaced=d1 since=-30s\ni3 web d3 starting\n{thrice}"),
        &expect!["roll back shop/web d2 to d1: exited with code 3 (3 times); start shop/web d1"],
    );
    // Bug: two bad versions one soon after the other lost the one that worked for good.
    check(
        "the one before did not, but the one before that held",
        "web d3 live=d3 replaced=d2 trusted=d1 since=-30s
         end web d3 -15s code:3 ready-for=8s
         end web d3 -6s code:3 ready-for=8s
         end web d3 -1s code:3 ready-for=8s
         end web d2 -50s code:1
         end web d2 -45s code:1
         end web d2 -40s code:1",
        &expect!["roll back shop/web d3 to d1: exited with code 3 (3 times); start shop/web d1"],
    );
    check("there was none before", &format!("web d2 live=d2\n{thrice}"), &expect!["nothing"]);
}

#[test]
fn what_holds_for_five_minutes_is_trusted() {
    check(
        "not yet",
        "web d2 live=d2 replaced=d1 since=-299s
         i2 web d2 running client=now",
        &expect!["nothing"],
    );
    check(
        "now",
        "web d2 live=d2 replaced=d1 since=-300s
         i2 web d2 running client=now",
        &expect!["settle shop/web d2"],
    );
    check(
        "whatever it does later",
        "web d2 live=d2 replaced=d1 since=-10m
         end web d2 -15s code:3 ready-for=8s
         end web d2 -6s code:3 ready-for=8s
         end web d2 -1s code:3 ready-for=8s",
        &expect!["settle shop/web d2"],
    );
}
