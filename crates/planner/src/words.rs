//! How things are said to people.

use std::{net::SocketAddr, time::Duration};

use dormouse_model::{
    Answer, Ask, Cause, Depth, End, ExitStatus, InstanceRecord, Question, Serves, ServiceKind, ServiceSpec,
    StopReason, Time, server, size,
};

use crate::{awake::Awake, inside, span::span, trial};

/// A depth, one word.
pub(crate) fn depth(depth: Depth) -> &'static str {
    match depth {
        Depth::Frozen => "frozen",
        Depth::Paged => "paged",
        Depth::Stopped => "stopped",
    }
}

/// Why an instance is stopped, a few words.
#[must_use]
pub fn stop(why: StopReason) -> &'static str {
    match why {
        StopReason::Replaced => "another deployment serves",
        StopReason::Surplus => "another instance serves",
        StopReason::Removed => "its service is gone",
        StopReason::Idle => "idle",
        StopReason::NeverReady => "not ready in time",
        StopReason::Unhealthy => "fails its health checks",
        StopReason::Hung => "hung",
    }
}

/// What keeps an instance awake, a few words: `waits for an answer from backend:8000, for 25 s`. `name` says who is
/// behind an address.
#[must_use]
pub fn awake(why: &Awake, now: Time, name: impl Fn(SocketAddr) -> Option<String>) -> String {
    let ago = |at: &Time| format!("{} s", now.since(*at).as_secs());
    let name = |addr: &SocketAddr| name(*addr).unwrap_or_else(|| addr.to_string());
    match why {
        Awake::Always => "does not sleep by itself".to_owned(),
        Awake::Host => "this host has no sleep that keeps its memory".to_owned(),
        Awake::Watchdog => "would lose processes to a sleep".to_owned(),
        Awake::Pinger => "would take its open page for gone after a sleep".to_owned(),
        Awake::Requests(1) => "works on a request".to_owned(),
        Awake::Requests(n) => format!("works on {n} requests"),
        Awake::Calls(1) => "answers another service".to_owned(),
        Awake::Calls(n) => format!("answers {n} calls of other services"),
        Awake::Messages(1) => "works on a message".to_owned(),
        Awake::Messages(n) => format!("works on {n} messages"),
        Awake::Caller => "is connected to a service that works on a request".to_owned(),
        Awake::Used(at) => format!("was used {} ago", ago(at)),
        Awake::Stream(at) => format!("sent something to an open page {} ago", ago(at)),
        Awake::Call { to, since } => format!("waits for an answer from {}, for {}", name(to), ago(since)),
        Awake::Bytes { with, at } => format!("exchanged bytes with {} {} ago", name(with), ago(at)),
        Awake::Working(permille) => format!("uses {} % of a processor", permille / 10),
        Awake::Nap(at) => format!("has a thread that sleeps by the clock, begun {} ago", ago(at)),
        Awake::Awaited(silence) => {
            format!("has an open page, and once had a word for one after {} only", span(*silence))
        }
        Awake::Stirred(at) => format!("was woken by bytes that arrived {} ago", ago(at)),
        Awake::Unknown => "is about to be looked at".to_owned(),
    }
}

/// How an instance came to its end, one line: `exited with code 1`, `out of memory (limit 512 MiB)`.
#[must_use]
pub fn cause(end: &End, spec: &ServiceSpec) -> String {
    first_line(&explain(end, spec))
}

pub(crate) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The same, and what to do about it in a second line, where there is something.
#[must_use]
pub fn explain(end: &End, spec: &ServiceSpec) -> String {
    if let Some(detail) = &end.detail {
        return detail.clone();
    }
    match &end.how {
        Cause::Exited(ExitStatus::Code(code)) => format!("exited with code {code}"),
        Cause::Exited(ExitStatus::Signal(signal)) => format!("killed by signal {signal}"),
        Cause::Exited(ExitStatus::OutOfMemory) => {
            format!("out of memory (limit {})", size::show(spec.limits.memory))
        }
        Cause::Exited(ExitStatus::Lost) => "ended while nobody was watching".to_owned(),
        Cause::Stopped(
            why @ (StopReason::NeverReady
            | StopReason::Replaced
            | StopReason::Surplus
            | StopReason::Removed
            | StopReason::Idle
            | StopReason::Unhealthy
            | StopReason::Hung),
        ) => stop(*why).to_owned(),
        Cause::LostWorker => "a worker process ended".to_owned(),
        Cause::NotStarted { why } => format!("could not be started: {why}"),
    }
}

/// Says of something, whose first line may be followed by a hint, how often it happened.
pub(crate) fn times(why: &str, n: usize) -> String {
    match why.split_once('\n') {
        Some((first, rest)) => format!("{first} ({n} times)\n{rest}"),
        None => format!("{why} ({n} times)"),
    }
}

/// What keeps an instance from becoming ready, with a hint in a second line where there is one.
pub(crate) fn not_ready(i: &InstanceRecord, spec: &ServiceSpec) -> String {
    let health = &spec.health;
    if spec.kind == ServiceKind::Job {
        let limit = health.start_timeout.as_secs();
        return format!(
            "not done within {limit} s\n  hint: if it takes longer, say so: health = {{ start_timeout = \"{}s\" }}",
            limit * 2
        );
    }
    let age = i.probe.last_at.map_or(Duration::ZERO, |at| at.since(i.woken_at.unwrap_or(i.started_at)));
    let within = match age >= health.start_timeout {
        true => format!("not ready within {} s: ", health.start_timeout.as_secs()),
        false => String::new(),
    };
    let (what, hint) = obstacle(i, spec);
    let hint = hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
    format!("{within}{what}{hint}")
}

/// In which way one that has been ready does not work, and since when, as far as that is known.
pub(crate) fn unwell(i: &InstanceRecord, spec: &ServiceSpec, at: Time, why: StopReason) -> String {
    let since = i.probe.last_ok.map(|ok| format!(" for {}", span(at.since(ok)))).unwrap_or_default();
    let (what, _) = obstacle(i, spec);
    format!("{}{since}: {what}", stop(why))
}

/// What is worth telling somebody who waits for an instance that has been starting for a while; the same while nothing
/// changes.
#[must_use]
pub fn waiting(i: &InstanceRecord, spec: &ServiceSpec, now: Time) -> Option<String> {
    let old = now.since(i.started_at) >= WORTH_TELLING;
    let tells = inside::is_astray(i) || i.probe.last.is_some_and(|a| !matches!(a, Answer::Refused));
    let open = i.probe.ready_at.is_none() || i.probe.refusal().is_some();
    if spec.kind != ServiceKind::Web || !open || !old || !tells {
        return None;
    }
    let (what, hint) = obstacle(i, spec);
    let hint = hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
    let answers = i.probe.last.is_some_and(|a| a.status().is_some()) && !inside::is_astray(i);
    let patience = match answers && !i.probe.refusal().is_some_and(trial::will_not_change) {
        true => {
            format!("; waiting for another answer until {} after its start", span(spec.health.start_timeout))
        }
        false => String::new(),
    };
    Some(format!("{what}{patience}{hint}"))
}

/// Age at which one begins to wonder why an instance is not ready, although it does something.
const WORTH_TELLING: Duration = Duration::from_secs(4);

/// What stands in its way, and what to do about it; where some of it was killed for want of memory, that.
fn obstacle(i: &InstanceRecord, spec: &ServiceSpec) -> (String, Option<String>) {
    let (what, hint) = outward(i, spec);
    match killed(i, spec, i.probe.last_at) {
        Some(killed) => (format!("{what}; {killed}"), Some(say_memory(spec))),
        None => (what, hint),
    }
}

/// For how long a killed process may be why something does not work.
const LATELY: Duration = Duration::from_secs(120);

/// Which of an instance's processes were killed shortly before `at`.
pub(crate) fn killed(i: &InstanceRecord, spec: &ServiceSpec, at: Option<Time>) -> Option<String> {
    let last = i.inside.killed_at?;
    let what = match i.inside.killed {
        1 => "one of its processes was killed".to_owned(),
        n => format!("{n} of its processes were killed"),
    };
    let lately = at.is_none_or(|at| at.since(last) < LATELY);
    lately.then(|| format!("{what}: out of memory (limit {})", size::show(spec.limits.memory)))
}

/// How to give it more memory.
pub(crate) fn say_memory(spec: &ServiceSpec) -> String {
    let more = size::show(spec.limits.memory.saturating_mul(2)).replace(' ', "");
    match &spec.origins.compose {
        Some(file) => format!("raise mem_limit of {} in {file}", spec.name),
        None => format!("raise its limit, such as memory = \"{more}\" for {} in the manifest", spec.name),
    }
}

fn outward(i: &InstanceRecord, spec: &ServiceSpec) -> (String, Option<String>) {
    let port = spec.port;
    if inside::is_astray(i) {
        return astray(i, spec);
    }
    if inside::workers_die(i, spec) {
        let when = if i.probe.ready_at.is_some() { "" } else { " before they answer" };
        return (format!("its worker processes keep ending{when}"), None);
    }
    let path = match spec.question(i.probe.speaks_http) {
        Question::Http(path) | Question::Protocol(path) => path,
        Question::Connection => "/".to_owned(),
    };
    if let Some(refusal) = i.probe.refusal() {
        let code = refusal.answer.status().unwrap_or_default();
        let answers = match refusal.answer {
            Answer::Silent | Answer::Cut => "gives no answer".to_owned(),
            Answer::Status(_) | Answer::Loop(_) | Answer::Refused | Answer::Accepted | Answer::NotHttp => {
                format!("answers {code}")
            }
        };
        let what = format!(
            "it {answers} to GET {} on port {port}{}, where the version before {}",
            refusal.path,
            if let Answer::Loop(_) = refusal.answer { ", a redirect to the same" } else { "" },
            match refusal.remembered {
                false => format!("answers {}", refusal.before),
                true => format!("answered {} when it was last asked", refusal.before),
            }
        );
        let meant = format!(
            "if that is how it should be, {}, or {}",
            say_path(spec, "a path that it answers well"),
            say_tcp(spec)
        );
        let host = strange_host(spec, code, &refusal.host);
        return (what, Some(host.map(|host| format!("{host}; {meant}")).unwrap_or(meant)));
    }
    match (i.probe.last, &spec.health.ask) {
        (Some(Answer::Status(code @ 500..)), _)
            if i.probe.ready_at.is_some() && spec.health.last_question().is_some() =>
        {
            let hint = format!(
                "its last lines say which; it is run without a visitor, so st.context has no headers or cookies; if it works for visitors all the same, {}",
                say_path(spec, "/_stcore/health")
            );
            (format!("its script ends with an error (Streamlit's script check answers {code})"), Some(hint))
        }
        (Some(Answer::Loop(code)), _) => (
            format!("it answers {code} to GET {path} on port {port}, a redirect to the same"),
            Some(format!(
                "an answer below 400 that leads elsewhere counts as good; mend it, or {}",
                say_path(spec, "another path")
            )),
        ),
        (Some(Answer::Status(code)), Ask::Path(_)) => (
            format!("it answers {code} to GET {path} on port {port}"),
            Some(format!(
                "an answer below 400 counts as good; mend it, or {}",
                say_path(spec, "another path")
            )),
        ),
        (Some(Answer::Status(code)), Ask::Auto { .. } | Ask::Connection) => (
            format!("it answers {code} to GET {path} on port {port}"),
            Some(format!("if that is how it should be, {}", say_path(spec, "a path that it answers well"))),
        ),
        (Some(Answer::Silent), _) => {
            let within = span(spec.health.timeout);
            let what = format!(
                "it takes connections on port {port}, and gives no answer to GET {path} within {within}"
            );
            let hint = format!(
                "if its answer takes longer, {}, or {}; if it gives none, {}",
                say_timeout(spec),
                say_path(spec, "a path that it answers sooner"),
                say_tcp(spec)
            );
            (what, Some(hint))
        }
        (Some(Answer::Cut), _) => {
            (format!("it closes connections on port {port} without an answer to GET {path}"), None)
        }
        (Some(Answer::NotHttp), _) => (
            format!("what answers on port {port} is not HTTP"),
            Some(format!("if that is how it should be, {}", say_tcp(spec))),
        ),
        (Some(Answer::Refused | Answer::Accepted) | None, _) => {
            (format!("nothing listens on port {port}"), None)
        }
    }
}

/// What an answer says that many frameworks give to a host which they were not told of.
fn strange_host(spec: &ServiceSpec, code: u16, host: &str) -> Option<String> {
    let setting = spec.health.server.filter(|_| code == 400)?.by.hosts_setting()?;
    let host = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    Some(format!("{setting}: see whether `{host}` is in it"))
}

/// What people should know of one that counts as ready: one line.
#[must_use]
pub fn remark(i: &InstanceRecord, spec: &ServiceSpec, host: &str) -> Option<String> {
    let Question::Http(path) = spec.question(i.probe.speaks_http) else { return None };
    let code = i.probe.status?;
    if i.probe.to_https {
        return Some(format!(
            "it answers {code} to GET {path}, a redirect to https, and this is http://{host}: visitors see an error unless a proxy \
             before this server ends TLS. Have it trust X-Forwarded-Proto, or turn the redirect off (Django: \
             SECURE_SSL_REDIRECT; Flask-Talisman: force_https; Rails: config.force_ssl)"
        ));
    }
    let host = strange_host(spec, code, host)?;
    Some(format!("it answers {code} to GET {path}: {host}"))
}

/// How to say that nothing is to be asked.
fn say_tcp(spec: &ServiceSpec) -> String {
    match &spec.origins.compose {
        Some(file) => format!("write healthcheck: {{disable: true}} for {} in {file}", spec.name),
        None => format!("write health = \"tcp\" for {} in the manifest", spec.name),
    }
}

/// How to give an answer more time.
fn say_timeout(spec: &ServiceSpec) -> String {
    let longer = spec.health.timeout.saturating_mul(4).as_secs().max(20);
    match (&spec.origins.compose, &spec.health.ask) {
        (Some(file), _) => {
            format!("write timeout: {longer}s into the `healthcheck` of {} in {file}", spec.name)
        }
        (None, Ask::Path(path)) => format!(
            "write health = {{ path = {path:?}, timeout = \"{longer}s\" }} for {} in the manifest",
            spec.name
        ),
        (None, Ask::Auto { .. } | Ask::Connection) => {
            format!("write health = {{ timeout = \"{longer}s\" }} for {} in the manifest", spec.name)
        }
    }
}

/// How to name the path that is asked.
fn say_path(spec: &ServiceSpec, which: &str) -> String {
    match &spec.origins.compose {
        Some(file) => format!(
            "name {which} in the `healthcheck` of {} in {file}, such as test: curl -f http://localhost:{}/health",
            spec.name, spec.port
        ),
        None => format!("name {which} as `health` of {} in the manifest", spec.name),
    }
}

/// It listens, but not where it is reached.
fn astray(i: &InstanceRecord, spec: &ServiceSpec) -> (String, Option<String>) {
    let list: Vec<_> = i.inside.listeners.iter().map(ToString::to_string).collect();
    let what = format!("it listens on {}, not on 0.0.0.0:{} (PORT)", list.join(" and "), spec.port);
    let advice = match spec.health.server {
        Some(Serves { by, how }) => by.listen_advice(how),
        None => server::GENERAL.to_owned(),
    };
    // One that everybody reaches is only a matter of its number.
    let open = i.inside.listeners.iter().find(|at| at.ip().is_unspecified());
    let or = open.map(|at| match &spec.origins.compose {
        Some(file) => format!(", or write expose: [\"{}\"] for {} in {file}", at.port(), spec.name),
        None => format!(", or write port = {} for {} in the manifest", at.port(), spec.name),
    });
    (what, Some(advice + &or.unwrap_or_default()))
}
