//! The port that a start command names.

use super::typed::Service;
use crate::{interpolate, server};

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

/// `--port 8501`, `--server.port=8501`, `--bind 0.0.0.0:9000`, `-m http.server 9000`.
fn of_command(start: &[String]) -> Option<String> {
    let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = |text: &str| Some(text).filter(is_number).map(str::to_owned);
    let mut words = start.iter().map(String::as_str);
    if words.clone().any(|word| word == "http.server") {
        return words.skip_while(|word| *word != "http.server").find_map(number);
    }
    while let Some(word) = words.next() {
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (word, None),
        };
        if matches!(flag, "--port" | "--server.port" | "--bind" | "-b") {
            let value = value.or_else(|| words.next())?;
            return value.rsplit(':').next().and_then(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::manifest::{ManifestInput, resolve};

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
            let (spec, _) = resolve(&input).unwrap();
            assert_eq!(spec.services.values().next().unwrap().port, want, "{start}");
        }
    }
}
