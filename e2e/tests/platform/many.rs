//! More projects than the firewall once had room for.

use std::{fs, time::Instant};

use dormouse_e2e::Server;

use crate::survival::kill_role;

const APP: &str = "\
import http.server, os
http.server.HTTPServer(('', int(os.environ['PORT'])), http.server.SimpleHTTPRequestHandler).serve_forever()
";

/// Bug: the 66th deploy failed; from then on nothing could be deployed, and no control and no server started.
pub(crate) fn seventy_projects() {
    let state = tempfile::tempdir().unwrap();
    let server = Server::start_in(state.path());
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("requirements.txt"), "").unwrap();
    fs::write(folder.path().join("main.py"), APP).unwrap();
    let deploy = |server: &Server, n: u32| {
        let manifest = format!(
            "name = \"p{n}\"\n[services.web]\nsource = \".\"\nstart = \"python main.py\"\nmemory = \"64MiB\"\n"
        );
        fs::write(folder.path().join("dormouse.toml"), manifest).unwrap();
        let began = Instant::now();
        server.ok(&["deploy", &folder.path().to_string_lossy()]);
        began.elapsed()
    };
    let serves = |server: &Server, n: u32| {
        let reply = server.visit(&format!("p{n}.localhost")).get("/main.py");
        assert_eq!(reply.status, 200, "p{n}: {reply:?}");
    };
    // The first brings the base.
    deploy(&server, 0);
    let second = deploy(&server, 1);
    let last = (2..=70).map(|n| deploy(&server, n)).fold(second, |_, took| took);
    println!("the second deploy took {second:?}, the last {last:?}");
    assert_eq!(server.ok(&["ps"]).lines().count(), 72);
    kill_role(&server, "control");
    deploy(&server, 71);
    (0..=71).for_each(|n| serves(&server, n));
    server.leave();
    server.start_again();
    (0..=71).for_each(|n| serves(&server, n));
    server.ok(&["down", "p0", "p70", "p71"]);
    assert_eq!(server.ok(&["ps"]).lines().count(), 70);
    server.stop();
}
