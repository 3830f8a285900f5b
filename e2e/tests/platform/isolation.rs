//! What a sandbox cannot do.

use std::net::Ipv4Addr;

use dormouse_e2e::Server;

use crate::toolbox::{deploy, logged};

pub(crate) fn projects(server: &Server) {
    let a = deploy(server, "alpha", "");
    let b = deploy(server, "beta", "");
    let of =
        |v: &dormouse_e2e::Visitor| v.get("/address").ok().json()["address"].as_str().unwrap().to_owned();
    let (at_a, at_b) = (of(&a), of(&b));
    assert_eq!(a.get(&format!("/reach?host={at_a}&port=8000")).ok().json()["result"], "open", "itself");
    assert_eq!(a.get("/reach?host=web&port=8000").ok().json()["result"], "open", "by its name");
    for (from, to) in [(&a, &at_b), (&b, &at_a)] {
        let result = from.get(&format!("/reach?host={to}&port=8000")).ok().json();
        assert_ne!(result["result"], "open", "{to} is another project's");
        // The other project's platform addresses are as far away as its instances.
        for n in 1..=3 {
            let at = platform(to, n);
            let result = from.get(&format!("/reach?host={at}&port=8000&timeout=1")).ok().json();
            assert_ne!(result["result"], "open", "{at}");
        }
    }
    server.ok(&["down", "alpha"]);
    server.ok(&["down", "beta"]);
}

/// The platform's `n`th address in the network of a small project, which has 32; the first is the gateway.
fn platform(instance: &str, n: u32) -> String {
    let instance: Ipv4Addr = instance.parse().unwrap();
    Ipv4Addr::from_bits((instance.to_bits() & !31) + n).to_string()
}

pub(crate) fn host(server: &Server) {
    let app = deploy(server, "curious", "");
    let gateway = platform(app.get("/address").ok().json()["address"].as_str().unwrap(), 1);
    assert_eq!(app.get(&format!("/reach?host={gateway}&port=53")).ok().json()["result"], "open", "names");
    // Something of the host's that listens everywhere.
    let everywhere = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = everywhere.local_addr().unwrap().port();
    for (host, port) in [
        ("169.254.169.254", 80),
        ("2852039166", 80),
        ("0xA9FEA9FE", 80),
        ("0251.0376.0251.0376", 80),
        ("[::ffff:169.254.169.254]", 80),
        ("fd00:ec2::254", 80),
        ("100.100.100.200", 80),
        (gateway.as_str(), port),
        (gateway.as_str(), server.port),
        ("127.0.0.1", server.port),
    ] {
        let host = host.trim_matches(['[', ']']);
        let result = app.get(&format!("/reach?host={host}&port={port}&timeout=1")).ok().json();
        assert_ne!(result["result"], "open", "{host}:{port} answered a sandbox");
    }
    server.ok(&["down", "curious"]);
}

pub(crate) fn identity(server: &Server) {
    let app = deploy(server, "nobody", "");
    let inside = app.get("/whoami").ok().json();
    assert_eq!(inside["host"], "web");
    let init = server.service("nobody", "web")["pid"].as_u64().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{init}/status")).unwrap();
    let uid: u32 = status
        .lines()
        .find_map(|l| l.strip_prefix("Uid:"))
        .and_then(|l| l.split_whitespace().next())
        .and_then(|u| u.parse().ok())
        .unwrap();
    assert!(uid >= 65536, "the sandbox's init is uid {uid} outside");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(status.contains("Seccomp:\t2"), "{status}");
    server.ok(&["down", "nobody"]);
}

pub(crate) fn fork_bomb(server: &Server) {
    let bomber = deploy(server, "bomber", "pids = 100\n");
    let neighbour = deploy(server, "neighbour", "");
    let result = bomber.post("/fork-bomb").ok().json();
    assert!(result["forked"].as_u64().unwrap() < 100, "{result}");
    assert!(result["error"].is_string(), "{result}");
    let _ = neighbour.get("/health").ok();
    let _ = bomber.get("/health").ok();
    server.ok(&["down", "bomber"]);
    server.ok(&["down", "neighbour"]);
}

pub(crate) fn oom(server: &Server) {
    let glutton = deploy(server, "glutton", "memory = \"128MiB\"\n");
    let _ = deploy(server, "neighbour2", "");
    let pid = server.service("neighbour2", "web")["pid"].clone();
    let reply = glutton.post("/eat?megabytes=400");
    assert!(reply.status >= 500, "{reply:?}");
    logged(server, "glutton/web", "killed: out of memory (limit 128 MiB); started again in 0.5 s", 1);
    server.wait_state("glutton", "web", "ready");
    let _ = glutton.fresh().get("/health").ok();
    assert_eq!(server.service("neighbour2", "web")["pid"], pid);
    server.ok(&["down", "glutton"]);
    server.ok(&["down", "neighbour2"]);
}
