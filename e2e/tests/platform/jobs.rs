//! Services of a compose file that run once and end, and names that are no host names.

use std::fs;

use dormouse_e2e::Server;

const COMPOSE: &str = "name: order
services:
  migrate: {build: ./app, command: python migrate.py}
  web:
    build: ./app
    command: python web.py
    ports: ['8000:8000']
    depends_on:
      migrate: {condition: service_completed_successfully}
      task_queue: {condition: service_started}
  task_queue: {build: ./app, command: python -m http.server 9000, expose: [9000]}
";

const MIGRATE: &str = "import sys, time
print('migrating', flush=True)
time.sleep(1)
print('migrated', flush=True)
sys.exit(CODE)
";

/// Answers what its neighbour answers, asked by the name that the compose file gives it.
const WEB: &str = "import http.server, urllib.request
print('serving', flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = urllib.request.urlopen('http://task_queue:9000/', timeout=5).status
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'VERSION, the queue says %d' % status)
http.server.HTTPServer(('0.0.0.0', 8000), Handler).serve_forever()
";

pub(crate) fn compose(server: &Server) {
    let folder = tempfile::tempdir().expect("a folder");
    let app = folder.path().join("app");
    fs::create_dir(&app).expect("a folder");
    fs::write(folder.path().join("compose.yaml"), COMPOSE).expect("a file");
    let version = |version: &str, code: &str| {
        fs::write(app.join("migrate.py"), MIGRATE.replace("CODE", code)).expect("a file");
        fs::write(app.join("web.py"), WEB.replace("VERSION", version)).expect("a file");
    };
    let dir = folder.path().to_string_lossy();
    version("v1", "0");
    server.ok(&["deploy", &dir]);
    server.wait_state("order", "migrate", "done");
    let visitor = server.visit("order.localhost");
    assert_eq!(visitor.get("/").body, "v1, the queue says 200");
    let log = server.ok(&["logs", "order"]);
    let at = |line: &str| log.find(line).unwrap_or_else(|| panic!("no {line:?} in:\n{log}"));
    assert!(at("migrating") < at("migrated") && at("migrated") < at("serving"), "{log}");

    version("v2", "3");
    let error = server.fails(&["deploy", &dir]);
    for part in ["exited with code 3", "the job `migrate` failed", "the version before goes on serving"] {
        assert!(error.contains(part), "no {part:?} in:\n{error}");
    }
    assert_eq!(visitor.get("/").body, "v1, the queue says 200");
    server.ok(&["down", "order"]);
}
