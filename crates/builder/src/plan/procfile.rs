//! Reading a `Procfile`.

use std::collections::BTreeMap;

use dormouse_model::{Origin, ServiceKind, server, source::procfile};

use super::{Listing, PlanError, Wishes};

/// A line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Variables set before the command.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) words: Vec<String>,
    pub(crate) origin: Origin,
}

/// The command for this service, if there is a `Procfile` that names one. A worker may have a line of its own name.
pub(crate) fn command(listing: &Listing, wishes: &Wishes<'_>) -> Result<Option<Command>, PlanError> {
    let Some(text) = listing.read(procfile::NAME)? else { return Ok(None) };
    let names: &[&str] = match wishes.kind {
        ServiceKind::Web => &["web"],
        ServiceKind::Worker => &[wishes.service, "worker"],
        ServiceKind::Job => &[wishes.service],
    };
    let found = names.iter().find_map(|name| procfile::lines(text).find(|l| l.is(name)));
    let Some(procfile::Line { number: at, process: name, command: line }) = found else { return Ok(None) };
    let (key, file) = (wishes.start_key(), wishes.file());
    let wrong = |why: &str, hint: String| {
        PlanError::new(format!("the `{name}` line of the Procfile {why} (line {at})"), hint)
    };
    let unreadable = |why: String| wrong(&why, format!("mend it, or name the command as `{key}` in {file}"));
    if line.ends_with('\\') {
        return Err(unreadable("ends with a `\\`, and does not go on in the next one".to_owned()));
    }
    if let Some(sign) = server::needed_for(line) {
        return Err(wrong(&format!("uses `{sign}`, which needs a shell"), in_a_shell(line, wishes)));
    }
    let split = |line: &str| shell_words::split(line).map_err(|e| unreadable(format!("cannot be read: {e}")));
    let mut words = split(line)?;
    // The whole of it in quotes, as in other formats.
    if let [all] = words.as_slice()
        && all.contains(' ')
    {
        words = split(all)?;
    }
    let mut env = BTreeMap::new();
    let mut words = words.iter().map(|w| procfile::port_as_variable(w)).peekable();
    while let Some((variable, value)) = words.peek().and_then(|word| assignment(word)) {
        env.insert(variable.to_owned(), value.replace("$PORT", &wishes.port.to_string()));
        words.next();
    }
    // The port is ours to give.
    env.remove("PORT");
    // A shell's word for what happens here anyway.
    words.next_if(|word| word == "exec");
    let words = procfile::without_runner(words.collect());
    if words.is_empty() {
        return Err(unreadable("is empty".to_owned()));
    }
    Ok(Some(Command { env, words, origin: Origin::written(procfile::NAME, at) }))
}

/// `NAME=value`.
fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some((name, value))
}

/// What to write so that a shell reads a line.
fn in_a_shell(line: &str, wishes: &Wishes<'_>) -> String {
    let (key, file, service) = (wishes.start_key(), wishes.file(), wishes.service);
    match wishes.compose {
        Some(_) => format!("write {key}: [\"sh\", \"-c\", {line:?}] for {service} in {file}"),
        None => format!("write {key} = [\"sh\", \"-c\", {line:?}] under [services.{service}] in {file}"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    /// Bug: `;` was passed on to the program, the whole in quotes taken for its name, and `poetry` was to be run.
    #[test]
    fn lines_and_variables() {
        let mut out = String::new();
        for text in [
            "web: gunicorn app:app --bind :${PORT:-80}",
            "# a\r\n\r\nweb : exec gunicorn app:app\r\n",
            "web: X=1 Y='a b' BIND=0.0.0.0:$PORT PORT=1 gunicorn app:app A=b",
            "web: env X=1 gunicorn app:app",
            "web:",
            "web: X=1",
            "web: X=$HOME gunicorn",
            "web: a 'b",
            "web: python manage.py migrate; gunicorn app:app",
            "web: cd src && gunicorn \"x\"",
            "web: bash -c 'a && b $X'",
            "web: \"gunicorn app:app\"",
            "Web: poetry run gunicorn app:app",
            "web: uv run --with x gunicorn app:app",
            "web: gunicorn app:app \\\n  --bind x",
            "web-admin: a\nworker: celery\nrelease: python manage.py migrate",
            "worker: celery\nbeat: celery beat",
        ] {
            let listing = Listing::from([("Procfile", text)]);
            for (service, kind) in [("web", ServiceKind::Web), ("beat", ServiceKind::Worker)] {
                let wishes = Wishes { service, kind, ..Wishes::nothing() };
                out += &match command(&listing, &wishes) {
                    Ok(Some(c)) => format!("{service}: {} {:?} {:?}\n", c.origin, c.env, c.words),
                    Ok(None) => String::new(),
                    Err(e) => format!("{service}: {}\n  {}\n", e.why, e.hint),
                };
            }
        }
        expect![[r#"
            web: Procfile:1 {} ["gunicorn", "app:app", "--bind", ":$PORT"]
            web: Procfile:3 {} ["gunicorn", "app:app"]
            web: Procfile:1 {"BIND": "0.0.0.0:8000", "X": "1", "Y": "a b"} ["gunicorn", "app:app", "A=b"]
            web: Procfile:1 {} ["env", "X=1", "gunicorn", "app:app"]
            web: the `web` line of the Procfile is empty (line 1)
              mend it, or name the command as `start` in dormouse.toml
            web: the `web` line of the Procfile is empty (line 1)
              mend it, or name the command as `start` in dormouse.toml
            web: the `web` line of the Procfile uses `$HOME`, which needs a shell (line 1)
              write start = ["sh", "-c", "X=$HOME gunicorn"] under [services.web] in dormouse.toml
            web: the `web` line of the Procfile cannot be read: missing closing quote (line 1)
              mend it, or name the command as `start` in dormouse.toml
            web: the `web` line of the Procfile uses `;`, which needs a shell (line 1)
              write start = ["sh", "-c", "python manage.py migrate; gunicorn app:app"] under [services.web] in dormouse.toml
            web: the `web` line of the Procfile uses `&&`, which needs a shell (line 1)
              write start = ["sh", "-c", "cd src && gunicorn \"x\""] under [services.web] in dormouse.toml
            web: Procfile:1 {} ["bash", "-c", "a && b $X"]
            web: Procfile:1 {} ["gunicorn", "app:app"]
            web: Procfile:1 {} ["gunicorn", "app:app"]
            web: Procfile:1 {} ["uv", "run", "--with", "x", "gunicorn", "app:app"]
            web: the `web` line of the Procfile ends with a `\`, and does not go on in the next one (line 1)
              mend it, or name the command as `start` in dormouse.toml
            beat: Procfile:2 {} ["celery"]
            beat: Procfile:2 {} ["celery", "beat"]
        "#]]
        .assert_eq(&out);
    }
}
