//! Debian's control format (deb822): paragraphs of `Field: value`, continued by indented lines.

/// The paragraphs of a text. Lines that start with `#` are comments.
pub(super) fn stanzas(text: &str) -> impl Iterator<Item = Stanza<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(['\n', '\r']);
        if rest.is_empty() {
            return None;
        }
        let end = rest.find("\n\n").map_or(rest.len(), |i| i + 1);
        let (stanza, after) = rest.split_at(end);
        rest = after;
        Some(Stanza(stanza))
    })
}

/// One paragraph.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stanza<'a>(&'a str);

impl<'a> Stanza<'a> {
    /// Its fields in order; a value keeps the line breaks and indentation of its continuations.
    pub(super) fn fields(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            loop {
                if rest.is_empty() {
                    return None;
                }
                let mut end = 0;
                loop {
                    end += rest[end..].find('\n').map_or(rest.len() - end, |i| i + 1);
                    if !rest[end..].starts_with([' ', '\t']) {
                        break;
                    }
                }
                let (field, after) = rest.split_at(end);
                rest = after;
                if let Some((name, value)) = field.split_once(':').filter(|_| !field.starts_with('#')) {
                    return Some((name.trim(), value.trim()));
                }
            }
        })
    }

    /// A field's value; names are compared without regard to case.
    pub(super) fn get(self, name: &str) -> Option<&'a str> {
        self.fields().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// The words of a field; none when it is missing.
    pub(super) fn words(self, name: &str) -> Vec<String> {
        self.get(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_fields_and_continuations() {
        let text = "\n# a comment\nPackage: a\nDescription: short\n long\n .\n more\nX:\n\n\nPackage: b\n";
        let all: Vec<Vec<_>> = stanzas(text).map(|s| s.fields().collect()).collect();
        assert_eq!(
            all,
            [
                vec![("Package", "a"), ("Description", "short\n long\n .\n more"), ("X", "")],
                vec![("Package", "b")]
            ]
        );
        assert_eq!(stanzas(text).next().unwrap().get("package"), Some("a"));
        assert_eq!(stanzas("").count(), 0);
        assert_eq!(stanzas("no field here").next().unwrap().fields().count(), 0);
    }
}
