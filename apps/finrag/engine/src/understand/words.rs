//! A question's words and where they stand.

/// A word of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word<'q> {
    /// As typed, without a possessive ending.
    pub(crate) typed: &'q str,
    /// Lower case.
    pub(crate) lower: String,
    /// Lower case and singular, for comparing.
    pub(crate) stem: String,
    /// Byte offsets in the question.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// What stands before it, as in `$` or `(`.
    pub(crate) before: Option<char>,
    /// What stands after it.
    pub(crate) after: Option<char>,
    /// Whether it was written as an owner: `Apple's`.
    pub(crate) owns: bool,
}

/// Splits a question into words: letters and digits, with `&`, `_` and inner dots, as in `R&D`, `net_income`, `L.P`.
pub(crate) fn words(question: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    let inner = |c: char| c.is_alphanumeric() || c == '&' || c == '_';
    for (at, c) in question.char_indices().chain(std::iter::once((question.len(), ' '))) {
        let next = question[at..].chars().nth(1);
        let joins = inner(c)
            || (start.is_some() && matches!(c, '.' | '\'' | '’') && next.is_some_and(char::is_alphanumeric));
        match (joins, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push(word(question, from, at));
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    words
}

fn word(question: &str, start: usize, end: usize) -> Word<'_> {
    let whole = &question[start..end];
    let typed =
        ["'s", "’s", "'S", "’S"].iter().find_map(|ending| whole.strip_suffix(ending)).unwrap_or(whole);
    let lower = typed.to_lowercase();
    Word {
        typed,
        stem: singular(&lower),
        lower,
        start,
        end: start + typed.len(),
        before: question[..start].chars().next_back(),
        after: question[end..].chars().next(),
        owns: typed.len() < whole.len(),
    }
}

/// Takes off a plural ending: not a linguist's stem, but the same for both sides of a comparison.
pub(crate) fn singular(word: &str) -> String {
    if word.len() <= 3 || word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    if let Some(stem) = word.strip_suffix("es")
        && (stem.ends_with('x') || stem.ends_with("sh") || stem.ends_with("ch") || stem.ends_with("ss"))
    {
        return stem.to_owned();
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}

/// A phrase's words, singular, as for comparing with a question's.
pub(crate) fn stems(phrase: &str) -> Vec<String> {
    words(phrase).into_iter().map(|word| word.stem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn possessives_and_plurals_come_off() {
        let read = |text| words(text).into_iter().map(|word| word.stem).collect::<Vec<_>>().join(" ");
        assert_eq!(read("Apple's taxes, R&D & liabilities."), "apple tax r&d & liability");
        assert_eq!(read("L.P. net_income"), "l.p net_income");
    }
}
