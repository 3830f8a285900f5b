//! A situation, written in a few words.
//!
//! ```text
//! web d2 live=d1 sleep=5m wake=-3s needs=api      a service of project `shop`
//! i1 web d1 running ready=-1h inflight=1          one of its instances
//! web d2 live=d1 replicas=3                       both have three instances
//! web d2 live=d1 replicas=3 had=1                 the earlier one has one
//! web d2 live=d2 replaced=d1 since=-1m            d2 has been live for a minute, in the place of d1
//!                                trusted=d0       which had not yet held for long, unlike d0
//! migrate d3 live=d2 job deploy=2                a job of deploy 2; what is live is of deploy 1
//! web d2 live=d1 job was=web                      a job, which was none before
//! end web d1 -3s code:1                           an earlier unasked-for end; started=-60s: of what was started then
//! watchdog web d1 25s                             it may be frozen for so long at a time
//! pinger web d1 12s                               the same, while a page is open
//! answered web d1 /up 200                         what d1 answered to GET /up last; `loop` is a redirect to it
//! no-swap
//! no-freezer                                        nothing sleeps with its memory
//! ```
//! `d2<d1` is deployment 2, which goes on with the process of deployment 1.
//! Times are relative to now. What is not said: idle time 5 min, paged, started and ready an hour ago, last probe just
//! now, looked at just now and a second ago and found to do nothing by itself, looked into just now if it is ready.

use std::time::Duration;

use dormouse_model::{
    Activity, Answer, Answered, Ask, Call, Cause, Demand, DeployId, Deployment, DeploymentId, Depth, Depths,
    Desired, DesiredService, End, ExitStatus, HealthSpec, ImageId, Inside, InstanceId, InstanceRecord,
    Limits, Nap, Observed, Phase, Probe, Refusal, ServiceKey, ServiceKind, ServiceSpec, Sighting,
    SleepPolicy, Stir, StopReason, Streams, Time, Traffic, Verdict, Visibility, Watchdog, Worked,
};

pub(crate) const NOW: Time = Time(1_000_000_000);

#[derive(Default)]
pub(crate) struct Situation {
    pub(crate) desired: Desired,
    pub(crate) observed: Observed,
}

pub(crate) fn situation(text: &str) -> Situation {
    let mut s = Situation::default();
    s.desired.depths = Depths::ALL;
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["no-swap"] => s.desired.depths = Depths::RESIDENT,
            ["no-freezer"] => s.desired.depths = Depths::NONE,
            ["end", service, deployment, at, how, rest @ ..] => {
                let end = End {
                    deployment: DeploymentId(number(deployment)),
                    at: time(at),
                    how: cause(how),
                    ready_for: rest.iter().find_map(|r| r.strip_prefix("ready-for=")).map(span),
                    started_at: rest.iter().find_map(|r| r.strip_prefix("started=")).map(time),
                    detail: how.strip_prefix("never-ready:").map(|d| d.replace('_', " ")),
                };
                s.observed.ends.or_default(&key(service)).push(end);
            }
            ["answered", service, deployment, path, status] => {
                let deployment = DeploymentId(number(deployment));
                let loops = *status == "loop";
                let status = if loops { 302 } else { status.parse().unwrap() };
                let answer = Answered { deployment, path: (*path).to_owned(), status, loops, at: NOW };
                s.observed.answers.or_default(&key(service)).push(answer);
            }
            ["watchdog", service, deployment, limit, rest @ ..] => {
                let slept = span("10m");
                let seen = Sighting::Restarts { slept, processes: 2, done: 0, ran: Duration::ZERO };
                let deployment = DeploymentId(number(deployment));
                let mut watchdog = Watchdog {
                    deployment,
                    seen,
                    at: time("-1h"),
                    verdict: Verdict::Shown,
                    limit: span(limit),
                };
                for word in rest {
                    match *word {
                        "puma" => watchdog.seen = Sighting::Puma,
                        "suspected" => watchdog.verdict = Verdict::Suspected,
                        "refuted" => watchdog.verdict = Verdict::Refuted,
                        at => watchdog.at = time(at.strip_prefix("at=").unwrap()),
                    }
                }
                s.observed.watchdogs.insert(key(service), watchdog);
            }
            ["pinger", service, deployment, limit] => {
                let seen = Sighting::Cut { slept: span("10m"), pings: Some(span("25s")) };
                let deployment = DeploymentId(number(deployment));
                let at = time("-1h");
                let pinger = Watchdog { deployment, seen, at, verdict: Verdict::Shown, limit: span(limit) };
                s.observed.pingers.insert(key(service), pinger);
            }
            [id, service, deployment, phase, rest @ ..] if numbered(id, 'i') => {
                let record = instance(number(id), service, number(deployment), phase, rest);
                s.observed.instances.insert(record.id, record);
            }
            [service, deployment, rest @ ..] => {
                let svc = desired(service, deployment, rest);
                s.desired.services.insert(svc.key.clone(), svc);
            }
            other => panic!("what is {other:?}?"),
        }
    }
    s
}

fn desired(service: &str, target: &str, words: &[&str]) -> DesiredService {
    let mut spec = ServiceSpec {
        name: service.parse().unwrap(),
        kind: ServiceKind::Web,
        source: ".".to_owned(),
        start: None,
        package: None,
        requirements: None,
        install: Vec::new(),
        workdir: None,
        origins: dormouse_model::Origins::default(),
        port: 8000,
        health: HealthSpec { ask: Ask::Connection, ..HealthSpec::default() },
        replicas: 1,
        needs: [].into(),
        after: [].into(),
        limits: Limits { memory: mib("512"), ..Limits::default() },
        env: [].into(),
        stored: [].into(),
        visibility: Visibility::Public,
        sleep: SleepPolicy::default(),
        stop_grace: Duration::from_secs(30),
        packages: [].into(),
        left_out: [].into(),
        include: [].into(),
        aliases: [].into(),
    };
    let (mut live, mut demand, mut needs, mut created) = (None, Demand::default(), vec![], time("-2h"));
    let (mut after, mut deploy, mut was) = (vec![], DeployId(1), None);
    let mut had = None;
    let (mut replaced, mut trusted, mut since) = (None, None, time("-10s"));
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("live", v) => live = Some(v),
            ("replaced", v) => replaced = Some(v),
            ("trusted", v) => trusted = Some(v),
            ("since", v) => since = time(v),
            ("replicas", v) => spec.replicas = v.parse().unwrap(),
            ("memory", v) => spec.limits.memory = mib(v),
            ("sleep", "never") => spec.sleep.after = None,
            ("sleep", v) => spec.sleep.after = Some(span(v)),
            ("depth", v) => spec.sleep.depth = depth(v),
            ("streams", "ignore") => spec.sleep.streams = Streams::Ignore,
            ("patience", v) => spec.sleep.patience = span(v),
            ("page", v) => {
                spec.health.ask = Ask::Auto { route: None, page: v.to_owned() };
            }
            ("route", v) => {
                spec.health.ask = Ask::Auto { route: Some(v.to_owned()), page: "/".to_owned() };
            }
            // Unless it says so, nothing is known of it but that it listens.
            ("serves", v) => {
                spec.health.ask = Ask::default();
                spec.health.started_by(&v.split('+').map(str::to_owned).collect::<Vec<_>>());
            }
            ("asks", v) => spec.health.ask = Ask::Path(v.to_owned()),
            ("compose", v) => spec.origins.compose = Some(v.to_owned()),
            ("worker", _) => spec.kind = ServiceKind::Worker,
            ("job", _) => spec.kind = ServiceKind::Job,
            ("had", v) => had = v.parse().ok(),
            ("was", "web") => was = Some(ServiceKind::Web),
            ("after", v) => after.extend(v.split(',').map(key)),
            ("deploy", v) => deploy = DeployId(v.parse().unwrap()),
            ("created", v) => created = time(v),
            ("wake", v) => demand.wake_at = Some(time(v)),
            ("slept", v) => demand.sleep_at = Some(time(v)),
            ("needs", v) => needs.extend(v.split(',').map(key)),
            other => panic!("what is {other:?}?"),
        }
    }
    let deployment = |id: &str| Deployment {
        id: DeploymentId(number(id.split('<').next().unwrap())),
        deploy: if id == target { deploy } else { DeployId(1) },
        continues: id.split_once('<').map(|(_, earlier)| DeploymentId(number(earlier))),
        image: ImageId("sha256:aa".into()),
        spec: spec.clone().into(),
        created_at: created,
    };
    DesiredService {
        key: key(service),
        target: deployment(target),
        live: live.map(deployment).map(|mut live| {
            let kind = was.unwrap_or(live.spec.kind);
            let spec = std::sync::Arc::make_mut(&mut live.spec);
            (spec.kind, spec.replicas) = (kind, had.unwrap_or(spec.replicas));
            live
        }),
        replaced: replaced.map(deployment).map(|before| dormouse_model::Replaced {
            deployment: before,
            at: since,
            trusted: trusted.map(deployment),
        }),
        demand,
        needs: needs.into_iter().collect(),
        after: after.into_iter().collect(),
    }
}

fn instance(id: u64, service: &str, deployment: u64, phase: &str, words: &[&str]) -> InstanceRecord {
    let mut i = InstanceRecord {
        id: InstanceId(id),
        key: key(service),
        deployment: DeploymentId(deployment),
        limits: Limits { memory: mib("512"), ..Limits::default() },
        addr: [10, 9, 1, 63 + u8::try_from(id).unwrap()].into(),
        phase: match phase {
            "starting" | "running" => Phase::Running,
            "exited" => Phase::Exited(ExitStatus::Code(1)),
            depth_ => Phase::Asleep(depth(depth_)),
        },
        started_at: time("-1h"),
        woken_at: None,
        slept_at: None,
        asleep_since: None,
        worked: None,
        draining_since: None,
        exited_at: (phase == "exited").then_some(NOW),
        probe: Probe { last_at: Some(NOW), ..Probe::default() },
        traffic: Traffic::default(),
        inside: Inside::default(),
        activity: Some(Activity { at: NOW, cpu: Duration::ZERO, calls: vec![], naps: vec![] }),
        earlier: Some(Activity { at: time("-1s"), cpu: Duration::ZERO, calls: vec![], naps: vec![] }),
        beats: None,
        silence: None,
        stirred: None,
    };
    if phase == "starting" {
        i.started_at = time("-1s");
    } else {
        i.probe.ready_at = Some(time("-1h"));
    }
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("memory", v) => i.limits.memory = mib(v),
            ("started", v) => i.started_at = time(v),
            ("ready", "forgotten") => i.probe.ready_at = None,
            ("ready", v) => i.probe.ready_at = Some(time(v)),
            ("woken", v) => i.woken_at = Some(time(v)),
            ("slept", v) => i.slept_at = Some(time(v)),
            ("fell", v) => i.asleep_since = Some(time(v)),
            ("worked", v) => i.worked = Some(Worked { at: time(v), share: 500 }),
            ("draining", v) => i.draining_since = Some(time(v)),
            ("inflight", v) => i.traffic.in_flight += v.parse::<u32>().unwrap(),
            ("calls", v) => {
                i.traffic.calls = v.parse().unwrap();
                i.traffic.in_flight += i.traffic.calls;
            }
            ("answers", v) => i.traffic.answers = v.parse().unwrap(),
            ("messages", v) => i.traffic.messages = v.parse().unwrap(),
            ("broke", v) => i.traffic.broke_off = Some(time(v)),
            ("event", v) => i.traffic.last_event = Some(time(v)),
            ("unseen", _) => (i.activity, i.earlier) = (None, None),
            ("seen", v) => {
                let (last, before) = v.split_once(',').unwrap_or((v, ""));
                i.activity.as_mut().unwrap().at = time(last);
                i.earlier =
                    i.earlier.filter(|_| !before.is_empty()).map(|e| Activity { at: time(before), ..e });
            }
            ("cpu", v) => i.activity.as_mut().unwrap().cpu = span(v),
            // Begun then, and asleep by the clock in so many looks.
            ("nap", v) => {
                let (begun, looks) = v.split_once(',').unwrap();
                let nap = Nap { thread: 7, begun: time(begun) };
                i.activity.as_mut().unwrap().naps.push(nap);
                if looks == "2" {
                    i.earlier.as_mut().unwrap().naps.push(nap);
                }
            }
            // Threads that beat time when nobody is there.
            ("beats", v) => {
                i.beats = Some(v.split(',').filter(|t| *t != "none").map(|t| t.parse().unwrap()).collect());
            }
            ("silence", v) => i.silence = Some(span(v)),
            ("call", v) => i.activity.as_mut().unwrap().calls.push(call(v)),
            ("stirred", v) => {
                let (at, in_a_row) = v.split_once(',').unwrap_or((v, "0"));
                i.stirred = Some(Stir { at: time(at), in_a_row: in_a_row.parse().unwrap() });
            }
            ("connections", v) => i.traffic.connections = v.parse().unwrap(),
            ("private", v) => i.traffic.private = v.parse().unwrap(),
            ("client", v) => i.traffic.last_client_byte = Some(time(v)),
            ("answered", v) => i.traffic.last_instance_byte = Some(time(v)),
            ("failures", v) => i.probe.failures = v.parse().unwrap(),
            ("refused", _) => i.probe.last = Some(Answer::Refused),
            ("silent", _) => i.probe.last = Some(Answer::Silent),
            ("cut", _) => i.probe.last = Some(Answer::Cut),
            ("status", v) => {
                i.probe.status = v.parse().ok();
                i.probe.last = i.probe.status.map(Answer::Status);
            }
            ("failed", v) => i.probe.failed_at = Some(time(v)),
            ("found", v) => i.probe.found_at = Some(time(v)),
            ("refuses", v) => {
                let host = "shop.localhost:8080".to_owned();
                let (at, since) = v.split_once(',').unwrap_or((v, v));
                i.probe.refuses = Some(Refusal {
                    at: time(at),
                    since: time(since),
                    over: time(at) != NOW,
                    host,
                    path: "/".to_owned(),
                    answer: Answer::Status(i.probe.status.unwrap_or(400)),
                    before: 200,
                    remembered: false,
                });
            }
            ("speaks", v) => i.probe.speaks_http = Some(v == "http"),
            ("listens", v) => {
                i.inside.listeners = v.split(',').map(|at| at.parse().unwrap()).collect();
            }
            ("astray", v) => i.inside.astray_since = Some(time(v)),
            ("looked", v) => i.inside.looked_at = Some(time(v)),
            ("forks", _) => i.inside.forks = true,
            ("lost", v) => i.inside.lost_at = Some(time(v)),
            ("killed", v) => {
                let (n, at) = v.split_once(',').unwrap();
                i.inside.killed = n.parse().unwrap();
                i.inside.killed_at = Some(time(at));
            }
            ("losses", v) => i.inside.losses = v.parse().unwrap(),
            ("ok", v) => i.probe.last_ok = Some(time(v)),
            ("probed", "never") => i.probe.last_at = None,
            ("probed", v) => i.probe.last_at = Some(time(v)),
            other => panic!("what is {other:?}?"),
        }
    }
    i.inside.looked_at = i.inside.looked_at.or(i.probe.ready_at.map(|_| NOW));
    i
}

/// `<to>,<last bytes sent>,<last bytes received>`, and what else is known of it.
fn call(text: &str) -> Call {
    let words: Vec<&str> = text.split(',').collect();
    let when = |word: &str| (word != "never").then(|| time(word));
    let mut call = Call {
        to: words[0].parse().unwrap(),
        sent: when(words[1]),
        received: when(words[2]),
        segments_sent: 1,
        round_trip: Duration::from_millis(30),
        awaited: false,
    };
    for word in &words[3..] {
        match word.split_once(':').unwrap_or((word, "")) {
            ("awaited", _) => call.awaited = true,
            ("segments", v) => call.segments_sent = v.parse().unwrap(),
            other => panic!("what is {other:?}?"),
        }
    }
    call
}

pub(crate) fn key(service: &str) -> ServiceKey {
    format!("shop/{service}").parse().unwrap()
}

fn numbered(word: &str, prefix: char) -> bool {
    word.strip_prefix(prefix).is_some_and(|n| n.parse::<u64>().is_ok())
}

fn number(word: &str) -> u64 {
    word[1..].parse().unwrap_or_else(|_| panic!("`{word}` has no number"))
}

fn time(word: &str) -> Time {
    if word == "now" {
        return NOW;
    }
    let ago = span(word.strip_prefix('-').unwrap_or_else(|| panic!("`{word}` is not in the past")));
    Time(NOW.0 - u64::try_from(ago.as_millis()).unwrap())
}

fn mib(word: &str) -> u64 {
    word.parse::<u64>().unwrap() << 20
}

pub(crate) fn span(word: &str) -> Duration {
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let n: u64 = word[..word.len() - unit.len()].parse().unwrap_or_else(|_| panic!("`{word}` is no time"));
    match unit {
        "ms" => Duration::from_millis(n),
        "s" => Duration::from_secs(n),
        "m" => Duration::from_secs(60 * n),
        "h" => Duration::from_secs(3600 * n),
        _ => panic!("`{word}` is no time"),
    }
}

fn depth(word: &str) -> Depth {
    match word {
        "frozen" => Depth::Frozen,
        "paged" => Depth::Paged,
        "stopped" => Depth::Stopped,
        _ => panic!("`{word}` is no depth"),
    }
}

fn cause(word: &str) -> Cause {
    match word.split_once(':').unwrap_or((word, "")) {
        ("code", n) => Cause::Exited(ExitStatus::Code(n.parse().unwrap())),
        ("signal", n) => Cause::Exited(ExitStatus::Signal(n.parse().unwrap())),
        ("oom", _) => Cause::Exited(ExitStatus::OutOfMemory),
        ("lost", _) => Cause::Exited(ExitStatus::Lost),
        ("lost-worker", _) => Cause::LostWorker,
        ("never-ready", _) => Cause::Stopped(StopReason::NeverReady),
        ("unhealthy", _) => Cause::Stopped(StopReason::Unhealthy),
        ("not-started", why) => Cause::NotStarted { why: why.to_owned() },
        other => panic!("what is {other:?}?"),
    }
}
