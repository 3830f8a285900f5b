//! What `dormouse doctor` looks at: what the sandboxes need, and the port.

use std::net::{SocketAddr, TcpListener};

use dormouse_cli::{Check, DoctorArgs, Verdict};
use dormouse_runtime::doctor;

/// Look at this machine.
pub(crate) fn examine(args: &DoctorArgs) -> Vec<Check> {
    doctor::examine(&args.state).into_iter().chain([port(args.listen)]).map(shown).collect()
}

fn port(listen: SocketAddr) -> doctor::Check {
    match TcpListener::bind(listen) {
        Ok(_) => doctor::Check::ok("port", format!("{listen} is free")),
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => doctor::Check::warn(
            "port",
            format!("{listen} is taken"),
            "another program (or a server of ours) listens there; choose another with --listen",
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
    use super::*;

    #[test]
    fn a_taken_port_is_told() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let args = DoctorArgs { state: "/nonexistent".into(), listen: taken.local_addr().unwrap() };
        let checks = examine(&args);
        let port = checks.iter().find(|c| c.name == "port").unwrap();
        assert_eq!(port.verdict, Verdict::Warn);
        assert!(port.hint.as_deref().unwrap_or_default().contains("--listen"));
        drop(taken);
        let checks = examine(&args);
        assert!(checks.iter().any(|c| c.name == "port" && c.verdict == Verdict::Ok));
    }
}
