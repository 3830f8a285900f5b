//! Which bytes of a WebSocket are somebody's doing, and which only keep the line open.

/// Follows the frame headers of one direction (RFC 6455 §5.2) without touching a byte.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    at: FramePart,
    /// What the frame we are in is.
    kind: FrameKind,
    opcode: u8,
    pinged: bool,
    /// What the Close frame carries, as far as it has come.
    farewell: Option<Vec<u8>>,
    closed: bool,
}

/// Both directions of a WebSocket.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// What the client says.
    pub(crate) up: Frames,
    /// What the server says.
    pub(crate) down: Frames,
}

impl Conversation {
    /// Whether both have ended the frames that they began.
    pub(crate) fn is_between(&self) -> bool {
        self.up.is_between() && self.down.is_between()
    }
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
enum FramePart {
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

const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
const FINAL_PING: u8 = 0x80 | PING;
const FINAL_PONG: u8 = 0x80 | PONG;
/// No control frame carries more.
const LONGEST: usize = 125;

impl Frames {
    /// Whether the next byte begins a frame.
    fn is_between(&self) -> bool {
        matches!(self.at, FramePart::Opcode)
    }

    /// The greatest kind of frame that any of these bytes belongs to.
    pub(crate) fn scan(&mut self, mut bytes: &[u8]) -> FrameKind {
        let mut greatest = FrameKind::Upkeep;
        while let Some((first, rest)) = bytes.split_first() {
            match &mut self.at {
                FramePart::Opcode => {
                    self.opcode = first & 0x0f;
                    self.kind = FrameKind::of(self.opcode);
                    match self.opcode {
                        PING => self.pinged = true,
                        CLOSE => self.farewell = self.farewell.take().or(Some(Vec::new())),
                        _ => {}
                    }
                    self.at = FramePart::Length;
                    bytes = rest;
                }
                FramePart::Length => {
                    let masked = first & 0x80 != 0;
                    self.at = match first & 0x7f {
                        126 => FramePart::Extended { left: 2, length: 0, masked },
                        127 => FramePart::Extended { left: 8, length: 0, masked },
                        length => payload(u64::from(length), masked),
                    };
                    bytes = rest;
                }
                FramePart::Extended { left, length, masked } => {
                    *left -= 1;
                    *length = *length << 8 | u64::from(*first);
                    if *left == 0 {
                        self.at = payload(*length, *masked);
                    }
                    bytes = rest;
                }
                FramePart::Payload { left } => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    if let (CLOSE, Some(farewell)) = (self.opcode, &mut self.farewell) {
                        let room = LONGEST.saturating_sub(farewell.len()).min(here);
                        farewell.extend_from_slice(&bytes[..room]);
                    }
                    bytes = &bytes[here..];
                    *left -= here as u64;
                    if *left == 0 {
                        self.at = FramePart::Opcode;
                    }
                }
            }
            greatest = greatest.max(self.kind);
            self.closed |= self.opcode == CLOSE && matches!(self.at, FramePart::Opcode);
        }
        greatest
    }

    /// Whether a ping has begun since this was last asked.
    pub(crate) fn take_ping(&mut self) -> bool {
        std::mem::take(&mut self.pinged)
    }

    /// Whether a Close frame has begun.
    pub(crate) fn is_closing(&self) -> bool {
        self.farewell.is_some()
    }

    /// What a Close frame carried (RFC 6455 §5.5.1) that was not masked, once it is complete.
    pub(crate) fn farewell(&self) -> Option<&[u8]> {
        self.farewell.as_deref().filter(|_| self.closed)
    }
}

/// The pongs for the pings among these bytes, and the pongs among them, which are no less upkeep; nothing unless all of it is whole frames
/// of the two kinds.
pub(crate) fn pongs(mut bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut answers, mut theirs) = (Vec::new(), Vec::new());
    while !bytes.is_empty() {
        // Control frames are short, and a client's are masked (RFC 6455 §5.5, §5.3).
        let (head, rest) = bytes.split_at_checked(6)?;
        let length = usize::from(head[1] & 0x7f);
        if head[1] & 0x80 == 0 || length > LONGEST {
            return None;
        }
        let (payload, behind) = rest.split_at_checked(length)?;
        match head[0] {
            FINAL_PING => {
                answers.extend([FINAL_PONG, head[1] & 0x7f]);
                answers.extend(payload.iter().zip(head[2..].iter().cycle()).map(|(byte, mask)| byte ^ mask));
            }
            FINAL_PONG => theirs.extend(&bytes[..6 + length]),
            _ => return None,
        }
        bytes = behind;
    }
    Some((answers, theirs))
}

fn payload(length: u64, masked: bool) -> FramePart {
    match length.saturating_add(if masked { 4 } else { 0 }) {
        0 => FramePart::Opcode,
        left => FramePart::Payload { left },
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
    fn pings_are_answered() {
        let (ping, pong, text) = (frame(0x9, 3), frame(0xa, 0), frame(0x1, 3));
        let answer = vec![FINAL_PONG, 3, 0x81 ^ 1, 0x81 ^ 2, 0x81 ^ 3];
        assert_eq!(pongs(&ping), Some((answer.clone(), vec![])));
        assert_eq!(pongs(&[&pong[..], &ping].concat()), Some((answer, pong.clone())));
        assert_eq!(pongs(&frame(0x9, 0)), Some((vec![FINAL_PONG, 0], vec![])));
        let not_final = [&[PING][..], &ping[1..]].concat();
        let unmasked = [&[FINAL_PING, 3], &ping[6..]].concat();
        for other in [&text, &[&ping[..], &text].concat(), &ping[..8].to_vec(), &not_final, &unmasked] {
            assert_eq!(pongs(other), None, "{other:?}");
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
