//! Which program a command line comes to, behind whatever wraps it.

use super::{Program, Server, shell};

/// Programs that serve HTTP: their names, a word that has to follow when only then they do, and what they are.
const HTTP: &[(&[&str], Option<&str>, Server)] = &[
    (&["uvicorn"], None, Server::Uvicorn),
    (&["gunicorn"], None, Server::Gunicorn),
    (&["hypercorn"], None, Server::Hypercorn),
    (&["daphne"], None, Server::Daphne),
    (&["granian"], None, Server::Granian),
    (&["waitress-serve", "waitress"], None, Server::Waitress),
    (&["fastapi"], Some("run"), Server::FastApi),
    (&["fastapi"], Some("dev"), Server::FastApi),
    (&["flask", "quart"], Some("run"), Server::Flask),
    (&["manage.py", "manage", "django-admin", "django"], Some("runserver"), Server::Django),
    (&["streamlit"], Some("run"), Server::Streamlit),
    (&["gradio"], None, Server::Gradio),
    (&["sanic"], None, Server::Sanic),
    (&["panel", "bokeh"], Some("serve"), Server::Panel),
    (&["chainlit"], Some("run"), Server::Chainlit),
    (
        &["jupyter", "jupyter-lab", "jupyter-notebook", "jupyterlab", "notebook", "voila"],
        None,
        Server::Jupyter,
    ),
    (&["http.server"], None, Server::HttpServer),
    (&["next"], Some("start"), Server::NextJs),
    (&["next"], Some("dev"), Server::NextJs),
    (&["vite"], None, Server::Vite),
    (&["puma"], None, Server::Puma),
    (&["rails"], Some("server"), Server::Rails),
    (&["rails"], Some("s"), Server::Rails),
    (&["php"], Some("-S"), Server::Php),
    (&["litestar", "shiny", "solara", "marimo", "reflex", "mesop"], Some("run"), Server::Other),
    (&["mlflow"], Some("server"), Server::Other),
    (&["mlflow"], Some("ui"), Server::Other),
    (
        &["bentoml", "ray-serve", "mkdocs", "vllm", "ollama", "dagster-webserver"],
        Some("serve"),
        Server::Other,
    ),
    (&["airflow"], Some("webserver"), Server::Other),
    (&["airflow"], Some("api-server"), Server::Other),
    (&["celery"], Some("flower"), Server::Other),
    (&["chroma"], Some("run"), Server::Other),
    (
        &["tensorboard", "datasette", "litellm", "flower", "pgadmin4", "bjoern", "cherryd"],
        None,
        Server::Other,
    ),
    (&["unicorn", "thin", "rackup", "falcon", "passenger"], None, Server::Other),
    (&["nginx", "caddy", "httpd", "apache2", "lighttpd", "traefik", "haproxy", "envoy"], None, Server::Other),
    (&["http-server", "json-server", "nuxt", "astro", "gatsby", "webpack-dev-server"], None, Server::Other),
];

/// Programs that speak another protocol.
const OTHER: &[&str] = &[
    "redis-server",
    "valkey-server",
    "keydb-server",
    "dragonfly",
    "memcached",
    "postgres",
    "postmaster",
    "pgbouncer",
    "mysqld",
    "mysqld_safe",
    "mariadbd",
    "mariadbd-safe",
    "mongod",
    "mongos",
    "rabbitmq-server",
    "beam.smp",
    "nats-server",
    "mosquitto",
    "sshd",
    "dropbear",
    "vsftpd",
    "dnsmasq",
    "named",
    "postfix",
    "cassandra",
    "slapd",
];

/// A program that runs another: its names, the word before that, its options that take a value, and how many words of its
/// own stand before it.
type Wrapper = (&'static [&'static str], Option<&'static str>, &'static [&'static str], usize);

const WRAPPERS: &[Wrapper] = &[
    (&["env"], None, &["-u", "--unset", "-C", "--chdir"], 0),
    (&["exec"], None, &["-a"], 0),
    (
        &["command", "nohup", "setsid", "time", "ddtrace-run", "opentelemetry-instrument", "catatonit"],
        None,
        &[],
        0,
    ),
    (&["nice"], None, &["-n", "--adjustment"], 0),
    (&["ionice"], None, &["-c", "-n"], 0),
    (&["timeout"], None, &["-s", "--signal", "-k", "--kill-after"], 1),
    (&["stdbuf"], None, &["-i", "-o", "-e"], 0),
    (&["tini", "dumb-init"], None, &["-p", "-e", "-r"], 0),
    (&["gosu", "su-exec", "setuidgid"], None, &[], 1),
    (&["sudo", "chpst"], None, &["-u", "-g"], 0),
    (&["setpriv"], None, &[], 0),
    (&["xvfb-run"], None, &["-s", "-n", "--server-args"], 0),
    (
        &["uv"],
        Some("run"),
        &["-p", "--python", "--with", "--project", "--directory", "--env-file", "--extra", "--group"],
        0,
    ),
    (&["uvx"], None, &["-p", "--python", "--with", "--from"], 0),
    (&["poetry", "pdm", "pipenv", "hatch", "rye", "pixi"], Some("run"), &["-C", "-p", "-e"], 0),
    (&["conda", "mamba", "micromamba"], Some("run"), &["-n", "--name", "-p", "--prefix"], 0),
    (&["bundle"], Some("exec"), &[], 0),
    (&["npx", "bunx"], None, &["-p", "--package"], 0),
    (&["npm", "pnpm", "yarn"], Some("exec"), &[], 0),
    (&["newrelic-admin"], Some("run-program"), &[], 0),
    (&["doppler", "infisical", "op", "dotenv"], Some("run"), &["-p", "-c", "-f", "--env"], 0),
    (&["coverage"], Some("run"), &["-m"], 0),
];

const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "zsh", "busybox"];

/// Longest chain of wrappers; a longer one is no command that anybody wrote.
const DEEPEST: usize = 8;

/// What a command line starts; `None` when that cannot be told.
#[must_use]
pub fn program(argv: &[String]) -> Option<Program> {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    behind(&words, DEEPEST)
}

/// What a command line that tells nothing for sure most likely serves with.
#[must_use]
pub fn guess(argv: &[String]) -> Option<Server> {
    let runs = argv.iter().find(|w| !is_assignment(w)).map(|w| name(w));
    runs.filter(|name| ["node", "nodejs", "npm", "yarn", "pnpm", "bun", "deno"].contains(name))
        .map(|_| Server::Node)
}

fn behind(words: &[&str], depth: usize) -> Option<Program> {
    let depth = depth.checked_sub(1)?;
    let start = words.iter().position(|w| !is_assignment(w))?;
    let (first, rest) = words[start..].split_first()?;
    let name = name(first);
    if SHELLS.contains(&name) {
        return in_shell(rest, depth);
    }
    if is_python(name) {
        return in_python(rest, depth);
    }
    if name == "env"
        && let Some(at) = rest.iter().position(|w| matches!(*w, "-S" | "--split-string"))
    {
        let line = shell_words::split(rest.get(at + 1)?).ok()?;
        let line: Vec<&str> = line.iter().map(String::as_str).chain(rest[at + 2..].iter().copied()).collect();
        return behind(&line, depth);
    }
    if let Some(inner) = unwrapped(name, rest) {
        return behind(inner, depth);
    }
    named(name, rest)
}

/// A program by its name and what follows it.
fn named(name: &str, rest: &[&str]) -> Option<Program> {
    if name == "uwsgi" {
        let http = rest.iter().any(|w| w.starts_with("--http"));
        return http.then_some(Program::Http(Server::Uwsgi));
    }
    if OTHER.contains(&name) {
        return Some(Program::Other);
    }
    let follows = |verb: &Option<&str>| verb.is_none_or(|verb| rest.contains(&verb));
    let found = HTTP.iter().find(|(names, verb, _)| names.contains(&name) && follows(verb));
    found.map(|(.., server)| Program::Http(*server))
}

/// What a wrapper runs.
fn unwrapped<'a>(name: &str, rest: &'a [&'a str]) -> Option<&'a [&'a str]> {
    let (_, verb, valued, own) = WRAPPERS.iter().find(|(names, ..)| names.contains(&name))?;
    let mut rest = rest;
    if let Some(verb) = verb {
        rest = &rest[rest.iter().position(|w| w == verb)? + 1..];
    }
    let rest = without_options(rest, valued);
    rest.get(*own..)
}

fn without_options<'a>(mut rest: &'a [&'a str], valued: &[&str]) -> &'a [&'a str] {
    while let Some((word, after)) = rest.split_first() {
        rest = match *word {
            "--" => return after,
            option if option.starts_with('-') && valued.contains(&option) => {
                after.get(1..).unwrap_or_default()
            }
            option if option.starts_with('-') => after,
            _command => return rest,
        };
    }
    rest
}

/// The script in `sh -c "…"`.
pub(crate) fn script(argv: &[String]) -> Option<&str> {
    let (first, rest) = argv.split_first()?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    if SHELLS.contains(&name(first)) { script_in(&rest) } else { None }
}

fn script_in<'a>(rest: &[&'a str]) -> Option<&'a str> {
    let is_option = |w: &&&str| w.starts_with('-') && !w.starts_with("--");
    let at = rest.iter().take_while(is_option).position(|w| w.contains('c'))?;
    // Further options may stand between: `sh -c -e '…'`.
    rest[at + 1..].iter().find(|w| !w.starts_with('-')).copied()
}

/// What a script of its own file starts is not known.
fn in_shell(rest: &[&str], depth: usize) -> Option<Program> {
    let script = script_in(rest)?;
    let found: Vec<Program> = shell::commands(script)
        .iter()
        .filter_map(|words| behind(&words.iter().map(String::as_str).collect::<Vec<_>>(), depth))
        .collect();
    found.iter().find(|p| matches!(p, Program::Http(_))).or(found.first()).copied()
}

/// `python -m module`, or a program's own script.
fn in_python(rest: &[&str], depth: usize) -> Option<Program> {
    let mut rest = rest;
    while let Some((word, after)) = rest.split_first() {
        match *word {
            "-m" => return behind(after, depth),
            "-c" | "-" => return None,
            "-W" | "-X" => rest = after.get(1..).unwrap_or_default(),
            option if option.starts_with('-') => rest = after,
            _script => return behind(rest, depth),
        }
    }
    None
}

/// The program's name: without its folder, and without what servers write over their command line
/// (`gunicorn: master [app:app]`, `redis-server *:6379`).
fn name(word: &str) -> &str {
    let title = word.split([':', ' ']).next().unwrap_or(word);
    title.rsplit('/').next().unwrap_or(title)
}

fn is_python(name: &str) -> bool {
    let version = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    version.is_some_and(|v| v.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs() {
        let http = |server| Some(Program::Http(server));
        for (line, want) in [
            ("uvicorn main:app --port $PORT", http(Server::Uvicorn)),
            ("/opt/venv/bin/gunicorn app:app", http(Server::Gunicorn)),
            ("python -m gunicorn app:app", http(Server::Gunicorn)),
            ("python3.11 -u -X dev -m uvicorn main:app", http(Server::Uvicorn)),
            ("python /usr/bin/gunicorn app:app", http(Server::Gunicorn)),
            ("hypercorn app:app", http(Server::Hypercorn)),
            ("daphne mysite.asgi:application", http(Server::Daphne)),
            ("granian --interface asgi main:app", http(Server::Granian)),
            ("waitress-serve --port $PORT app:app", http(Server::Waitress)),
            ("flask --app hello run", http(Server::Flask)),
            ("python -m flask run", http(Server::Flask)),
            ("flask db upgrade", None),
            ("streamlit run page.py", http(Server::Streamlit)),
            ("gradio app.py", http(Server::Gradio)),
            ("python manage.py runserver 0.0.0.0:8000", http(Server::Django)),
            ("python ./src/manage.py runserver", http(Server::Django)),
            ("python manage.py migrate", None),
            ("uwsgi --http :8000 --module app", http(Server::Uwsgi)),
            ("uwsgi --http-socket=:8000", http(Server::Uwsgi)),
            ("uwsgi --socket :3031", None),
            ("python -m http.server 8000", http(Server::HttpServer)),
            ("fastapi run main.py", http(Server::FastApi)),
            // Behind what wraps it.
            ("X=1 Y='a b' gunicorn app:app", http(Server::Gunicorn)),
            ("env -u A X=1 gunicorn app:app", http(Server::Gunicorn)),
            ("env -S 'X=1 gunicorn app:app'", http(Server::Gunicorn)),
            ("exec uvicorn main:app", http(Server::Uvicorn)),
            ("sh -c 'exec uvicorn main:app'", http(Server::Uvicorn)),
            (
                "bash -lc 'cd src && python manage.py migrate && exec gunicorn site.wsgi'",
                http(Server::Gunicorn),
            ),
            ("/bin/sh -e -c 'redis-server & exec uvicorn main:app'", http(Server::Uvicorn)),
            ("sh -c 'sh -c \"X=1 uvicorn main:app\"'", http(Server::Uvicorn)),
            ("uv run --with x -- uvicorn main:app", http(Server::Uvicorn)),
            ("poetry run gunicorn app:app", http(Server::Gunicorn)),
            ("newrelic-admin run-program gunicorn app:app", http(Server::Gunicorn)),
            ("timeout -k 5 1h nice -n 5 tini -- uvicorn main:app", http(Server::Uvicorn)),
            ("gosu app gunicorn app:app", http(Server::Gunicorn)),
            ("npx next start", http(Server::NextJs)),
            // As they call themselves while they run.
            ("'gunicorn: master [app:app]'", http(Server::Gunicorn)),
            ("'nginx: master process /usr/sbin/nginx'", http(Server::Other)),
            ("'redis-server *:6379'", Some(Program::Other)),
            // Something else.
            ("redis-server --port 6379", Some(Program::Other)),
            ("sh -c 'exec redis-server'", Some(Program::Other)),
            ("/usr/lib/postgresql/15/bin/postgres -D /data", Some(Program::Other)),
            // Not to be told, though the words are there.
            ("python main.py", None),
            ("python -c 'import uvicorn'", None),
            ("python loop.py --server uvicorn", None),
            ("sh start.sh gunicorn", None),
            ("sh -c 'pip install gunicorn && ./serve'", None),
            ("celery -A streamlit worker", None),
            ("./uvicorn-like", None),
            ("sh -c", None),
            ("env", None),
            ("X=1", None),
            ("", None),
        ] {
            assert_eq!(program(&shell_words::split(line).unwrap()), want, "{line}");
        }
    }

    #[test]
    fn no_chain_is_too_long() {
        let chain: Vec<String> = std::iter::repeat_n("exec".to_owned(), 100_000).collect();
        assert_eq!(program(&chain), None);
    }
}
