//! Where an answer of HTTP/1 ends.

/// Longest head that is looked into.
const HEAD: usize = 16 * 1024;
/// Most fields of a head that is looked into.
const FIELDS: usize = 100;
/// What requests begin with.
const METHODS: [&[u8]; 7] = [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ", b"OPTIONS "];

/// Follows the answers on one connection without touching a byte. What it does not understand it takes for another protocol.
#[derive(Debug, Default)]
pub(crate) struct Responses {
    at: ResponsePart,
}

/// What comes behind some bytes of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind<'a> {
    /// More, for sure.
    More,
    /// Nothing, or who knows.
    Nothing,
    /// The frames of a WebSocket, of which these have come already.
    Frames(&'a [u8]),
}

#[derive(Debug, Default)]
enum ResponsePart {
    /// Everything that was asked is answered.
    #[default]
    Between,
    /// In the head of an answer.
    Head { has_body: bool, head: Vec<u8> },
    /// So many bytes are to come.
    Body(u64),
    /// The length of a chunk is to come, or the rest of it.
    Size { size: u64, extension: bool },
    /// So many bytes of a chunk are to come, and the end of its line.
    Chunk(u64),
    /// Behind the last chunk; whether anything is in this line.
    Trailer { empty: bool },
    /// The answer ends with the connection.
    UntilClosed,
    /// So does the WebSocket that begins here.
    Switched,
    /// Who knows.
    Opaque,
}

impl Responses {
    /// Whether everything that was asked is answered.
    pub(crate) fn is_between(&self) -> bool {
        matches!(self.at, ResponsePart::Between)
    }

    /// What a caller says while everything is answered.
    pub(crate) fn ask(&mut self, bytes: &[u8]) {
        self.at = match METHODS.iter().find(|method| bytes.starts_with(method)) {
            Some(method) => ResponsePart::Head { has_body: *method != b"HEAD ", head: Vec::new() },
            None => ResponsePart::Opaque,
        };
    }

    /// What comes behind these bytes of answers.
    pub(crate) fn answer<'a>(&mut self, mut bytes: &'a [u8]) -> Behind<'a> {
        while let Some((first, rest)) = bytes.split_first() {
            let at = std::mem::take(&mut self.at);
            (self.at, bytes) = match at {
                // Nobody asked.
                ResponsePart::Between | ResponsePart::Opaque => (ResponsePart::Opaque, &[][..]),
                ResponsePart::UntilClosed => (ResponsePart::UntilClosed, &[][..]),
                ResponsePart::Switched => return Behind::Frames(bytes),
                ResponsePart::Head { has_body, head } => in_head(has_body, head, bytes),
                ResponsePart::Body(left) => {
                    let (left, rest) = skip(left, bytes);
                    (if left == 0 { ResponsePart::Between } else { ResponsePart::Body(left) }, rest)
                }
                ResponsePart::Size { size: 0, extension: _ } if *first == b'\n' => {
                    (ResponsePart::Trailer { empty: true }, rest)
                }
                ResponsePart::Size { size, extension: _ } if *first == b'\n' => {
                    (ResponsePart::Chunk(size.saturating_add(2)), rest)
                }
                ResponsePart::Size { size, extension } => {
                    let digit = char::from(*first).to_digit(16).filter(|_| !extension);
                    let longer = digit.map(|d| size.saturating_mul(16).saturating_add(d.into()));
                    (ResponsePart::Size { size: longer.unwrap_or(size), extension: longer.is_none() }, rest)
                }
                ResponsePart::Chunk(left) => {
                    let (left, rest) = skip(left, bytes);
                    let next = if left == 0 {
                        ResponsePart::Size { size: 0, extension: false }
                    } else {
                        ResponsePart::Chunk(left)
                    };
                    (next, rest)
                }
                ResponsePart::Trailer { empty } if *first == b'\n' => {
                    (if empty { ResponsePart::Between } else { ResponsePart::Trailer { empty: true } }, rest)
                }
                ResponsePart::Trailer { empty } => {
                    (ResponsePart::Trailer { empty: empty && *first == b'\r' }, rest)
                }
            };
        }
        match self.at {
            ResponsePart::Between | ResponsePart::Opaque => Behind::Nothing,
            ResponsePart::Head { .. }
            | ResponsePart::Body(_)
            | ResponsePart::Size { .. }
            | ResponsePart::Chunk(_)
            | ResponsePart::Trailer { .. }
            | ResponsePart::UntilClosed => Behind::More,
            ResponsePart::Switched => Behind::Frames(&[]),
        }
    }
}

/// What is left of a number of bytes to come, and the bytes behind them.
fn skip(left: u64, bytes: &[u8]) -> (u64, &[u8]) {
    let here = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
    (left - here as u64, &bytes[here..])
}

fn in_head(has_body: bool, mut head: Vec<u8>, bytes: &[u8]) -> (ResponsePart, &[u8]) {
    let before = head.len();
    head.extend_from_slice(bytes);
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let length = match response.parse(&head) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if head.len() < HEAD => {
            return (ResponsePart::Head { has_body, head }, &[]);
        }
        Ok(httparse::Status::Partial) | Err(_) => return (ResponsePart::Opaque, &[]),
    };
    let rest = &bytes[length - before..];
    let next = match response.code {
        // The connection is something else from now on.
        Some(101) if is_web_socket(response.headers) => ResponsePart::Switched,
        Some(101) => ResponsePart::UntilClosed,
        None => ResponsePart::Opaque,
        Some(100..200) => ResponsePart::Head { has_body, head: Vec::new() },
        Some(204 | 304) => ResponsePart::Between,
        Some(_) if !has_body => ResponsePart::Between,
        Some(_) => body(response.headers),
    };
    (next, rest)
}

fn is_web_socket(fields: &[httparse::Header<'_>]) -> bool {
    let upgrade = fields.iter().find(|field| field.name.eq_ignore_ascii_case("upgrade"));
    upgrade.is_some_and(|field| field.value.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

/// How the end of a body is told (RFC 9112 §6.3).
fn body(fields: &[httparse::Header<'_>]) -> ResponsePart {
    let field = |name: &str| fields.iter().find(|f| f.name.eq_ignore_ascii_case(name)).map(|f| f.value);
    if let Some(coding) = field("transfer-encoding") {
        let chunked = coding.trim_ascii_end().to_ascii_lowercase().ends_with(b"chunked");
        return if chunked {
            ResponsePart::Size { size: 0, extension: false }
        } else {
            ResponsePart::UntilClosed
        };
    }
    let length = field("content-length").map(|value| std::str::from_utf8(value).ok()?.trim().parse().ok());
    match length {
        Some(Some(0)) => ResponsePart::Between,
        Some(Some(length)) => ResponsePart::Body(length),
        Some(None) => ResponsePart::Opaque,
        None => ResponsePart::UntilClosed,
    }
}
