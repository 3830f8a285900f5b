//! Whether Python code listens, and on which port.

use dormouse_model::{
    manifest::Code,
    server::{self, Program, Server},
};

use super::PYTHON;

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

/// Flask's own, where code names none.
const FLASK_PORT: u16 = 5000;

/// Whether code listens, or may be expected to: of a folder without any code that we know, a port is expected as of any
/// service.
pub(super) fn may(code: &Code<'_>) -> bool {
    let tells = |text: &str| CALLS.iter().any(|call| text.contains(call));
    let mut texts = code.ending(".py").map(|(_, text)| text).peekable();
    match texts.peek() {
        Some(_) => texts.any(tells),
        None => !PYTHON.iter().any(|f| code.has(f)),
    }
}

/// The same of the script that a start command runs, and the port where it can be told.
pub(super) fn script(code: &Code<'_>, start: &[String]) -> Option<Option<u16>> {
    let script = start.iter().find_map(|word| text_of(code, word))?;
    CALLS.iter().any(|call| script.contains(call)).then(|| port_in_code(script))
}

/// The port in a file of gunicorn's settings.
pub(super) fn port(code: &Code<'_>, start: &[String], folder: &str) -> Option<u16> {
    if server::program(start) != Some(Program::Http(Server::Gunicorn))
        || start.iter().any(|w| w.contains("PORT"))
    {
        return None;
    }
    let mut words = start.iter().map(String::as_str);
    let named = words.find_map(|w| {
        w.strip_prefix("--config=").map(Some).or((w == "-c" || w == "--config").then_some(None))
    });
    let file = match named {
        Some(Some(file)) => file,
        Some(None) => words.next()?,
        None => "gunicorn.conf.py",
    };
    let text = code.text_from(folder, file)?;
    let bind = text.lines().find_map(|l| l.strip_prefix("bind")?.trim_start().strip_prefix('='))?;
    let address = bind.trim().trim_matches(['"', '\'', '[', ']']);
    address.rsplit(':').next()?.parse().ok().filter(|port| *port != 0)
}

/// The text of the script that a word of a command names, as a path or as a module.
fn text_of<'a>(code: &Code<'a>, word: &str) -> Option<&'a str> {
    let path = word.trim_start_matches("./").trim_start_matches("/app/");
    if path.ends_with(".py") {
        return code.text(path);
    }
    let is_module = !path.is_empty() && path.chars().all(|c| c.is_alphanumeric() || "_.".contains(c));
    let file = is_module.then(|| format!("{}.py", path.replace('.', "/")))?;
    code.text(&file)
}

/// The port that code listens on, unless it takes it from `PORT`.
fn port_in_code(text: &str) -> Option<u16> {
    if text.contains("\"PORT\"") || text.contains("'PORT'") {
        return None;
    }
    let named = ["port=", "port =", "server_port=", "PORT ="].iter().find_map(|p| port_after(text, p));
    named.or_else(|| text.contains("app.run(").then_some(FLASK_PORT))
}

/// The number after a piece of text.
fn port_after(text: &str, piece: &str) -> Option<u16> {
    let text = text[text.find(piece)? + piece.len()..].trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok().filter(|p| *p != 0)
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
