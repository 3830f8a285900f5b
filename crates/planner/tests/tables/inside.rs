//! What is seen of an instance that does not become ready.

use std::net::SocketAddr;

use dormouse_model::{Inspection, InstanceId, Process};
use dormouse_planner::{inspect_due, note_inspection};
use expect_test::{Expect, expect};

use crate::dsl::{NOW, situation};

#[track_caller]
fn due(what: &str, text: &str, want: &Expect) {
    let s = situation(text);
    let due: Vec<_> = inspect_due(&s.desired, &s.observed, NOW).iter().map(ToString::to_string).collect();
    eprintln!("{what}: {due:?}");
    want.assert_eq(&due.join(" "));
}

#[test]
fn who_is_looked_into() {
    due("very young", "web d1\ni1 web d1 starting started=-999ms", &expect![[""]]);
    due("young", "web d1\ni1 web d1 starting started=-1s", &expect!["i1"]);
    due("a moment ago", "web d1\ni1 web d1 starting started=-9s looked=-999ms", &expect![[""]]);
    due("again", "web d1\ni1 web d1 starting started=-9s looked=-1s", &expect!["i1"]);
    due("old", "web d1\ni1 web d1 starting started=-60s looked=-4s", &expect![[""]]);
    due("old, again", "web d1\ni1 web d1 starting started=-60s looked=-5s", &expect!["i1"]);
    due("ready", "web d1\ni1 web d1 running", &expect![[""]]);
    let trial = "web d2 live=d1 serves=gunicorn\ni1 web d1 running\ni2 web d2 starting started=-2s";
    due("ready, on trial", &format!("{trial} ready=-1s ok=-1s"), &expect!["i2"]);
    due("a worker", "web d1 worker\ni1 web d1 starting", &expect![[""]]);
    due("asleep", "web d1 live=d1\ni1 web d1 paged", &expect![[""]]);
    due("draining", "web d1\ni1 web d1 starting draining=-1s", &expect![[""]]);
}

fn look(listeners: &[&str], processes: &[(u32, u32, &str)]) -> Inspection {
    let process = |&(pid, parent, program): &(u32, u32, &str)| Process {
        pid,
        parent,
        program: program.to_owned(),
        argv: vec![],
    };
    Inspection {
        listeners: listeners.iter().map(|at| at.parse::<SocketAddr>().unwrap()).collect(),
        processes: processes.iter().map(process).collect(),
    }
}

#[test]
fn where_it_listens() {
    // Its own address is 10.9.1.64, its port 8000.
    for (listeners, astray) in [
        (&[][..], false),
        (&["0.0.0.0:8000"][..], false),
        (&["10.9.1.64:8000"][..], false),
        (&["[::]:8000"][..], false),
        (&["127.0.0.1:8000"][..], true),
        (&["[::1]:8000"][..], true),
        (&["0.0.0.0:5000"][..], true),
        (&["127.0.0.1:9000", "0.0.0.0:8000"][..], false),
    ] {
        let mut s = situation("web d1\ni1 web d1 starting");
        let i = s.observed.instances.get_mut(&InstanceId(1)).unwrap();
        let spec = &s.desired.services[&i.key].target.spec;
        note_inspection(i, spec, &look(listeners, &[]), NOW);
        assert_eq!(i.inside.astray_since, astray.then_some(NOW), "{listeners:?}");
        let later = NOW.after(std::time::Duration::from_secs(5));
        note_inspection(i, spec, &look(listeners, &[]), later);
        assert_eq!(i.inside.astray_since, astray.then_some(NOW), "{listeners:?}, later");
        note_inspection(i, spec, &look(&["0.0.0.0:8000"], &[]), later);
        assert_eq!(i.inside.astray_since, None);
    }
}

#[test]
fn workers_that_end() {
    let master = (10, 1, "python");
    for (what, looks, losses) in [
        (
            "a master and its workers",
            &[&[master, (11, 10, "python")][..], &[master, (11, 10, "python")]][..],
            0,
        ),
        ("one is replaced", &[&[master, (11, 10, "python")], &[master, (12, 10, "python")]], 1),
        ("again and again", &[&[master, (11, 10, "python")], &[master, (12, 10, "python")], &[master]], 2),
        ("all ended", &[&[master, (11, 10, "python")], &[]], 0),
        ("something else it ran", &[&[master, (11, 10, "git")], &[master]], 0),
        (
            "what a worker ran",
            &[
                &[master, (11, 10, "python"), (12, 11, "python")],
                &[master, (11, 10, "python"), (13, 11, "python")],
            ],
            0,
        ),
        (
            "behind a shell",
            &[&[(9, 1, "sh"), (10, 9, "python"), (11, 10, "python")], &[(9, 1, "sh"), (10, 9, "python")]],
            1,
        ),
    ] {
        let mut s = situation("web d1\ni1 web d1 starting");
        let i = s.observed.instances.get_mut(&InstanceId(1)).unwrap();
        let spec = &s.desired.services[&i.key].target.spec;
        for processes in looks {
            note_inspection(i, spec, &look(&["0.0.0.0:8000"], processes), NOW);
        }
        assert_eq!(i.inside.losses, losses, "{what}");
    }
}
