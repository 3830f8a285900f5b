//! Reading a `Procfile`.

use dormouse_model::ServiceKind;

use super::{Listing, PlanError};

/// The command for this kind of process, if there is a `Procfile` that names one.
pub(crate) fn command(listing: &Listing, kind: ServiceKind) -> Result<Option<Vec<String>>, PlanError> {
    let Some(text) = listing.text("Procfile") else { return Ok(None) };
    let process = match kind {
        ServiceKind::Web => "web",
        ServiceKind::Worker => "worker",
    };
    let line = text.lines().find_map(|l| l.trim().strip_prefix(process)?.trim_start().strip_prefix(':'));
    let Some(line) = line else { return Ok(None) };
    let hint = "commands run without a shell; name `start` in dormouse.toml, or put the steps into a script";
    let words = shell_words::split(line).map_err(|e| {
        PlanError::new(format!("the `{process}` line of the Procfile cannot be read: {e}"), hint)
    })?;
    if let Some(word) = words.iter().find(|w| is_shell(w)) {
        let why = format!("the `{process}` line of the Procfile uses `{word}`, which needs a shell");
        return Err(PlanError::new(why, hint));
    }
    if words.is_empty() {
        return Err(PlanError::new(format!("the `{process}` line of the Procfile is empty"), hint));
    }
    Ok(Some(words.iter().map(|w| port(w)).collect()))
}

fn is_shell(word: &str) -> bool {
    matches!(word, "&&" | "||" | "|" | ";" | "&" | ">" | ">>" | "<" | "2>&1")
        || (word.contains('$') && port(word).replace("$PORT", "").contains('$'))
}

/// Every spelling of the port as `$PORT`: `${PORT}`, `${PORT:-8000}`.
fn port(word: &str) -> String {
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
