//! `Procfile`: a process and its command on each line.

/// The file's name.
pub const NAME: &str = "Procfile";

/// Tools that run programs in an environment of their own.
const RUNNERS: [&str; 4] = ["poetry", "uv", "pipenv", "pdm"];

/// A line of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'t> {
    /// Its number, from 1.
    pub number: usize,
    /// What the process is called.
    pub process: &'t str,
    /// How it is started, as a shell would read it.
    pub command: &'t str,
}

/// Every process that it names.
pub fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().enumerate().filter_map(|(i, line)| read(i + 1, line))
}

/// Numbers, from 1, and texts of lines that name no process and are no comments either.
pub fn unread(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    lines.filter(|(i, line)| !line.is_empty() && !line.starts_with('#') && read(*i, line).is_none())
}

impl Line<'_> {
    /// Whether this is the process of a name. `Web:` is meant for `web`.
    #[must_use]
    pub fn is(&self, process: &str) -> bool {
        self.process.eq_ignore_ascii_case(process)
    }

    /// Whether its name is a slip of that one: `wbe` of `web`, but not `web2`.
    #[must_use]
    pub fn is_nearly(&self, process: &str) -> bool {
        is_nearly(self.process, process)
    }
}

/// What a line that cannot be read was meant to be, when that is the one of a process: `web gunicorn app:app`.
#[must_use]
pub fn meant(line: &str, process: &str) -> Option<String> {
    let end = line.find(|c: char| c.is_whitespace() || "=;,.".contains(c))?;
    let (name, rest) = line.split_at(end);
    let command = rest.trim_start_matches(|c: char| c.is_whitespace() || "=;,.:".contains(c));
    let it_is = name.eq_ignore_ascii_case(process) || is_nearly(name, process);
    (it_is && !command.is_empty()).then(|| format!("{process}: {command}"))
}

fn is_nearly(name: &str, process: &str) -> bool {
    let name = name.to_lowercase();
    name != process
        && name.chars().all(|c| c.is_ascii_alphabetic())
        && strsim::osa_distance(&name, process) <= 1
}

/// The words of a command, without what runs others in an environment that is there anyway: `poetry run`.
#[must_use]
pub fn without_runner(mut words: Vec<String>) -> Vec<String> {
    if words.len() > 2
        && words[1] == "run"
        && RUNNERS.contains(&words[0].as_str())
        && !words[2].starts_with('-')
    {
        words.drain(..2);
    }
    words
}

fn read(number: usize, line: &str) -> Option<Line<'_>> {
    let (process, command) = line.split_once(':')?;
    let process = process.trim();
    let is_name =
        !process.is_empty() && process.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    is_name.then_some(Line { number, process, command: command.trim() })
}

/// Every spelling of the port as `$PORT`: `${PORT}`, `${PORT:-8000}`.
#[must_use]
pub fn port_as_variable(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once("${PORT") {
        out += before;
        match after.split_once('}') {
            Some((default, after)) if default.is_empty() || default.starts_with(":-") => {
                out += "$PORT";
                rest = after;
            }
            Some(_) | None => {
                out += "${PORT";
                rest = after;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes() {
        let text = "# web: no\nweb : gunicorn app:app\r\n\nworker-2: celery -A x\nhttp://x: y\nrelease:";
        let found: Vec<_> = lines(text).map(|l| (l.number, l.process, l.command)).collect();
        assert_eq!(
            found,
            [
                (2, "web", "gunicorn app:app"),
                (4, "worker-2", "celery -A x"),
                (5, "http", "//x: y"),
                (6, "release", "")
            ]
        );
        // Bug: they were passed over in silence.
        let text = "# web: no\n  \nweb gunicorn app:app\nmy web: x\nworker: y\n: z";
        let unread: Vec<_> = unread(text).collect();
        assert_eq!(unread, [(3, "web gunicorn app:app"), (4, "my web: x"), (6, ": z")]);
    }

    #[test]
    fn slips() {
        for (line, want) in [
            ("web gunicorn app:app", Some("web: gunicorn app:app")),
            ("Web = gunicorn", Some("web: gunicorn")),
            ("wbe; x", Some("web: x")),
            ("web", None),
            ("web ", None),
            ("webhook x", None),
            ("my web: x", None),
            (": z", None),
        ] {
            assert_eq!(meant(line, "web").as_deref(), want, "{line}");
        }
        for (process, is) in [("wbe", true), ("Webb", true), ("web", false), ("web2", false), ("db", false)] {
            assert_eq!(Line { number: 1, process, command: "x" }.is_nearly("web"), is, "{process}");
        }
    }
}
