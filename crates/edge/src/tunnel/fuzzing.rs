//! What follows strangers' bytes, given what is nearly as it should be.

use super::{
    answers::Answers,
    frames::{Frames, pongs},
};

/// What both ends of a connection say in turns, in the pieces that its first bytes cut it into.
pub fn answers(bytes: &[u8]) {
    let Some((cuts, talk)) = bytes.split_at_checked(4) else { return };
    let mut answers = Answers::default();
    let (mut rest, mut turn) = (talk, 0);
    while !rest.is_empty() {
        let cut = usize::from(cuts[turn % cuts.len()] & 0x7f) + 1;
        let (piece, after) = rest.split_at(cut.min(rest.len()));
        if cuts[turn % cuts.len()] & 0x80 == 0 {
            answers.ask(piece);
        } else {
            answers.answer(piece);
        }
        answers.is_between_frames();
        (rest, turn) = (after, turn + 1);
    }
}

/// Frames of a WebSocket. However they are cut, they end the same.
///
/// # Panics
/// When they do not.
pub fn frames(bytes: &[u8]) {
    pongs(bytes);
    let (mut whole, mut cut) = (Frames::default(), Frames::default());
    let kind = whole.scan(bytes);
    let pieces = bytes.chunks(1).map(|byte| cut.scan(byte)).max();
    assert_eq!(Some(kind).filter(|_| !bytes.is_empty()), pieces);
    assert_eq!(whole.take_ping(), cut.take_ping());
    assert_eq!(whole.is_closing(), cut.is_closing());
    assert_eq!(whole.farewell(), cut.farewell());
}

#[cfg(test)]
mod tests {
    use dormouse_trials::nearly;

    use super::*;

    #[test]
    fn whatever_is_said() {
        let seeds: [&[u8]; 3] = [
            include_bytes!("../../../../fuzz/seeds/answers/http1"),
            include_bytes!("../../../../fuzz/seeds/answers/switch"),
            include_bytes!("../../../../fuzz/seeds/answers/http2"),
        ];
        nearly(&seeds, answers);
    }

    #[test]
    fn frames_of_any_form() {
        let seeds: [&[u8]; 3] = [
            include_bytes!("../../../../fuzz/seeds/frames/short"),
            include_bytes!("../../../../fuzz/seeds/frames/close"),
            include_bytes!("../../../../fuzz/seeds/frames/long"),
        ];
        nearly(&seeds, frames);
    }
}
