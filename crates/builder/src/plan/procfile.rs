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
    let found = names(wishes).iter().find_map(|name| procfile::lines(text).find(|l| l.is(name)));
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

/// What the processes of a service may be called, the likeliest first.
fn names<'w>(wishes: &Wishes<'w>) -> Vec<&'w str> {
    match wishes.kind {
        ServiceKind::Web => vec!["web"],
        ServiceKind::Worker => vec![wishes.service, "worker"],
        ServiceKind::Job => vec![wishes.service],
    }
}

/// Why a `Procfile` starts nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unused {
    /// With the line, where there is one to look at.
    pub(crate) why: String,
    /// What to write instead, where that can be told.
    pub(crate) hint: Option<String>,
}

/// Why the `Procfile` in this folder, if there is one, names no command for this service.
pub(crate) fn unused(listing: &Listing, wishes: &Wishes<'_>, folder: &str) -> Option<Unused> {
    let text = listing.read(procfile::NAME).ok()??;
    let slash = if folder.is_empty() { "" } else { "/" };
    let file = format!("{folder}{slash}{}", procfile::NAME);
    let names = names(wishes);
    let name = names.first()?;
    let unread = |(at, line): (usize, &str)| {
        let meant = names.iter().find_map(|name| procfile::meant(line, name))?;
        let why = format!("{file}:{at} is not read, as it has no colon after a name: `{line}`");
        Some(Unused { why, hint: Some(format!("write it as `{meant}`")) })
    };
    let nearly = |line: procfile::Line<'_>| {
        let (name, at, slip) = (names.iter().find(|name| line.is_nearly(name))?, line.number, line.process);
        let why = format!("{file}:{at} names `{slip}`, and not `{name}`");
        Some(Unused {
            why,
            hint: Some(format!("if that is what it is, write it as `{name}: {}`", line.command)),
        })
    };
    let other = |(at, line): (usize, &str)| Unused {
        why: format!("{file}:{at} is not read: `{line}`"),
        hint: Some(format!("a line is a name, a colon and a command, such as `{name}: {}`", example(wishes))),
    };
    let found = procfile::unread(text).find_map(unread).or_else(|| procfile::lines(text).find_map(nearly));
    let found = found.or_else(|| procfile::unread(text).next().map(other));
    Some(found.unwrap_or_else(|| {
        let others: Vec<_> =
            procfile::lines(text).map(|l| format!("`{}` ({file}:{})", l.process, l.number)).collect();
        let why = match others.as_slice() {
            [] => format!("{file} names no process"),
            others => format!("{file} has no line for `{name}`, only {}", others.join(", ")),
        };
        Unused { why, hint: None }
    }))
}

fn example(wishes: &Wishes<'_>) -> &'static str {
    match wishes.kind {
        ServiceKind::Web => "gunicorn app:app",
        ServiceKind::Worker => "celery -A tasks worker",
        ServiceKind::Job => "python manage.py migrate",
    }
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

/// What became of these lines where nothing else says how a service is started.
#[cfg(test)]
mod unused_tests {
    use expect_test::expect;

    use super::*;

    /// Bug: no Procfile was found, it said, where there was one.
    #[test]
    fn why_it_starts_nothing() {
        let mut out = String::new();
        for text in [
            "# web: no\n\nweb gunicorn app:app",
            "worker: celery\nwbe: gunicorn app:app",
            "gunicorn app:app",
            "release: x\nclock: y\n",
            "# nothing\n",
            "beta: celery beat",
        ] {
            let listing = Listing::from([("Procfile", text)]);
            for (service, kind) in [("web", ServiceKind::Web), ("beat", ServiceKind::Worker)] {
                let wishes = Wishes { service, kind, ..Wishes::nothing() };
                if command(&listing, &wishes).unwrap().is_none() {
                    let Unused { why, hint } = unused(&listing, &wishes, "api").unwrap();
                    out += &format!("{service}: {why}\n  {}\n", hint.unwrap_or("-".to_owned()));
                }
            }
        }
        expect![[r#"
            web: api/Procfile:3 is not read, as it has no colon after a name: `web gunicorn app:app`
              write it as `web: gunicorn app:app`
            beat: api/Procfile:3 is not read: `web gunicorn app:app`
              a line is a name, a colon and a command, such as `beat: celery -A tasks worker`
            web: api/Procfile:2 names `wbe`, and not `web`
              if that is what it is, write it as `web: gunicorn app:app`
            web: api/Procfile:1 is not read: `gunicorn app:app`
              a line is a name, a colon and a command, such as `web: gunicorn app:app`
            beat: api/Procfile:1 is not read: `gunicorn app:app`
              a line is a name, a colon and a command, such as `beat: celery -A tasks worker`
            web: api/Procfile has no line for `web`, only `release` (api/Procfile:1), `clock` (api/Procfile:2)
              -
            beat: api/Procfile has no line for `beat`, only `release` (api/Procfile:1), `clock` (api/Procfile:2)
              -
            web: api/Procfile names no process
              -
            beat: api/Procfile names no process
              -
            web: api/Procfile has no line for `web`, only `beta` (api/Procfile:1)
              -
            beat: api/Procfile:1 names `beta`, and not `beat`
              if that is what it is, write it as `beat: celery beat`
        "#]].assert_eq(&out);
        assert_eq!(unused(&Listing::from([("procfile", "")]), &Wishes::nothing(), ""), None);
    }
}
