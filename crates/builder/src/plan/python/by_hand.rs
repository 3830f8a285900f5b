//! What is no app that a server could run: scripts that listen by themselves, and workers. Only its author knows how it is
//! to be started, so it is told what to write.

use super::{PlanError, Wishes, framework, start};

/// What code calls to serve, and the port when it names none.
const SERVES: [(&str, Option<u16>); 9] = [
    ("run_app(", Some(8080)),
    ("uvicorn.run(", Some(8000)),
    ("app.run(", None),
    ("run_server(", None),
    ("serve_forever(", None),
    (".listen(", None),
    ("start_server(", None),
    ("websockets.serve(", None),
    ("grpc.server(", None),
];

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
        let (line, default) = code.enumerate().find_map(|(i, line)| {
            SERVES.iter().find(|(call, _)| line.contains(call)).map(|(_, port)| (i + 1, *port))
        })?;
        let given = ["\"PORT\"", "'PORT'"].iter().any(|name| text.contains(name));
        let own =
            || ["port=", "port =", "PORT =", ".listen("].iter().find_map(|word| number_after(text, word));
        let port = match own().or(default) {
            _ if given => Port::Given,
            Some(port) => Port::Own(port),
            None => Port::Unknown,
        };
        Some(Listener { file, line, port })
    })
}

fn number_after(text: &str, word: &str) -> Option<u16> {
    let rest = text[text.find(word)? + word.len()..].trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok().filter(|port| *port != 0)
}

impl Listener<'_> {
    /// What to write for it.
    pub(crate) fn error(self, wishes: &Wishes<'_>) -> PlanError {
        let Self { file, line, port } = self;
        let port = match (port, wishes.compose) {
            (Port::Given, _) => String::new(),
            (Port::Own(port), None) => format!(" and port = {port}"),
            (Port::Own(port), Some(_)) => format!(" and expose: [\"{port}\"]"),
            (Port::Unknown, None) => " and the port it listens on as `port`".to_owned(),
            (Port::Unknown, Some(_)) => " and the port it listens on as `expose`".to_owned(),
        };
        let start = wishes.as_start(&format!("python {file}"));
        PlanError::new(
            format!("{file}:{line} serves by itself, and nothing says that it is to be run"),
            format!("write {start}{port} for the service in {}; it has to listen on 0.0.0.0", wishes.file()),
        )
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
            ("asyncio.start_server(handle, '0.0.0.0', p)", Some(Port::Unknown)),
            ("# web.run_app(app)", None),
            ("print(1)", None),
        ] {
            assert_eq!(listener(&[("main.py", text)]).map(|l| l.port), want, "{text}");
        }
    }
}
