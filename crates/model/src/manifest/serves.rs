//! Whether a service of a compose file listens, when the file does not say: one without a port is a worker, unless its
//! command, its code or those who call it tell otherwise.

use super::{
    detect::Facts,
    input::{self, ManifestInput},
    port,
    typed::Service,
};
use crate::server::{self, Program};

/// What code that listens calls.
const CALLS: [&str; 16] = [
    "uvicorn.run(",
    "app.run(",
    "run_app(",
    "serve_forever(",
    "HTTPServer(",
    "TCPServer(",
    "start_server(",
    "create_server(",
    "websockets.serve(",
    "waitress",
    ".launch(",
    "run_server(",
    "socketio.run(",
    "make_server(",
    "grpc.server(",
    ".listen(",
];

/// Words of Rust code that listens.
const RUST: [&str; 7] = ["TcpListener", "axum", "actix_web", "rocket", "warp", "tonic", "hyper"];

/// Flask's own, where code names none.
const FLASK_PORT: u16 = 5000;

/// Whether the service listens, and on which port where that can be told.
pub(super) fn listens(
    input: &ManifestInput,
    typed: &Service,
    source: &str,
    facts: Facts,
    all: &[Service],
) -> Option<Option<u16>> {
    let start = typed.start.as_deref();
    if let Some(port) = port::of(typed) {
        return Some(Some(port));
    }
    if let Some(port) = called(input, typed, all) {
        return Some(Some(port));
    }
    match start {
        Some(start) => {
            match server::program(start) {
                Some(Program::Http(server)) => return Some(server.default_port()),
                Some(Program::Other) | None => {}
            }
            let script = start.iter().find_map(|word| script(input, source, word))?;
            CALLS.iter().any(|call| script.contains(call)).then(|| port_in_code(script))
        }
        None if facts.rust => {
            let tells = |text: &str| RUST.iter().any(|word| text.contains(word));
            input.ending(source, ".rs").any(|(_, text)| tells(text)).then_some(None)
        }
        None => {
            let tells = |text: &str| CALLS.iter().any(|call| text.contains(call));
            let code = || input.ending(source, ".py").map(|(_, text)| text);
            let serves = facts.fastapi || facts.streamlit || facts.server.is_some() || code().any(tells);
            let none =
                || code().next().is_none() && !input::BUILDABLE.iter().any(|f| input.has_file(source, f));
            // Of a folder without any code that we know, a port is expected as of any service.
            (serves || none()).then_some(None)
        }
    }
}

/// The text of the script that a word of a command names, as a path or as a module.
fn script<'i>(input: &'i ManifestInput, source: &str, word: &str) -> Option<&'i str> {
    let path = word.trim_start_matches("./").trim_start_matches("/app/");
    if path.ends_with(".py") {
        return input.text_in(source, path);
    }
    let is_module = !path.is_empty() && path.chars().all(|c| c.is_alphanumeric() || "_.".contains(c));
    let file = is_module.then(|| format!("{}.py", path.replace('.', "/")))?;
    input.text_in(source, &file)
}

/// The port at which another service calls this one: `http://name:8000` in its environment.
fn called(input: &ManifestInput, typed: &Service, all: &[Service]) -> Option<u16> {
    let names = || typed.aliases.iter().map(String::as_str).chain([typed.name.as_str()]);
    let port = |text: &str| {
        names().find_map(|name| {
            text.match_indices(name).find_map(|(at, _)| {
                let before = text[..at].chars().next_back();
                let starts = before.is_none_or(|c| !(c.is_alphanumeric() || "-_.".contains(c)));
                leading_port(text[at + name.len()..].strip_prefix(':').filter(|_| starts)?)
            })
        })
    };
    let others = || all.iter().filter(|other| other.name != typed.name);
    let in_env = others().flat_map(|o| &o.env).filter_map(|v| v.value.as_deref()).find_map(port);
    in_env.or_else(|| {
        // In code only as an address: the name may be any word.
        input
            .ending(".", ".py")
            .find_map(|(_, text)| names().find_map(|name| port_after(text, &format!("://{name}:"))))
    })
}

/// The number after a piece of text.
fn port_after(text: &str, piece: &str) -> Option<u16> {
    leading_port(text[text.find(piece)? + piece.len()..].trim_start())
}

/// The port that a text begins with.
fn leading_port(text: &str) -> Option<u16> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok().filter(|p| *p != 0)
}

/// The port that code listens on, unless it takes it from `PORT`.
fn port_in_code(text: &str) -> Option<u16> {
    if text.contains("\"PORT\"") || text.contains("'PORT'") {
        return None;
    }
    let named = ["port=", "port =", "server_port=", "PORT ="].iter().find_map(|p| port_after(text, p));
    named.or_else(|| text.contains("app.run(").then_some(FLASK_PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_in_code() {
        for (text, want) in [
            ("uvicorn.run(app, host='0.0.0.0', port=8001)", Some(8001)),
            ("app.run(host='0.0.0.0')", Some(5000)),
            ("app.run(port = 8080)", Some(8080)),
            ("PORT = 9000\nHTTPServer(('', PORT), H).serve_forever()", Some(9000)),
            ("app.run(port=int(os.environ.get('PORT', 8080)))", None),
            ("uvicorn.run(app)", None),
        ] {
            assert_eq!(port_in_code(text), want, "{text}");
        }
    }
}
