//! The commands in a line for a shell, as far as that can be told without running it.

use crate::source::procfile::port_as_variable;

/// Words before a command that are not part of it.
const KEYWORDS: [&str; 9] = ["if", "then", "else", "elif", "while", "until", "do", "{", "!"];

/// Each command of a script as words. What no shell would understand is left out.
pub(crate) fn commands(script: &str) -> Vec<Vec<String>> {
    pieces(script)
        .iter()
        .filter_map(|piece| shell_words::split(piece.trim_start_matches(['(', ' '])).ok())
        .map(|words| words.into_iter().skip_while(|w| KEYWORDS.contains(&w.as_str())).collect::<Vec<_>>())
        .filter(|words| !words.is_empty())
        .collect()
}

/// What of a line only a shell understands, if anything: the first sign or variable that does not stand in quotes which
/// would keep it. The port's variable is ours to fill in.
#[must_use]
pub fn needed_for(line: &str) -> Option<&str> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        let rest = &line[at..];
        let plain = !escaped && quote != Some('\'');
        match c {
            _ if escaped => {}
            '`' if plain => return Some("`"),
            '$' if plain && is_variable(rest) => return Some(variable(rest)),
            ';' | '&' | '|' | '<' | '>' if quote.is_none() => {
                return Some(&rest[..if rest[1..].starts_with(c) { 2 } else { 1 }]);
            }
            '\'' | '"' if quote.is_none() => quote = Some(c),
            _ if quote == Some(c) => quote = None,
            _ => {}
        }
        escaped = !escaped && c == '\\' && quote != Some('\'');
    }
    None
}

/// Whether a shell would fill something in for this `$…`, other than the port.
fn is_variable(text: &str) -> bool {
    let begins = text[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "_{(".contains(c));
    let port = port_as_variable(variable(text));
    begins && port != "$PORT"
}

/// The `$…` at the beginning of a text.
fn variable(text: &str) -> &str {
    let end = match text.as_bytes().get(1) {
        Some(b'{') => text.find('}').map(|at| at + 1),
        Some(b'(') => text.find(')').map(|at| at + 1),
        Some(_) | None => text[1..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map(|at| at + 1),
    };
    &text[..end.unwrap_or(text.len())]
}

/// The script cut at what separates commands, except within quotes.
fn pieces(script: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quote = None;
    let mut escaped = false;
    for c in script.chars() {
        let cuts = quote.is_none() && !escaped && matches!(c, ';' | '&' | '|' | '\n');
        if cuts {
            out.push(String::new());
            continue;
        }
        match (quote, c) {
            _ if escaped => {}
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (Some(_) | None, _) => {}
        }
        escaped = !escaped && c == '\\' && quote != Some('\'');
        if let Some(last) = out.last_mut() {
            last.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bug: a sign at the end of a word was passed on to the program, and one in quotes was said to need a shell.
    #[test]
    fn what_needs_a_shell() {
        for (line, want) in [
            ("gunicorn app:app --bind 0.0.0.0:$PORT", None),
            ("gunicorn app:app -b \"0.0.0.0:${PORT:-8000}\"", None),
            ("python manage.py migrate; gunicorn app:app", Some(";")),
            ("cd src && gunicorn app:app", Some("&&")),
            ("a||b", Some("||")),
            ("a 2>&1 | tee log", Some(">")),
            ("python app.py > log", Some(">")),
            ("gunicorn -w ${WORKERS:-2} app:app", Some("${WORKERS:-2}")),
            ("gunicorn -w $WORKERS app:app", Some("$WORKERS")),
            ("gunicorn -w \"$WORKERS\" app:app", Some("$WORKERS")),
            ("echo $(date)", Some("$(date)")),
            ("echo `date`", Some("`")),
            ("bash -c 'a && b $X'", None),
            ("grep 'a;b' --end '^x$' \"a & b\"", None),
            ("grep ^x$ a\\;b \\$X", None),
            ("gunicorn 'pkg:create_app()'", None),
            ("", None),
        ] {
            assert_eq!(needed_for(line), want, "{line}");
        }
    }

    #[test]
    fn scripts() {
        for (script, want) in [
            ("exec uvicorn main:app", "exec uvicorn main:app"),
            ("cd app && a 'b; c' || d&\ne | f", "cd app / a 'b; c' / d / e / f"),
            ("if true; then gunicorn x; fi", "true / gunicorn x / fi"),
            ("(a; b)", "a / 'b)'"),
            ("a \"b\\\" && c\" d\\;e", "a 'b\" && c' 'd;e'"),
            ("a 'unclosed", ""),
            ("", ""),
        ] {
            let got: Vec<_> = commands(script).iter().map(shell_words::join).collect();
            assert_eq!(got.join(" / "), want, "{script}");
        }
    }
}
