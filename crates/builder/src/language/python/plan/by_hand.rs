//! What is no app that a server could run: scripts that listen by themselves, and workers. Only its author knows how it is
//! to be started, so it is told what to write.

use super::{PlanError, Wishes, framework, start};

/// What code calls to serve, and the port when it names none.
const SERVES: [(&str, Option<u16>); 16] = [
    ("run_app(", Some(8080)),
    ("uvicorn.run(", Some(8000)),
    ("bottle.run(", Some(8080)),
    ("socketio.run(", Some(5000)),
    ("ui.run(", Some(8080)),
    ("cherrypy.quickstart(", Some(8080)),
    ("waitress.serve(", Some(8080)),
    ("app.run(", None),
    ("run_server(", None),
    ("run_simple(", None),
    ("make_server(", None),
    ("serve_forever(", None),
    (".listen(", None),
    ("start_server(", None),
    ("websockets.serve(", None),
    ("grpc.server(", None),
];

/// Functions that serve when they are called by their bare name, the module that they have to be imported from, and the
/// port when they name none.
const BARE: [(&str, &str, u16); 2] = [("run(", "bottle", 8080), ("serve(", "waitress", 8080)];

/// A script that listens by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listener<'a> {
    pub(crate) file: &'a str,
    /// Where it says so, from 1.
    pub(crate) line: usize,
    pub(crate) port: Port,
}

/// Where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// Where `PORT` tells it to.
    Given,
    Own(u16),
    Unknown,
}

/// The likeliest of these files, which are ranked.
pub(crate) fn listener<'a>(files: &[(&'a str, &'a str)]) -> Option<Listener<'a>> {
    files.iter().find_map(|(file, text)| {
        let code = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let (line, default) =
            code.enumerate().find_map(|(i, line)| serves(text, line).map(|port| (i + 1, port)))?;
        Some(Listener { file, line, port: port(text, default) })
    })
}

/// One that serves as soon as somebody imports it: no server of its own could load the app that it holds.
pub(crate) fn at_import<'a>(file: &'a str, text: &str) -> Option<Listener<'a>> {
    let (line, default) = text.lines().enumerate().find_map(|(i, line)| {
        // What a function does, or a condition asks for, is no part of it; nor is what only names a method.
        let is_top = line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_call =
            !["def ", "async ", "class ", "if ", "from ", "import "].iter().any(|w| line.starts_with(w));
        let code = line.split('#').next().filter(|_| is_top && is_call)?;
        let named = ["app.run(", "uvicorn.run(", "bottle.run(", "socketio.run(", "cherrypy.quickstart("];
        let is_one = named.iter().any(|call| code.starts_with(call)) || bare(text, code).is_some();
        is_one.then(|| serves(text, code)).flatten().map(|port| (i + 1, port))
    })?;
    Some(Listener { file, line, port: port(text, default) })
}

/// Whether a line serves, and the port when it names none.
fn serves(text: &str, line: &str) -> Option<Option<u16>> {
    let known = SERVES.iter().find(|(call, _)| line.contains(call)).map(|(call, port)| match *call {
        "app.run(" if framework::imports(text, "flask") => Some(5000),
        "app.run(" if framework::imports(text, "bottle") => Some(8080),
        _ => *port,
    });
    known.or_else(|| bare(text, line.trim_start()).map(Some))
}

fn bare(text: &str, line: &str) -> Option<u16> {
    BARE.iter().find_map(|&(call, module, port)| {
        (line.starts_with(call) && framework::imports(text, module)).then_some(port)
    })
}

fn port(text: &str, default: Option<u16>) -> Port {
    if ["\"PORT\"", "'PORT'"].iter().any(|name| text.contains(name)) {
        return Port::Given;
    }
    let named =
        ["port=", "port =", "PORT =", "PORT=", ".listen("].iter().find_map(|word| number_after(text, word));
    match named.or_else(|| in_address(text)).or(default) {
        Some(port) => Port::Own(port),
        None => Port::Unknown,
    }
}

/// The port of `HTTPServer(("", 8000), Handler)`.
fn in_address(text: &str) -> Option<u16> {
    let (_, address) = text.split_once("Server((")?;
    let (address, _) = address.split_once(')')?;
    address.split_once(',')?.1.trim().parse().ok().filter(|port| *port != 0)
}

fn number_after(text: &str, word: &str) -> Option<u16> {
    let rest = text[text.find(word)? + word.len()..].trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok().filter(|port| *port != 0)
}

impl Listener<'_> {
    /// What to write for it.
    pub(crate) fn error(self, wishes: &Wishes<'_>) -> PlanError {
        let Self { file, line, .. } = self;
        PlanError::new(
            format!("{file}:{line} serves by itself, and nothing says that it is to be run"),
            self.how(wishes),
        )
    }

    /// What to do where a server would have to import it.
    pub(crate) fn error_at_import(self, wishes: &Wishes<'_>) -> PlanError {
        let Self { file, line, .. } = self;
        PlanError::new(
            format!(
                "{file}:{line} serves as soon as the file is imported, so that no server can load the app"
            ),
            format!("put that line under `if __name__ == \"__main__\":`, or {}", self.how(wishes)),
        )
    }

    fn how(self, wishes: &Wishes<'_>) -> String {
        let Self { file, port, .. } = self;
        let port = match (port, wishes.compose) {
            (Port::Given, _) => String::new(),
            (Port::Own(port), None) => format!(" and port = {port}"),
            (Port::Own(port), Some(_)) => format!(" and expose: [\"{port}\"]"),
            (Port::Unknown, None) => " and the port it listens on as `port`".to_owned(),
            (Port::Unknown, Some(_)) => " and the port it listens on as `expose`".to_owned(),
        };
        let start = wishes.as_start(&format!("python {file}"));
        format!("write {start}{port} for the service in {}; it has to listen on 0.0.0.0", wishes.file())
    }
}

/// The command of a Celery worker, and where its app is made.
pub(crate) fn celery(files: &[(&str, &str)]) -> Option<(String, String)> {
    files.iter().find_map(|(file, text)| {
        let line = text.lines().position(|line| {
            framework::assigned(line).is_some_and(|(_, call)| matches!(call, "Celery" | "celery.Celery"))
        })?;
        let module = start::dotted(file);
        Some((format!("celery -A {module} worker"), format!("{file}:{}", line + 1)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_listeners() {
        for (text, want) in [
            ("web.run_app(app)", Some(Port::Own(8080))),
            ("web.run_app(make(), port=9999)", Some(Port::Own(9999))),
            ("web.run_app(app, port=int(os.environ['PORT']))", Some(Port::Given)),
            ("application.listen(8888)", Some(Port::Own(8888))),
            ("PORT = 7000\nHTTPServer(('', PORT), H).serve_forever()", Some(Port::Own(7000))),
            ("HTTPServer(('', 8001), H).serve_forever()", Some(Port::Own(8001))),
            ("asyncio.start_server(handle, '0.0.0.0', p)", Some(Port::Unknown)),
            ("import bottle\nbottle.run(host='localhost')", Some(Port::Own(8080))),
            ("from bottle import route, run\nrun(host='localhost', port=8081)", Some(Port::Own(8081))),
            ("from bottle import run\nrun(port=os.environ['PORT'])", Some(Port::Given)),
            ("run(x)", None),
            ("from waitress import serve\nserve(app)", Some(Port::Own(8080))),
            ("from nicegui import ui\nui.run()", Some(Port::Own(8080))),
            ("import flask\napp.run()", Some(Port::Own(5000))),
            ("# web.run_app(app)", None),
            ("print(1)", None),
        ] {
            assert_eq!(listener(&[("main.py", text)]).map(|l| l.port), want, "{text}");
        }
    }
}
