//! The port that a start command names.

use super::{
    code::{Code, Languages},
    typed::Service,
};
use crate::{
    ServiceKind, interpolate,
    server::{self, Program, Server},
    source::procfile,
};

/// That of a service; a script for a shell is read with the service's variables filled in.
pub(super) fn of(service: &Service) -> Option<u16> {
    named(service)?.parse().ok().filter(|port| *port != 0)
}

/// What a service's command names as its port, and no port has.
pub(super) fn refused(service: &Service) -> Option<String> {
    let is_number = |text: &String| text.bytes().all(|b| b.is_ascii_digit());
    named(service).filter(|text| is_number(text) && text.parse::<u16>().ok().is_none_or(|port| port == 0))
}

/// The number that a service's command names as its port.
fn named(service: &Service) -> Option<String> {
    let start = service.start.as_deref()?;
    let Some(script) = server::script(start) else { return of_command(start) };
    let value = |name: &str| service.env.iter().find(|v| v.name == name)?.value.clone();
    // What only a shell understands is read as it is.
    let filled = interpolate::expand(script, &mut |name| value(name)).map(|e| e.text);
    let script = filled.as_deref().unwrap_or(script);
    server::commands(script).iter().find_map(|command| of_command(command))
}

/// Options that name a port, or an address with one, whatever the program.
const FLAGS: [&str; 7] = ["--port", "--server.port", "--bind", "-b", "--listen", "--http", "--http-socket"];

/// `--port 8501`, `--server.port=8501`, `--bind 0.0.0.0:9000`, `-b:9000`, `flask run -p 5000`, `-m http.server 9000`,
/// `manage.py runserver 0.0.0.0:9000`.
fn of_command(start: &[String]) -> Option<String> {
    let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = |text: &str| text.rsplit(':').next().filter(is_number).map(str::to_owned);
    let words = || start.iter().map(String::as_str);
    let program = match server::program(start) {
        Some(Program::Http(program)) => Some(program),
        Some(Program::Other) | None => None,
    };
    let after = match program {
        Some(Server::HttpServer) => Some("http.server"),
        Some(Server::Django) => Some("runserver"),
        Some(_) | None => None,
    };
    if let Some(found) = after.and_then(|after| words().skip_while(|w| *w != after).skip(1).find_map(number))
    {
        return Some(found);
    }
    // Elsewhere it says how many processes there are, or where a file is.
    let is_short = matches!(
        program,
        Some(Server::Daphne | Server::Flask | Server::Sanic | Server::Puma | Server::NextJs | Server::Rails)
    );
    let names = |flag: &str| FLAGS.contains(&flag) || (is_short && flag == "-p");
    let mut words = words();
    while let Some(word) = words.next() {
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (word, None),
        };
        if names(flag) {
            let value = value.or_else(|| words.next())?;
            // An address alone is none.
            let found = number(value).filter(|_| !value.contains("/tmp"));
            if found.is_some() || value.contains("PORT") {
                return found;
            }
        } else if let Some(found) = word.strip_prefix("-b").filter(|v| v.contains(':')).and_then(number) {
            return Some(found);
        }
    }
    None
}

/// The port that a `Procfile` beside the code, or a file of settings, names where the command says none.
pub(super) fn in_files(code: Code<'_>, languages: &dyn Languages, service: &Service) -> Option<u16> {
    let line = match (&service.start, service.kind) {
        (None, None | Some(ServiceKind::Web)) => {
            let text = code.text(procfile::NAME)?;
            let line = procfile::lines(text).find(|line| line.is("web"))?;
            shell_words::split(&procfile::port_as_variable(line.command)).ok()?
        }
        (None, Some(ServiceKind::Worker | ServiceKind::Job)) => return None,
        (Some(start), _) => start.clone(),
    };
    let line = match server::script(&line) {
        Some(script) => server::commands(script).into_iter().find(|c| of_command(c).is_some())?,
        None => line,
    };
    if let Some(port) = of_command(&line) {
        return port.parse().ok().filter(|port| *port != 0);
    }
    let folder = service.workdir.as_ref().map_or(".", |w| w.value.as_str());
    languages.port(&code, &line, folder)
}

#[cfg(test)]
mod tests {
    use crate::manifest::{ManifestInput, NoLanguages, resolve};

    /// Bug: a port that stood in a script for a shell was not seen, and another was waited for until the deploy failed.
    #[test]
    fn commands() {
        for (start, env, want) in [
            ("uvicorn a:b --port 8501", "", 8501),
            ("streamlit run x --server.port=8502", "", 8502),
            ("gunicorn a:b -b 0.0.0.0:9000", "", 9000),
            ("gunicorn a:b --bind 0.0.0.0:$PORT", "", 8000),
            ("python -m http.server 9001", "", 9001),
            ("python -m http.server --bind 0.0.0.0 9002", "", 9002),
            ("python -m http.server", "", 8000),
            ("flask run -h 0.0.0.0 -p 5001", "", 5001),
            ("daphne -b 0.0.0.0 -p 8009 site.asgi:application", "", 8009),
            ("python manage.py runserver 0.0.0.0:8010", "", 8010),
            ("python manage.py runserver 8011", "", 8011),
            ("waitress-serve --listen=*:8012 app:app", "", 8012),
            ("uwsgi --http :8013 -p 4 --module app", "", 8013),
            ("gunicorn -b0.0.0.0:8014 -p x.pid app:app", "", 8014),
            ("bash -c 'flask run -p 8015'", "", 8015),
            ("uvicorn a:b --host 0.0.0.0 -p 99", "", 8000),
            ("sh -c 'sleep 1 && exec python -m http.server 9003'", "", 9003),
            ("bash -ec 'gunicorn -b :${SERVER_PORT} a:b'", "SERVER_PORT = '3100'", 3100),
            ("sh -c 'gunicorn -b :$SERVER_PORT a:b'", "SERVER_PORT = '3101'", 3101),
            ("sh -c 'gunicorn -b :${SERVER_PORT:-3102} a:b'", "", 3102),
            ("sh -c 'gunicorn -b :$PORT a:b'", "", 8000),
            ("sh -c 'x=$(date) && gunicorn -b :9004 a:b'", "", 9004),
        ] {
            let mut input = ManifestInput::new("x");
            let env = env.replace("$", "$$");
            input.add_file(
                "dormouse.toml",
                format!("[services.w]\nsource = '.'\nstart = \"{start}\"\nenv = {{ {env} }}\n"),
            );
            let (spec, _) = resolve(&input, &NoLanguages).unwrap();
            assert_eq!(spec.services.values().next().unwrap().port, want, "{start}");
        }
    }
}
