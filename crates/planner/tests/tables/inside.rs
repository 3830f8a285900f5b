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
    due("ready, on trial", &format!("{trial} ready=-1s ok=-1s looked=-1s"), &expect!["i2"]);
    let old = trial.replace("started=-2s", "started=-60s");
    due("also when that is long ago", &format!("{old} ready=-1s ok=-1s looked=-1s"), &expect!["i2"]);
    due("for the last time", &format!("{trial} ready=-5s ok=now looked=-100ms"), &expect!["i2"]);
    due("seen", &format!("{trial} ready=-5s ok=now looked=now"), &expect![[""]]);
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
        let svc = &s.desired.services[&i.key];
        note_inspection(i, svc, &look(listeners, &[]), NOW);
        assert_eq!(i.inside.astray_since, astray.then_some(NOW), "{listeners:?}");
        let later = NOW.after(std::time::Duration::from_secs(5));
        note_inspection(i, svc, &look(listeners, &[]), later);
        assert_eq!(i.inside.astray_since, astray.then_some(NOW), "{listeners:?}, later");
        note_inspection(i, svc, &look(&["0.0.0.0:8000"], &[]), later);
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
        let svc = &s.desired.services[&i.key];
        for processes in looks {
            note_inspection(i, svc, &look(&["0.0.0.0:8000"], processes), NOW);
        }
        assert_eq!(i.inside.losses, losses, "{what}");
    }
}

/// Bug: a version whose workers ended at what visitors asked, and were started again by their own server, was never gone back
/// from.
#[test]
fn a_worker_that_ends_in_a_request() {
    let live = "web d2 live=d2 replaced=d1\ni2 web d2 running looked=-9s";
    due("in peace", live, &expect![[""]]);
    due("an answer broke off", &format!("{live} broke=-1s"), &expect!["i2"]);
    due("before it was looked into", &format!("{live} broke=-10s"), &expect![[""]]);
    due("it has held", &format!("{} broke=-1s", live.replace(" replaced=d1", "")), &expect![[""]]);
    // Bug: one whose workers ended every six seconds, whoever asked, was never gone back from.
    let forks = live.replace("replaced=d1", "replaced=d1 serves=gunicorn").replace("-9s", "-5s");
    due("its server forks workers", &forks, &expect!["i2"]);
    due("a moment ago", &forks.replace("-5s", "-4s"), &expect![[""]]);
    let master = (10, 1, "python");
    for (what, text, pid, ended) in [
        ("its worker ends by itself", forks.clone(), 12, false),
        ("again and again", format!("{forks} lost=-11s"), 12, true),
        ("at long intervals", format!("{forks} lost=-16s"), 12, false),
        ("it was asked for something", format!("{forks} lost=-11s client=-1s"), 12, false),
        ("children of another server", format!("{live} lost=-11s"), 12, false),
        ("its worker is another now", format!("{live} broke=-1s"), 12, true),
        ("it is the same", format!("{live} broke=-1s"), 11, false),
        ("nobody missed it", live.to_owned(), 12, false),
        ("it has held", format!("{} broke=-1s", live.replace(" replaced=d1", "")), 12, false),
    ] {
        let mut s = situation(&text);
        let i = s.observed.instances.get_mut(&InstanceId(2)).unwrap();
        let (svc, earlier) = (&s.desired.services[&i.key], NOW.before(std::time::Duration::from_secs(9)));
        note_inspection(i, svc, &look(&["0.0.0.0:8000"], &[master, (11, 10, "python")]), earlier);
        let seen = look(&["0.0.0.0:8000"], &[master, (pid, 10, "python")]);
        assert_eq!(note_inspection(i, svc, &seen, NOW), ended, "{what}");
    }
}

/// Bug: an app with jobs in processes of its own, which end as they should, could not be deployed again.
#[test]
fn whose_children_are_workers() {
    for (argv, forks) in [
        (&["gunicorn: master [app:app]"][..], true),
        (&["python", "-m", "gunicorn", "app:app"][..], true),
        (&["uvicorn", "main:app", "--workers", "4"][..], true),
        (&["uvicorn", "main:app", "--workers=4"][..], true),
        (&["uvicorn", "main:app"][..], false),
        (&["flask", "run"][..], false),
        (&["python", "app.py"][..], false),
    ] {
        let mut s = situation("web d1\ni1 web d1 starting");
        let i = s.observed.instances.get_mut(&InstanceId(1)).unwrap();
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        let seen = Inspection {
            listeners: vec![],
            processes: vec![Process { pid: 10, parent: 1, program: "python".to_owned(), argv }],
        };
        note_inspection(i, &s.desired.services[&i.key], &seen, NOW);
        assert_eq!(i.inside.forks, forks, "{seen:?}");
    }
}
