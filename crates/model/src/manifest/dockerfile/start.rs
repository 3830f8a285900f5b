//! `CMD` and `ENTRYPOINT` as far as they can be run without their image and without a shell.

use parse_dockerfile::Command;

use super::tolerant::NOTHING;
use crate::source::procfile::port_as_variable;

/// Programs that an image of ours has, or that Python packages bring.
const PROGRAMS: [&str; 19] = [
    "uvicorn",
    "gunicorn",
    "hypercorn",
    "daphne",
    "granian",
    "waitress-serve",
    "fastapi",
    "flask",
    "quart",
    "streamlit",
    "chainlit",
    "celery",
    "dramatiq",
    "rq",
    "arq",
    "panel",
    "litestar",
    "mlflow",
    "sanic",
];

/// Shells whose `-c` is taken apart.
const SHELLS: [&str; 4] = ["sh", "bash", "dash", "ash"];

/// What a script may be written for.
const INTERPRETERS: [&str; 5] = ["sh", "bash", "dash", "python", "python3"];

/// A command as words; `None` where it needs a shell.
pub(super) fn words(command: &Command<'_>) -> Option<Vec<String>> {
    let words: Vec<String> = match command {
        Command::Exec(words) => words.value.iter().map(|w| w.value.to_string()).collect(),
        Command::Shell(line) if line.value.trim() == NOTHING => return Some(Vec::new()),
        Command::Shell(line) => return unshelled(line.value),
        // The parser may come to know more.
        _ => return None,
    };
    let words = match words.iter().position(|w| !matches!(name(w), "tini" | "dumb-init" | "--")) {
        Some(at) => words[at..].to_vec(),
        None => Vec::new(),
    };
    match words.as_slice() {
        [shell, flag, script]
            if SHELLS.contains(&name(shell)) && flag.starts_with('-') && flag.ends_with('c') =>
        {
            unshelled(script)
        }
        _ => Some(words),
    }
}

/// A shell's line that is one command with nothing to fill in but the port.
fn unshelled(line: &str) -> Option<Vec<String>> {
    let line = port_as_variable(&line.replace("\\\n", " ").replace("\\\r\n", " "));
    let needs_shell = |c: char| "|&;<>()`\n*?~".contains(c);
    if line.contains(needs_shell) || line.replace("$PORT", "").contains('$') {
        return None;
    }
    let mut words = shell_words::split(&line).ok()?;
    if words.first().is_some_and(|w| w == "exec") {
        words.remove(0);
    }
    words.first().is_some_and(|w| !w.contains('=')).then_some(words)
}

/// A program's name without its folder.
pub(super) fn name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether a command's program can be there without its image.
pub(super) fn can_run(words: &[String]) -> bool {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words = match words.as_slice() {
        [tool, "run", rest @ ..] if ["poetry", "uv", "pipenv", "pdm"].contains(tool) => rest,
        words => words,
    };
    let Some(first) = words.first() else { return false };
    let version = name(first).strip_prefix("python");
    version.is_some_and(|v| v.chars().all(|c| c.is_ascii_digit() || c == '.'))
        || PROGRAMS.contains(&name(first))
}

/// The command without what only the image has: tools that run others, and folders of programs.
pub(super) fn settled(mut words: Vec<String>) -> Vec<String> {
    if words.len() > 2 && words[1] == "run" && ["poetry", "uv", "pipenv", "pdm"].contains(&words[0].as_str())
    {
        words.drain(..2);
    }
    let Some(first) = words.first_mut() else { return words };
    *first = name(first).to_owned();
    // What answers only within its container answers nobody here.
    if first == "uvicorn" {
        for (flag, value) in [("--host", "0.0.0.0"), ("--port", "$PORT")] {
            let given =
                |w: &String| w == flag || w.starts_with(&format!("{flag}=")) || w == "--uds" || w == "--fd";
            if !words.iter().any(given) {
                words.extend([flag.to_owned(), value.to_owned()]);
            }
        }
    }
    words
}

/// What a shell's script runs.
pub(super) struct Script {
    /// The command that it ends in.
    pub(super) last: Vec<String>,
    /// Programs before that, each with its line.
    pub(super) before: Vec<(usize, String)>,
}

/// The command that a shell's script ends in, and the programs before it; `None` where that cannot be told
/// without running it.
pub(super) fn last_of(script: &str) -> Option<Script> {
    let joined = script.replace("\\\r\n", " ").replace("\\\n", " ");
    let last = joined.lines().map(str::trim).rfind(|l| !l.is_empty() && !l.starts_with('#'))?;
    let words = unshelled(last).filter(|words| can_run(words))?;
    let lines = script.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    let is_program = |line: &str| unshelled(line).is_some_and(|words| can_run(&words));
    let programs = lines.filter(|(_, line)| is_program(line) && !line.starts_with("exec "));
    let before = programs.filter(|(_, line)| *line != last).map(|(at, line)| (at, line.to_owned())).collect();
    Some(Script { last: words, before })
}

/// What the first line of a script names, when an image of ours has it.
pub(super) fn interpreter(script: &str) -> Option<&'static str> {
    let line = script.lines().next()?.strip_prefix("#!")?;
    let mut words = line.split_whitespace().map(name);
    let first = words.next()?;
    let program = if first == "env" { words.next()? } else { first };
    INTERPRETERS.into_iter().find(|i| *i == program)
}
