//! The commands in a line for a shell, as far as that can be told without running it.

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
