//! Names that copies are given, by people and by file managers.

/// What is appended to a whole name.
const APPENDED: [&str; 9] = [".bak", ".backup", ".old", ".orig", ".save", ".copy", ".swp", "~", ".tmp"];

/// The word itself, as file managers have it.
const COPY: [&str; 4] = ["copy", "kopie", "copie", "copia"];

/// The name of what a file is a copy of, in lower case as that, and whether what it is named after need not tell its kind any
/// more: `id_rsa.bak`, `id_rsa (1)`, `kaggle (2).json`, `.env - Copy`.
pub(super) fn original(name: &str) -> (String, bool) {
    let after_copy_of = COPY.iter().find_map(|word| name.strip_prefix(word)?.strip_prefix(" of "));
    let name = after_copy_of.unwrap_or(name);
    let mut bare = name;
    while let Some(shorter) =
        without_mark(bare).or_else(|| APPENDED.iter().find_map(|end| bare.strip_suffix(end)))
    {
        bare = shorter;
    }
    let is_renamed = bare != name;
    // The same before an ending.
    let (mut stem, ending) = match bare.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => (stem, Some(ending)),
        Some(_) | None => (bare, None),
    };
    while let Some(shorter) = without_mark(stem).filter(|_| ending.is_some()) {
        stem = shorter;
    }
    (ending.map_or_else(|| stem.to_owned(), |ending| format!("{stem}.{ending}")), is_renamed)
}

/// Without a blank, ` (1)`, ` (another copy)`, ` - Copy`, ` copy`, ` 2` or ` copy 2` at its end.
fn without_mark(name: &str) -> Option<&str> {
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let trimmed = name.trim_end();
    if trimmed.len() < name.len() {
        return Some(trimmed);
    }
    if let Some((before, inside)) = name.strip_suffix(')').and_then(|name| name.rsplit_once('(')) {
        let is_mark = is_number(inside) || inside.split(' ').any(|word| COPY.contains(&word));
        return is_mark.then(|| before.trim_end());
    }
    let (before, word) = name.rsplit_once(' ')?;
    if is_number(word) {
        return Some(before);
    }
    COPY.contains(&word).then(|| before.strip_suffix(" -").unwrap_or(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn originals() {
        for (name, want, renamed) in [
            ("main.py", "main.py", false),
            ("id_rsa.bak", "id_rsa", true),
            ("id_rsa copy 2", "id_rsa", true),
            (".env (1) (2)", ".env", true),
            (".env - copy (2)", ".env", true),
            (".env (3rd copy)~", ".env", true),
            (".env  ", ".env", true),
            ("kaggle (1).json", "kaggle.json", false),
            ("main - copy.py", "main.py", false),
            (" - copy.env", ".env", false),
            ("copy of .env", ".env", false),
            ("main (old).py", "main (old).py", false),
            ("copy", "copy", false),
            ("(1)", "", true),
            ("~", "", true),
            ("", "", false),
        ] {
            assert_eq!(original(name), (want.to_owned(), renamed), "{name}");
        }
    }
}
