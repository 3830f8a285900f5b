//! Which bytes of a WebSocket are somebody's doing, and which only keep the line open.

/// Follows the frame headers of one direction (RFC 6455 §5.2) without touching a byte.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    at: At,
    /// What the frame we are in is.
    kind: FrameKind,
}

/// What frames are, least first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FrameKind {
    /// Ping and pong: they keep the line open, and are nobody's doing.
    #[default]
    Upkeep,
    /// The end of the WebSocket, or a control frame that nobody has defined yet: somebody's doing, but no question.
    Control,
    /// A message, or part of one.
    Message,
}

impl FrameKind {
    fn of(opcode: u8) -> Self {
        match opcode {
            PING | PONG => Self::Upkeep,
            0..=7 => Self::Message,
            _ => Self::Control,
        }
    }
}

#[derive(Debug, Default)]
enum At {
    #[default]
    Opcode,
    Length,
    /// Within an extended length of which `left` bytes are to come.
    Extended {
        left: u8,
        length: u64,
        masked: bool,
    },
    /// Within the mask and payload.
    Payload {
        left: u64,
    },
}

const PING: u8 = 0x9;
const PONG: u8 = 0xa;

impl Frames {
    /// The greatest kind of frame that any of these bytes belongs to.
    pub(crate) fn scan(&mut self, mut bytes: &[u8]) -> FrameKind {
        let mut greatest = FrameKind::Upkeep;
        while let Some((first, rest)) = bytes.split_first() {
            match &mut self.at {
                At::Opcode => {
                    self.kind = FrameKind::of(first & 0x0f);
                    self.at = At::Length;
                    bytes = rest;
                }
                At::Length => {
                    let masked = first & 0x80 != 0;
                    self.at = match first & 0x7f {
                        126 => At::Extended { left: 2, length: 0, masked },
                        127 => At::Extended { left: 8, length: 0, masked },
                        length => payload(u64::from(length), masked),
                    };
                    bytes = rest;
                }
                At::Extended { left, length, masked } => {
                    *left -= 1;
                    *length = *length << 8 | u64::from(*first);
                    if *left == 0 {
                        self.at = payload(*length, *masked);
                    }
                    bytes = rest;
                }
                At::Payload { left } => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = &bytes[here..];
                    *left -= here as u64;
                    if *left == 0 {
                        self.at = At::Opcode;
                    }
                }
            }
            greatest = greatest.max(self.kind);
        }
        greatest
    }
}

fn payload(length: u64, masked: bool) -> At {
    match length.saturating_add(if masked { 4 } else { 0 }) {
        0 => At::Opcode,
        left => At::Payload { left },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![0x80 | opcode];
        match length {
            0..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
            126..65536 => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        // Payload that looks like anything but a pong's header.
        frame.extend(std::iter::repeat_n(0x81, length));
        frame
    }

    #[test]
    fn kinds() {
        for (opcode, kind) in [
            (0x0, FrameKind::Message),
            (0x1, FrameKind::Message),
            (0x2, FrameKind::Message),
            (0x8, FrameKind::Control),
            (0x9, FrameKind::Upkeep),
            (0xa, FrameKind::Upkeep),
        ] {
            for length in [0, 1, 125, 126, 127, 65535, 65536] {
                assert_eq!(Frames::default().scan(&frame(opcode, length)), kind, "{opcode} {length}");
            }
        }
    }

    #[test]
    fn frames_are_followed_however_they_are_cut() {
        let pongs = [frame(0xa, 0), frame(0xa, 125), frame(0x9, 3)].concat();
        for text in [0, 7, 126, 70_000] {
            let stream = [&pongs[..], &frame(0x1, text), &pongs].concat();
            for cut in [1, 2, 3, 7, 1000, stream.len()] {
                let mut frames = Frames::default();
                let mut at = 0;
                for chunk in stream.chunks(cut) {
                    let range = at..at + chunk.len();
                    at = range.end;
                    let text_at = pongs.len()..stream.len() - pongs.len();
                    let overlaps = range.start < text_at.end && text_at.start < range.end;
                    let kind = if overlaps { FrameKind::Message } else { FrameKind::Upkeep };
                    assert_eq!(frames.scan(chunk), kind, "text of {text} cut by {cut} at {range:?}");
                }
            }
        }
    }
}
