//! What a new configuration means for a service whose image stays the same.

use crate::ServiceSpec;

/// What has to be done for a new configuration to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing: it says the same.
    Nothing,
    /// It holds for the process that runs; what differs, by the manifest's words: nothing, where only the places differ in which
    /// the same was said.
    Live(Vec<&'static str>),
    /// A new process: what differs is given to a process when it is started.
    Process,
}

/// What differs between two configurations of one service that run the same image. The start command counts as it is
/// after the build, which fills it in.
#[must_use]
pub fn change(from: &ServiceSpec, to: &ServiceSpec) -> Change {
    let ServiceSpec {
        name: _,
        kind,
        // Where the image came from, and what went into it: it is the same.
        source: _,
        package: _,
        packages: _,
        left_out: _,
        include: _,
        requirements: _,
        install: _,
        workdir: _,
        // It has been started.
        after: _,
        // Nothing depends on where something was said.
        origins: _,
        aliases,
        start,
        port,
        health,
        needs,
        replicas,
        limits,
        env,
        stored,
        visibility,
        sleep,
        stop_grace,
    } = from;
    // What a process is given is one thing, how the manifest says it another.
    if (kind, start, port, limits.disk) != (&to.kind, &to.start, &to.port, to.limits.disk)
        || env.filled(stored) != to.env.filled(&to.stored)
    {
        return Change::Process;
    }
    let live = [
        ("health", *health != to.health),
        ("needs", *needs != to.needs),
        ("replicas", *replicas != to.replicas),
        ("memory", limits.memory != to.limits.memory),
        ("cpu", limits.cpu_milli != to.limits.cpu_milli),
        ("pids", limits.pids != to.limits.pids),
        ("public", *visibility != to.visibility),
        ("sleep", *sleep != to.sleep),
        ("stop_grace", *stop_grace != to.stop_grace),
        ("names", *aliases != to.aliases),
    ];
    let live: Vec<_> = live.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect();
    // What is kept may be forgotten one day: where a value came from is taken over, though it is the same.
    let moved = (env, stored) != (&to.env, &to.stored);
    if live.is_empty() && !moved { Change::Nothing } else { Change::Live(live) }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::manifest::{ManifestInput, NoLanguages, resolve};

    /// What it takes from a service with a few keys to the same with others.
    fn check(from: &str, to: &str, expected: &Expect) {
        let spec = |keys: &str| {
            let mut input = ManifestInput::new("shop");
            input.add_file("requirements.txt", "fastapi\n");
            input.add_file("dormouse.toml", format!("[services.web]\n{keys}\n[services.api]\nport = 1\n"));
            resolve(&input, &NoLanguages).unwrap().0.services.remove(&"web".parse().unwrap()).unwrap()
        };
        expected.assert_eq(&format!("{:?}", change(&spec(from), &spec(to))));
    }

    #[test]
    fn what_is_applied_and_what_needs_a_process() {
        check("", "", &expect!["Nothing"]);
        check("sleep = \"5m\"", "sleep = \"10m\"", &expect![[r#"Live(["sleep"])"#]]);
        check("", "health = \"/ok\"", &expect![[r#"Live(["health"])"#]]);
        check("", "memory = \"2GiB\"\ncpu = 2\npids = 9", &expect![[r#"Live(["memory", "cpu", "pids"])"#]]);
        check("", "needs = [\"api\"]\npublic = false", &expect![[r#"Live(["needs", "public"])"#]]);
        check("", "replicas = 3", &expect![[r#"Live(["replicas"])"#]]);
        check("", "stop_grace = \"1m\"", &expect![[r#"Live(["stop_grace"])"#]]);
        check("", "disk = \"1GiB\"\nmemory = \"2GiB\"", &expect!["Process"]);
        check("", "port = 9000\nsleep = \"10m\"", &expect!["Process"]);
        check("", "env = { A = \"1\" }", &expect!["Process"]);
        check("", "start = \"python main.py\"", &expect!["Process"]);
        check("", "kind = \"worker\"", &expect!["Process"]);
        check("", "packages = [\"git\"]", &expect!["Nothing"]);
    }

    /// Bug: `env` was said to have changed, although every variable was as before.
    #[test]
    fn the_same_said_elsewhere() {
        let spec = |keys: &str, kept: &[(&str, &str)]| {
            let mut input = ManifestInput::new("shop");
            input.add_file("requirements.txt", "fastapi\n");
            input.add_file("dormouse.toml", format!("[services.web]\n{keys}\n"));
            let resolved = resolve(&input, &NoLanguages).unwrap().0;
            let mut web = ServiceSpec::clone(&resolved.services[&"web".parse().unwrap()]);
            for (name, value) in kept {
                web.stored.insert(*name, crate::EnvValue::Text((*value).to_owned()));
            }
            web
        };
        let written = spec("env = { A = \"1\" }", &[]);
        assert_eq!(change(&spec("", &[("A", "1")]), &written), Change::Live(vec![]));
        assert_eq!(change(&spec("", &[("A", "2")]), &written), Change::Process);
        assert_eq!(change(&written, &written), Change::Nothing);
    }
}
