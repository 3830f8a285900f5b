//! What may reach a terminal of text that others wrote: letters, and colours.
//!
//! Apps, builds and requests decide what is in logs and errors. A terminal obeys what is in text: it moves its cursor, renames its
//! window, fills the clipboard; and bidirectional marks show a line in another order than it is in.

use std::fmt::Write;

/// Longest sequence that is taken for a colour, in bytes.
const SEQUENCE: usize = 64;

/// The text with what a terminal would obey made visible. Colours (SGR) stay where `color` says so, but for those that hide, and
/// end with their line; elsewhere they are left out. Newlines and tabs stay.
pub(crate) fn plain(text: &str, color: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut colored = false;
    while let Some(c) = rest.chars().next() {
        if let Some((whole, parameters)) = sgr(rest) {
            if color && !hides(parameters) {
                out.push_str(whole);
                colored = !matches!(parameters, "" | "0");
            }
            rest = &rest[whole.len()..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            // The end of a line as Windows writes it.
            '\r' if rest.is_empty() || rest.starts_with('\n') => {}
            '\n' => {
                if std::mem::take(&mut colored) {
                    out.push_str("\x1b[0m");
                }
                out.push('\n');
            }
            '\t' => out.push('\t'),
            c if obeyed(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    if colored {
        out.push_str("\x1b[0m");
    }
    out
}

/// The same of one line: what would begin another one is made visible too.
pub(crate) fn line(text: &str, color: bool) -> String {
    plain(&text.trim_end_matches(['\r', '\n']).replace('\n', "\\n"), color)
}

/// JSON with what a terminal would obey written in JSON's own way: its value is the same.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if obeyed(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a terminal does something else with it than to show it: controls of both kinds, separators of lines, and what
/// changes the direction of text.
fn obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

/// The colour or weight that the text begins with: all of it, and its parameters.
fn sgr(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix("\x1b[")?;
    let end = inner.bytes().take(SEQUENCE).position(|b| !matches!(b, b'0'..=b'9' | b';' | b':'))?;
    (inner.as_bytes()[end] == b'm').then(|| (&text[..end + 3], &inner[..end]))
}

/// Whether one of them makes text invisible (8).
fn hides(parameters: &str) -> bool {
    let mut all = parameters.split(';');
    while let Some(parameter) = all.next() {
        match parameter.trim_start_matches('0') {
            "8" => return true,
            // A colour by number or by its parts, which may be 8.
            "38" | "48" | "58" => match all.next() {
                Some("5") => drop(all.next()),
                Some("2") => drop(all.nth(2)),
                Some(_) | None => {}
            },
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        for (text, want) in [
            ("served\tin 3 ms", "served\tin 3 ms"),
            ("Größe 🐭 \u{200d}", "Größe 🐭 \u{200d}"),
            ("\x1b[2J\x1b[H", r"\u{1b}[2J\u{1b}[H"),
            ("\x1b]0;owned\x07", r"\u{1b}]0;owned\u{7}"),
            ("\x1b]52;c;cm0=\x1b\\", r"\u{1b}]52;c;cm0=\u{1b}\"),
            ("\u{9b}2J", r"\u{9b}2J"),
            ("10%\r20%\r", r"10%\r20%"),
            ("windows\r\nends", "windows\nends"),
            ("a\u{202e}txt.exe\u{2066}", r"a\u{202e}txt.exe\u{2066}"),
            ("\x08\x08\x7f\0", r"\u{8}\u{8}\u{7f}\u{0}"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b[31", r"\u{1b}[31"),
        ] {
            assert_eq!(plain(text, false), want, "{text:?}");
        }
    }

    #[test]
    fn colours_pass_and_end_with_their_line() {
        for (text, want) in [
            ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
            ("\x1b[1;38;5;8mgrey\nnext", "\x1b[1;38;5;8mgrey\x1b[0m\nnext"),
            ("\x1b[38;2;8;8;8mrgb\x1b[m", "\x1b[38;2;8;8;8mrgb\x1b[m"),
            ("\x1b[8mhidden\x1b[1;08mtoo", "hiddentoo"),
            ("\x1b[5A", r"\u{1b}[5A"),
        ] {
            assert_eq!(plain(text, true), want, "{text:?}");
        }
    }

    #[test]
    fn one_line_stays_one() {
        assert_eq!(line("a\nerror: b\r\n", false), r"a\nerror: b");
    }

    #[test]
    fn json_keeps_its_value() {
        let value = "\u{9b}2J\u{202e}x\x1b";
        let written = json(&serde_json::to_string(value).unwrap());
        assert!(!written.chars().any(obeyed), "{written}");
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), value);
    }
}
