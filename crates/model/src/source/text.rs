//! Bytes to text: by their byte order mark, else as UTF-8, and never by guessing.

use std::fmt;

/// Why bytes are not text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotText {
    /// Line of the first wrong byte, from 1.
    pub line: usize,
    /// Place of the first wrong byte in the file, from 1.
    pub byte: usize,
    /// What is wrong with it.
    pub what: Wrong,
}

/// What a wrong byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// No UTF-8, and there is no byte order mark that says otherwise.
    Utf8(u8),
    /// A NUL: no text has one, but UTF-16 without its byte order mark looks like that.
    Nul,
    /// The byte order mark promises an encoding, and these bytes break it.
    Broken(Encoding),
}

/// Encodings that a byte order mark announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, little endian as Windows writes it.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
    /// UTF-32, little endian.
    Utf32Le,
    /// UTF-32, big endian.
    Utf32Be,
}

/// The marks, those that others begin with last.
const MARKS: [(&[u8], Encoding); 5] = [
    (&[0xEF, 0xBB, 0xBF], Encoding::Utf8),
    (&[0xFF, 0xFE, 0, 0], Encoding::Utf32Le),
    (&[0, 0, 0xFE, 0xFF], Encoding::Utf32Be),
    (&[0xFF, 0xFE], Encoding::Utf16Le),
    (&[0xFE, 0xFF], Encoding::Utf16Be),
];

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
            Self::Utf32Le | Self::Utf32Be => "UTF-32",
        }
    }
}

impl NotText {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self.what {
            // Every byte is a character of Latin-1, and most are the same in Windows' own encoding.
            Wrong::Utf8(byte @ 0xA0..) => {
                format!("save it as UTF-8; in Latin-1 this byte is `{}`", char::from(byte))
            }
            Wrong::Nul => "save it as UTF-8; it looks like UTF-16 without a byte order mark".to_owned(),
            Wrong::Utf8(_) | Wrong::Broken(_) => "save it as UTF-8".to_owned(),
        }
    }
}

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, byte, what } = self;
        write!(f, "line {line} is not text: byte {byte} of the file ")?;
        match what {
            Wrong::Utf8(value) => write!(f, "is {value:#04X}, which is not UTF-8 here"),
            Wrong::Nul => f.write_str("is NUL"),
            Wrong::Broken(encoding) => {
                write!(f, "breaks the {} that its first bytes promise", encoding.name())
            }
        }
    }
}

impl std::error::Error for NotText {}

/// Text without its byte order mark.
///
/// # Errors
/// When the bytes are not what their mark promises, or without a mark not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<String, NotText> {
    let mark = MARKS.iter().find(|(mark, _)| bytes.starts_with(mark));
    let Some((mark, encoding)) = mark else { return utf8(bytes, 0) };
    let start = mark.len();
    let broken =
        |text: &str, at: usize| NotText { line: line(text), byte: at + 1, what: Wrong::Broken(*encoding) };
    let body = &bytes[start..];
    match encoding {
        Encoding::Utf8 => utf8(body, start),
        Encoding::Utf16Le => utf16(body, start, u16::from_le_bytes, broken),
        Encoding::Utf16Be => utf16(body, start, u16::from_be_bytes, broken),
        Encoding::Utf32Le => utf32(body, start, u32::from_le_bytes, broken),
        Encoding::Utf32Be => utf32(body, start, u32::from_be_bytes, broken),
    }
}

/// Text of a program: it may be in an encoding of its own, and what we look for in it is ASCII.
#[must_use]
pub fn decode_code(bytes: &[u8]) -> String {
    decode(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned())
}

fn line(before: &str) -> usize {
    before.matches('\n').count() + 1
}

fn utf8(bytes: &[u8], start: usize) -> Result<String, NotText> {
    let wrong = |at: usize, what| {
        let line = bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
        NotText { line, byte: start + at + 1, what }
    };
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        return Err(wrong(at, Wrong::Nul));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(e) => Err(wrong(e.valid_up_to(), Wrong::Utf8(bytes[e.valid_up_to()]))),
    }
}

fn utf16(
    bytes: &[u8],
    start: usize,
    unit: fn([u8; 2]) -> u16,
    broken: impl Fn(&str, usize) -> NotText,
) -> Result<String, NotText> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(pairs.len());
    let mut at = start;
    for c in char::decode_utf16(pairs.iter().map(|p| unit(*p))) {
        match c {
            Ok(c) if c != '\0' => text.push(c),
            Ok(_) | Err(_) => return Err(broken(&text, at)),
        }
        at += 2 * text.chars().next_back().map_or(1, char::len_utf16);
    }
    if rest.is_empty() { Ok(text) } else { Err(broken(&text, at)) }
}

fn utf32(
    bytes: &[u8],
    start: usize,
    unit: fn([u8; 4]) -> u32,
    broken: impl Fn(&str, usize) -> NotText,
) -> Result<String, NotText> {
    let (fours, rest) = bytes.as_chunks::<4>();
    let mut text = String::with_capacity(fours.len());
    for (i, four) in fours.iter().enumerate() {
        match char::from_u32(unit(*four)) {
            Some(c) if c != '\0' => text.push(c),
            Some(_) | None => return Err(broken(&text, start + 4 * i)),
        }
    }
    if rest.is_empty() { Ok(text) } else { Err(broken(&text, start + 4 * fours.len())) }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn by_its_mark() {
        let text = "name = \"größe 🐭\"\r\n";
        let (le16, be16) =
            (text.encode_utf16().flat_map(u16::to_le_bytes), text.encode_utf16().flat_map(u16::to_be_bytes));
        let wide =
            |bytes: fn(u32) -> [u8; 4]| text.chars().flat_map(|c| bytes(u32::from(c))).collect::<Vec<u8>>();
        for (mark, bytes) in [
            (&[][..], text.as_bytes().to_vec()),
            (&[0xEF, 0xBB, 0xBF], text.as_bytes().to_vec()),
            (&[0xFF, 0xFE], le16.collect()),
            (&[0xFE, 0xFF], be16.collect()),
            (&[0xFF, 0xFE, 0, 0], wide(u32::to_le_bytes)),
            (&[0, 0, 0xFE, 0xFF], wide(u32::to_be_bytes)),
        ] {
            assert_eq!(decode(&[mark, &bytes].concat()).as_deref(), Ok(text), "{mark:x?}");
            assert_eq!(decode(mark).as_deref(), Ok(""), "{mark:x?}");
        }
    }

    #[test]
    fn what_is_no_text() {
        let mut out = String::new();
        for bytes in [
            &b"name = 'x'\n# caf\xe9\n"[..],
            b"\x93smart\x94",
            b"\xEF\xBB\xBFok\n\xff",
            b"f\0a\0s\0t\0",
            // A lone surrogate, an odd byte at the end, a character beyond the last.
            b"\xFF\xFEa\0\n\0\x00\xD8b\0",
            b"\xFE\xFF\0a\0",
            b"\xFF\xFE\0\0a\0\0\0\0\0\x11\0",
            b"\xFF\xFE\0\0a",
            b"\xFF\xFE\x3d\xd8\x2d\xdc\0\0",
        ] {
            let e = decode(bytes).unwrap_err();
            out += &format!("{e}; {}\n", e.hint());
        }
        expect![[r#"
            line 2 is not text: byte 17 of the file is 0xE9, which is not UTF-8 here; save it as UTF-8; in Latin-1 this byte is `é`
            line 1 is not text: byte 1 of the file is 0x93, which is not UTF-8 here; save it as UTF-8
            line 2 is not text: byte 7 of the file is 0xFF, which is not UTF-8 here; save it as UTF-8; in Latin-1 this byte is `ÿ`
            line 1 is not text: byte 2 of the file is NUL; save it as UTF-8; it looks like UTF-16 without a byte order mark
            line 2 is not text: byte 7 of the file breaks the UTF-16 that its first bytes promise; save it as UTF-8
            line 1 is not text: byte 5 of the file breaks the UTF-16 that its first bytes promise; save it as UTF-8
            line 1 is not text: byte 9 of the file breaks the UTF-32 that its first bytes promise; save it as UTF-8
            line 1 is not text: byte 5 of the file breaks the UTF-32 that its first bytes promise; save it as UTF-8
            line 1 is not text: byte 7 of the file breaks the UTF-16 that its first bytes promise; save it as UTF-8
        "#]]
        .assert_eq(&out);
        assert_eq!(decode_code(b"# caf\xe9\nimport fastapi"), "# caf\u{fffd}\nimport fastapi");
    }
}
