//! `${NAME}` in a text, by the rules of compose files.
//!
//! | written | means |
//! |---|---|
//! | `$NAME`, `${NAME}` | its value |
//! | `${NAME:-text}`, `${NAME-text}` | `text` when it is unset or empty, or unset |
//! | `${NAME:+text}`, `${NAME+text}` | `text` when it is set and not empty, or set; otherwise nothing |
//! | `${NAME:?why}`, `${NAME?why}` | an error when it is unset or empty, or unset |
//! | `$$` | a dollar sign |
//!
//! `text` and `why` may hold more of these. A dollar sign before anything else stands for itself.

/// Deepest nesting of defaults.
const MAX_DEPTH: usize = 32;

/// What a text became.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// Names without a value or a default, for which nothing was put in.
    pub(crate) unset: Vec<String>,
}

/// Why a text cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A value that has to be there is not: `${NAME:?why}`.
    Required { name: String, why: String },
    /// It is not written as it should be.
    Malformed(String),
}

/// Put in the values.
pub(crate) fn expand(text: &str, value: &mut dyn FnMut(&str) -> Option<String>) -> Result<Expanded, Fault> {
    let mut out = Expanded::default();
    Expander { value, partly: false, unset: &mut out.unset }.text(text, 0, &mut out.text)?;
    Ok(out)
}

/// Put in those values that there are; the result is a text to be expanded once more.
pub(crate) fn expand_partly(
    text: &str,
    value: &mut dyn FnMut(&str) -> Option<String>,
) -> Result<String, Fault> {
    let mut out = String::new();
    Expander { value, partly: true, unset: &mut Vec::new() }.text(text, 0, &mut out)?;
    Ok(out)
}

/// Names a text refers to.
pub(crate) fn names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut seen = |name: &str| {
        names.push(name.to_owned());
        None
    };
    // What is malformed refers to nothing that could be given.
    drop(expand_partly(text, &mut seen));
    names
}

/// A text that expands to `text`.
pub(crate) fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

struct Expander<'a> {
    value: &'a mut dyn FnMut(&str) -> Option<String>,
    /// Whether references without a value stay, and everything else is escaped.
    partly: bool,
    unset: &'a mut Vec<String>,
}

impl Expander<'_> {
    fn text(&mut self, text: &str, depth: usize, out: &mut String) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::Malformed(format!("defaults are nested more than {MAX_DEPTH} deep")));
        }
        let dollar = if self.partly { "$$" } else { "$" };
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push_str(dollar);
                rest = after;
            } else if let Some(inner) = rest.strip_prefix('{') {
                let end =
                    closing(inner).ok_or_else(|| Fault::Malformed("a `${` is not closed".to_owned()))?;
                self.braced(&inner[..end], depth, out)?;
                rest = &inner[end + 1..];
            } else {
                let (name, after) = rest.split_at(name_len(rest));
                match name {
                    "" => out.push_str(dollar),
                    name => self.bare(name, out),
                }
                rest = after;
            }
        }
        out.push_str(rest);
        Ok(())
    }

    fn bare(&mut self, name: &str, out: &mut String) {
        match (self.value)(name) {
            Some(value) => self.put(&value, out),
            None if self.partly => out.push_str(&format!("${{{name}}}")),
            None => self.unset.push(name.to_owned()),
        }
    }

    fn braced(&mut self, inner: &str, depth: usize, out: &mut String) -> Result<(), Fault> {
        let (name, rest) = inner.split_at(name_len(inner));
        let (filled, operator) = match rest.strip_prefix(':') {
            Some(operator) => (true, operator),
            None => (false, rest),
        };
        let mut chars = operator.chars();
        let (operator, argument) = (chars.next(), chars.as_str());
        match (name, operator) {
            (name, None) if !name.is_empty() && !filled => {
                self.bare(name, out);
                return Ok(());
            }
            (name, Some('-' | '+' | '?')) if !name.is_empty() => {}
            (_, _) => {
                return Err(Fault::Malformed(format!("`${{{inner}}}` does not name a variable")));
            }
        }
        let value = (self.value)(name);
        if self.partly && value.is_none() {
            out.push_str(&format!("${{{}", &inner[..inner.len() - argument.len()]));
            self.text(argument, depth + 1, out)?;
            out.push('}');
            return Ok(());
        }
        let value = value.filter(|v| !(filled && v.is_empty()));
        match (operator, value) {
            (Some('+'), Some(_)) | (Some('-'), None) => self.text(argument, depth + 1, out),
            (Some('+'), None) => Ok(()),
            (_, Some(value)) => {
                self.put(&value, out);
                Ok(())
            }
            (_, None) => {
                let mut why = String::new();
                self.text(argument, depth + 1, &mut why)?;
                Err(Fault::Required { name: name.to_owned(), why })
            }
        }
    }

    fn put(&self, value: &str, out: &mut String) {
        if self.partly {
            out.push_str(&escape(value));
        } else {
            out.push_str(value);
        }
    }
}

/// Length of the name that a text begins with.
fn name_len(text: &str) -> usize {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c| !is_name(c)).unwrap_or(text.len())
}

/// Where the brace that is open at the start of a text is closed.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    text.char_indices().find_map(|(i, c)| {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        (open == 0).then_some(i)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        match name {
            "A" => Some("a".to_owned()),
            "EMPTY" => Some(String::new()),
            "MONEY" => Some("$A and ${A}".to_owned()),
            _ => None,
        }
    }

    /// Also in two steps, of which the first knows nothing, or everything.
    fn shown(text: &str) -> String {
        let once = |text: &str| match expand(text, &mut value) {
            Ok(Expanded { text, unset }) if unset.is_empty() => text,
            Ok(Expanded { text, unset }) => format!("{text} without {}", unset.join(" ")),
            Err(Fault::Required { name, why }) => format!("{name} is required: {why}"),
            Err(Fault::Malformed(why)) => why,
        };
        let direct = once(text);
        if let Ok(template) = expand_partly(text, &mut |_| None) {
            assert_eq!(once(&template), direct, "{text} by way of {template}");
        }
        if let Ok(template) = expand_partly(text, &mut value) {
            assert_eq!(once(&template), direct, "{text} by way of {template}");
        }
        direct
    }

    #[test]
    fn by_compose_s_rules() {
        for (text, want) in [
            ("plain", "plain"),
            ("$A-${A}", "a-a"),
            ("${A}b$A", "aba"),
            ("$AB", " without AB"),
            ("${U}", " without U"),
            ("$$A $${A} $$$A", "$A ${A} $a"),
            ("$2b$12 $ 5$", "$2b$12 $ 5$"),
            ("${U:-b}", "b"),
            ("${U-b}", "b"),
            ("${EMPTY:-b}", "b"),
            ("${EMPTY-b}", ""),
            ("${A:-b}${A-b}", "aa"),
            ("${U:+b}|${U+b}|${EMPTY:+b}|${EMPTY+b}|${A:+b}|${A+b}", "|||b|b|b"),
            ("${A:-${B:-c}}", "a"),
            ("${U:-${B:-c}}", "c"),
            ("${U:-${A}}", "a"),
            ("${U:-http://${H:-h}:80/p}", "http://h:80/p"),
            ("${U:-{\"k\": 1}}", "{\"k\": 1}"),
            ("${U:-a:-b}", "a:-b"),
            ("${U:-}", ""),
            ("${U:-$$x}", "$x"),
            ("${A:?must be set}", "a"),
            ("${X:?must be set}", "X is required: must be set"),
            ("${EMPTY:?must be set}", "EMPTY is required: must be set"),
            ("${EMPTY?must be set}", ""),
            ("${X?}", "X is required: "),
            ("${X:?ask ${A}}", "X is required: ask a"),
            ("${MONEY}", "$A and ${A}"),
            ("${U:-é}", "é"),
            ("${", "a `${` is not closed"),
            ("${A", "a `${` is not closed"),
            ("${U:-${A}", "a `${` is not closed"),
            ("${}", "`${}` does not name a variable"),
            ("${A B}", "`${A B}` does not name a variable"),
            ("${A:}", "`${A:}` does not name a variable"),
            ("${A.B}", "`${A.B}` does not name a variable"),
            ("${1A}", "`${1A}` does not name a variable"),
            ("${:-x}", "`${:-x}` does not name a variable"),
        ] {
            assert_eq!(shown(text), want, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let text = format!("{}{}", "${U:-".repeat(2000), "}".repeat(2000));
        assert_eq!(shown(&text), "defaults are nested more than 32 deep");
    }

    #[test]
    fn referred_to() {
        assert_eq!(names("$A ${B:-${C}} $$D ${E:+$F}"), ["A", "B", "C", "E", "F"]);
        assert_eq!(expand_partly("${A}${U:-$A}$$", &mut value).unwrap(), "a${U:-a}$$");
    }
}
