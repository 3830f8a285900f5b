//! Files of environment variables, as compose reads them.
//!
//! One `NAME=value` or `NAME: value` a line, perhaps after `export`; a line that is only a name takes its value from
//! outside. Values without quotes end before ` #`, and stand in a line. Within `'…'` everything stands for itself;
//! within `"…"` there are escapes, and in both lines may be broken. Values refer to others by the rules of
//! `interpolate.rs`, except within `'…'`.

use crate::{
    env::Variables,
    interpolate::{self, Fault},
};

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DotenvError {
    /// Where, from 1.
    pub line: usize,
    /// What.
    pub why: String,
}

/// Read a file. References are to `outside` first, then to what stands above them; one to nothing becomes nothing.
///
/// # Errors
/// At the first thing that cannot be read.
pub fn parse(text: &str, outside: &mut dyn FnMut(&str) -> Option<String>) -> Result<Variables, DotenvError> {
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let mut found = Variables::new();
    while reader.find_statement() {
        let line = reader.line;
        let fail = |why: String| DotenvError { line, why };
        let (name, has_value) = reader.name().map_err(fail)?;
        if !has_value {
            if let Some(value) = outside(&name) {
                found.insert(name, value);
            }
            continue;
        }
        let (value, verbatim) = reader.value().map_err(fail)?;
        let value = if verbatim {
            value
        } else {
            let mut known = |name: &str| outside(name).or_else(|| found.get(name).cloned());
            interpolate::expand(&value, &mut known).map_err(|e| fail(in_file(&e)))?.text
        };
        found.insert(name, value);
    }
    Ok(found)
}

/// Read a file in which everything after the first `=` of a line is the value (`format: raw`).
///
/// # Errors
/// At the first line without a name.
pub(crate) fn parse_raw(text: &str) -> Result<Variables, DotenvError> {
    let mut found = Variables::new();
    for (line, text) in (1..).zip(text.strip_prefix('\u{feff}').unwrap_or(text).lines()) {
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        match text.split_once('=') {
            Some((name, value)) if is_name(name.trim()) => {
                found.insert(name.trim().to_owned(), value.to_owned());
            }
            Some(_) | None => return Err(DotenvError { line, why: "expected NAME=value".to_owned() }),
        }
    }
    Ok(found)
}

/// What is wrong with a reference, in words.
pub(crate) fn words(fault: &Fault) -> String {
    match fault {
        Fault::Required { name, why } if why.is_empty() => format!("`{name}` has no value"),
        Fault::Required { name, why } => format!("`{name}` has no value: {why}"),
        Fault::Malformed(why) => why.clone(),
    }
}

/// The same of one in a file of variables, without what stands there: it may be part of a secret.
fn in_file(fault: &Fault) -> String {
    match fault {
        Fault::Required { .. } => words(fault),
        Fault::Malformed(_) => {
            "what follows a `$` refers to no variable; within '…' everything stands for itself".to_owned()
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_.-[]".contains(c))
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    fn skip(&mut self, bytes: usize) {
        self.line += self.rest[..bytes].matches('\n').count();
        self.rest = &self.rest[bytes..];
    }

    /// Go to the next name; false at the end.
    fn find_statement(&mut self) -> bool {
        loop {
            self.skip(self.rest.len() - self.rest.trim_start().len());
            if !self.rest.starts_with('#') {
                return !self.rest.is_empty();
            }
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    /// The name, and whether a value follows.
    fn name(&mut self) -> Result<(String, bool), String> {
        if let Some(after) = self.rest.strip_prefix("export")
            && after.starts_with([' ', '\t'])
        {
            self.rest = after.trim_start_matches([' ', '\t']);
        }
        let end = self.rest.find(['=', ':', '\n']).unwrap_or(self.rest.len());
        let name = self.rest[..end].trim().to_owned();
        let has_value = self.rest[end..].starts_with(['=', ':']);
        if !is_name(&name) {
            return Err(match name.as_str() {
                "" => "expected NAME=value".to_owned(),
                // Not what it is: a line of a key that lacks its quotes stands here too.
                _ if has_value => {
                    "what stands before the `=` or `:` is not the name of a variable".to_owned()
                }
                _ => "expected NAME=value; a value of several lines stands in quotes".to_owned(),
            });
        }
        self.skip(end + usize::from(has_value));
        Ok((name, has_value))
    }

    /// The value, and whether it is to be taken as it is.
    fn value(&mut self) -> Result<(String, bool), String> {
        self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() && c != '\n');
        let Some(quote) = self.rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            let value = &self.rest[..end];
            let value = value.split_once(" #").map_or(value, |(value, _comment)| value).trim_end().to_owned();
            self.skip(end);
            return Ok((value, false));
        };
        let mut value = String::new();
        let mut escaped = false;
        for (i, c) in self.rest[1..].char_indices() {
            match (c, escaped) {
                (c, false) if c == quote => {
                    self.skip(i + 2);
                    return Ok(if quote == '"' { (unescape(&value), false) } else { (value, true) });
                }
                ('\\', false) => {
                    escaped = true;
                    continue;
                }
                (c, true) if c != quote => value.push('\\'),
                (_, _) => {}
            }
            escaped = false;
            value.push(c);
        }
        Err(format!("a {quote} is not closed"))
    }
}

/// The escapes of a value in double quotes. `\$` becomes a dollar sign that begins no reference; what is none stays.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut chars = rest.chars();
        let known = match chars.next() {
            Some('a') => Some("\u{7}"),
            Some('b') => Some("\u{8}"),
            Some('f') => Some("\u{c}"),
            Some('n') => Some("\n"),
            Some('r') => Some("\r"),
            Some('t') => Some("\t"),
            Some('v') => Some("\u{b}"),
            Some('\\') => Some("\\"),
            Some('"') => Some("\""),
            Some('$') => Some("$$"),
            Some(_) | None => None,
        };
        if let Some(known) = known {
            out.push_str(known);
            rest = chars.as_str();
        } else if let Some((c, after)) = octal(rest) {
            out.push(c);
            rest = after;
        } else {
            out.push('\\');
        }
    }
    out + rest
}

/// `0` and three octal digits.
fn octal(text: &str) -> Option<(char, &str)> {
    let digits = text.strip_prefix('0')?.get(..3)?;
    let code = u8::from_str_radix(digits, 8).ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?;
    Some((char::from(code), &text[4..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut outside = |name: &str| match name {
            "HOME" => Some("/root".to_owned()),
            "TAKEN" => Some("outside".to_owned()),
            _ => None,
        };
        match parse(text, &mut outside) {
            Ok(found) => found.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("|"),
            Err(e) => format!("line {}: {}", e.line, e.why),
        }
    }

    #[test]
    fn as_compose_reads_them() {
        for (text, want) in [
            ("A=b", "A=b"),
            ("A =b\nB= c\n C =d\n\tE=f", "A=b|B=c|C=d|E=f"),
            ("A=b \r\nB=c\r\n", "A=b|B=c"),
            ("\u{feff}A=b", "A=b"),
            ("", ""),
            ("# comment\n\n  # another\nA=b", "A=b"),
            ("A=", "A="),
            ("A=\nB=c", "A=|B=c"),
            ("A=b # this\nB=c#not\nD=e #", "A=b|B=c#not|D=e"),
            ("A=\"b#c\" # comment\nB='c#d' # comment", "A=b#c|B=c#d"),
            ("A=b=c=", "A=b=c="),
            ("A: 1\nB: x=y\nC=1:B", "A=1|B=x=y|C=1:B"),
            (
                "export A=b\nexport\tB='\\n'\n  export C=d\nexportD=e\nexport_F =g",
                "A=b|B=\\n|C=d|exportD=e|export_F=g",
            ),
            ("A=\"b\\nc\"", "A=b\nc"),
            ("A=b\\tc", "A=b\\tc"),
            ("A=\"escaped\\\"b\"", "A=escaped\"b"),
            ("A='it\\'s'", "A=it's"),
            ("A=\"'d'\"\nB='\"d\"'", "A='d'|B=\"d\""),
            ("A=\"Z\\aZ\\bZ\\fZ\\tZ\\vZ\\\\Z\\0123Z\"", "A=Z\u{7}Z\u{8}Z\u{c}Z\tZ\u{b}Z\\ZSZ"),
            ("A=\"\\x07\\u12e4\\q\\01\\0\"", "A=\\x07\\u12e4\\q\\01\\0"),
            ("A=\"b\\\\n\"", "A=b\\n"),
            ("A=\"-----BEGIN\nline\n-----END\"\nB=c", "A=-----BEGIN\nline\n-----END|B=c"),
            ("A='one\ntwo'\nB=c", "A=one\ntwo|B=c"),
            ("A.B-C=d", "A.B-C=d"),
            ("A=b\nB=${A}c\nC=$B", "A=b|B=bc|C=bc"),
            ("A=\"${HOME}/x\"\nB='${HOME}/x'\nC=${HOME}", "A=/root/x|B=${HOME}/x|C=/root"),
            ("A=\"\\${HOME}\"\nB=$$HOME", "A=${HOME}|B=$HOME"),
            ("A=${U:-d}\nB=${U}", "A=d|B="),
            ("TAKEN=own\nB=$TAKEN", "B=outside|TAKEN=own"),
            ("HOME\nUNKNOWN\nA=b", "A=b|HOME=/root"),
            ("HOME", "HOME=/root"),
            ("A=b\nA=c", "A=c"),
            ("A=b\nB c=d", "line 2: what stands before the `=` or `:` is not the name of a variable"),
            ("A=b\n\n=c", "line 3: expected NAME=value"),
            ("A=\"b\nc", "line 1: a \" is not closed"),
            ("A=${U:?give it}", "line 1: `U` has no value: give it"),
            (
                "A=${U",
                "line 1: what follows a `$` refers to no variable; within '…' everything stands for itself",
            ),
            ("\u{1f42d}=c", "line 1: what stands before the `=` or `:` is not the name of a variable"),
        ] {
            assert_eq!(shown(text), want, "{text:?}");
        }
    }

    #[test]
    fn raw() {
        let text = "# c\nA='b' # d\nB=$HOME\n\nC==\n";
        let found = parse_raw(text).unwrap();
        assert_eq!(format!("{found:?}"), r#"{"A": "'b' # d", "B": "$HOME", "C": "="}"#);
        assert_eq!(parse_raw("A=b\nc\n").unwrap_err().line, 2);
    }
}
