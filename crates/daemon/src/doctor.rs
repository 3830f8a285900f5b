//! What `dormouse doctor` looks at: the settings, what the sandboxes need, and the port.

use std::net::TcpListener;

use dormouse_cli::{Check, DoctorArgs, Verdict};
use dormouse_runtime::{Bandwidth, doctor, swap::SwapSettings};

use crate::settings::{Typed, strangers};

/// Look at this machine.
pub(crate) fn examine(args: &DoctorArgs) -> Vec<Check> {
    let (settings, swap, bandwidth) = settings(args);
    let machine = doctor::examine(&args.state, swap, bandwidth.as_ref());
    [settings]
        .into_iter()
        .chain(database(args))
        .chain(projects(args))
        .chain(machine)
        .chain([port(args)])
        .map(shown)
        .collect()
}

/// What the database holds and the release that last served from it could not read; nothing to say when that is all of it.
fn database(args: &DoctorArgs) -> Option<doctor::Check> {
    let missing = match dormouse_control::set_aside(&args.state) {
        Ok(missing) => missing,
        Err(error) => {
            let text = error.to_string();
            let (why, hint) = text.split_once("\n  hint: ").unwrap_or((&text, "`serve` says more"));
            return Some(doctor::Check::fail("database", why, hint));
        }
    };
    let (what, hint) = missing.first()?;
    let more = match missing.len() - 1 {
        0 => String::new(),
        n => format!(" ({n} more: the server's log names them)"),
    };
    Some(doctor::Check::warn("database", format!("{what}{more}"), hint.clone()))
}

/// Tables of `server.toml` for projects that there are not; only a server that runs knows which there are.
fn projects(args: &DoctorArgs) -> Option<doctor::Check> {
    let there = args.projects.as_ref()?;
    let typed = Typed::read(&args.state.join("server.toml")).ok()?;
    let settings = typed.resolve(args.listen, &args.state).ok()?;
    let (what, hint) = strangers(&settings, there.iter().map(String::as_str))?;
    Some(doctor::Check::warn("projects", what, hint))
}

/// `server.toml`, as `serve` would read it; with one that it would refuse, the rest is looked at with the defaults.
fn settings(args: &DoctorArgs) -> (doctor::Check, SwapSettings, Option<Bandwidth>) {
    let (name, path) = ("settings", args.state.join("server.toml"));
    match Typed::read(&path).and_then(|typed| typed.resolve(args.listen, &args.state)) {
        Ok(settings) => {
            let there = path.try_exists().unwrap_or(false);
            let detail = if there { path.display().to_string() } else { "the defaults".to_owned() };
            (doctor::Check::ok(name, detail), settings.swap, settings.bandwidth)
        }
        Err(e) => {
            let text = format!("{e:#}");
            let (why, hint) = text
                .split_once("\n  hint: ")
                .unwrap_or((&text, "`serve` does not start before this is right"));
            // What the parser draws below its first line does not fit in a list.
            let mut lines = why.lines().map(str::trim).filter(|l| !l.is_empty());
            let ends = lines.next().into_iter().chain(lines.next_back()).collect::<Vec<_>>();
            (doctor::Check::fail(name, ends.join(": "), hint), SwapSettings::default(), None)
        }
    }
}

fn port(args: &DoctorArgs) -> doctor::Check {
    let listen = args.listen;
    match TcpListener::bind(listen) {
        Ok(_) => doctor::Check::ok("port", format!("{listen} is free")),
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse && args.server == Some(listen) => {
            doctor::Check::ok("port", format!("{listen} is where this state folder's server listens"))
        }
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => doctor::Check::warn(
            "port",
            format!("{listen} is taken"),
            "another program (or a server of another state folder) listens there; choose another with --listen",
        ),
        Err(e) => doctor::Check::fail("port", format!("{listen}: {e}"), "choose another with --listen"),
    }
}

fn shown(check: doctor::Check) -> Check {
    let verdict = match check.verdict {
        doctor::Verdict::Ok => Verdict::Ok,
        doctor::Verdict::Warn => Verdict::Warn,
        doctor::Verdict::Fail => Verdict::Fail,
    };
    Check { name: check.name.to_owned(), verdict, detail: check.detail, hint: check.hint }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn a_taken_port_is_told() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap();
        let args = |server| DoctorArgs { state: "/nonexistent".into(), listen, server, projects: None };
        let checks = examine(&args(None));
        let port = checks.iter().find(|c| c.name == "port").unwrap();
        assert_eq!(port.verdict, Verdict::Warn);
        assert!(port.hint.as_deref().unwrap_or_default().contains("--listen"));
        // Bug: its own server's port was "another program's".
        let shown = |server| format!("{:?}", super::port(&args(server)).verdict);
        let other = SocketAddr::from(([127, 0, 0, 1], 1));
        assert_eq!((shown(Some(listen)), shown(Some(other))), ("Ok".into(), "Warn".into()));
        drop(taken);
        assert_eq!((shown(Some(other)), shown(None)), ("Ok".into(), "Ok".into()));
    }

    #[test]
    fn the_settings_are_those_of_serve() {
        let folder = tempfile::tempdir().unwrap();
        let args = DoctorArgs {
            state: folder.path().to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            server: None,
            projects: None,
        };
        let mut rows = String::new();
        for text in [
            None,
            Some("[swap]\nzram = \"off\"\nfile = \"4GiB\"\n"),
            Some("[swap]\nzram = \"lots\"\n"),
            Some("[swap]\nzrm = \"off\"\n"),
        ] {
            if let Some(text) = text {
                std::fs::write(folder.path().join("server.toml"), text).unwrap();
            }
            let (check, swap, _) = settings(&args);
            let hint = check.hint.as_deref().unwrap_or("-");
            rows += &format!("{:?} {} | {hint} | {swap:?}\n", check.verdict, check.detail);
        }
        expect_test::expect![[r#"
            Ok the defaults | - | SwapSettings { zram: Auto, file: Auto }
            Ok STATE/server.toml | - | SwapSettings { zram: Off, file: Bytes(4294967296) }
            Fail `swap.zram`: `lots` is not a size | write it as 512MiB or 4GiB | SwapSettings { zram: Auto, file: Auto }
            Fail in STATE/server.toml: TOML parse error at line 2, column 1: unknown field `zrm`, expected `zram` or `file` | `serve` does not start before this is right | SwapSettings { zram: Auto, file: Auto }
        "#]].assert_eq(&rows.replace(&folder.path().display().to_string(), "STATE"));
    }

    #[test]
    fn egress_of_a_project_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[egress.projects.shpo]\nlan = false\n";
        std::fs::write(folder.path().join("server.toml"), text).unwrap();
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let said = |projects: Option<&[&str]>| {
            let projects = projects.map(|all| all.iter().map(|name| (*name).to_owned()).collect());
            let args = DoctorArgs { state: folder.path().to_owned(), listen, server: None, projects };
            super::projects(&args).map(|check| format!("{:?} {}", check.verdict, check.detail))
        };
        assert_eq!((said(None), said(Some(&["shpo"]))), (None, None));
        expect_test::expect!["Warn [egress.projects.shpo] is of no project that this server has"]
            .assert_eq(&said(Some(&["shop"])).unwrap());
    }
}
