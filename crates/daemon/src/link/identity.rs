//! Which edge is which. Each draws a number when it starts and says it: process numbers are given again, and other machines
//! have the same.

use std::hash::{BuildHasher, RandomState};

use dormouse_model::EdgeId;
use dormouse_runtime::Process;

/// A number that nobody else draws.
pub(crate) fn draw() -> EdgeId {
    EdgeId(RandomState::new().hash_one(std::process::id()))
}

/// The edges that control knows to live.
#[derive(Debug, Default)]
pub(super) struct Identities(Vec<Known>);

#[derive(Debug)]
struct Known {
    process: Process,
    /// What it says it is. One of which only the process is known has yet to say it, or is of a release that does not.
    said: Option<EdgeId>,
    id: EdgeId,
    watched: bool,
}

impl Identities {
    /// Which one it is: always the same for the same edge, whether it has said what it is or only its process is known.
    pub(super) fn of(&mut self, process: &Process, said: Option<EdgeId>) -> EdgeId {
        let same = |known: &Known| match (known.said, said) {
            (Some(known), Some(said)) => known == said,
            (None, _) | (_, None) => known.process == *process,
        };
        if let Some(known) = self.0.iter_mut().find(|known| same(known)) {
            known.said = known.said.or(said);
            return known.id;
        }
        let id = said.unwrap_or_else(draw);
        self.0.push(Known { process: process.clone(), said, id, watched: false });
        id
    }

    /// Whether nobody watches yet whether it lives; from now on somebody does. Its death may have been told already, and then it
    /// has to be told again.
    pub(super) fn watch(&mut self, process: &Process, id: EdgeId) -> bool {
        match self.0.iter_mut().find(|known| known.id == id) {
            Some(known) => !std::mem::replace(&mut known.watched, true),
            None => {
                self.0.push(Known { process: process.clone(), said: Some(id), id, watched: true });
                true
            }
        }
    }

    /// It has died.
    pub(super) fn forget(&mut self, id: EdgeId) {
        self.0.retain(|known| known.id != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, start_ticks: u64, boot: &str) -> Process {
        let text = format!(r#"{{"pid":{pid},"start_ticks":{start_ticks},"boot":"{boot}"}}"#);
        serde_json::from_str(&text).unwrap()
    }

    /// Bug: edges were told apart by the number of their process and when it began, which another machine's may share; the
    /// report of one then confirmed tables for the other.
    #[test]
    fn every_edge_is_one_and_none_is_two() {
        let (one, two) = (Some(EdgeId(1)), Some(EdgeId(2)));
        let mut known = Identities::default();
        let here = process(7, 100, "here");
        for (what, said, id) in [
            ("it connects", one, 1),
            ("again", one, 1),
            ("another with the same numbers, in a container, say", two, 2),
            ("the first again", one, 1),
        ] {
            assert_eq!(known.of(&here, said), EdgeId(id), "{what}");
        }
    }

    #[test]
    fn each_is_watched_once_and_again_when_it_was_forgotten() {
        let mut known = Identities::default();
        let here = process(7, 100, "here");
        let id = known.of(&here, Some(EdgeId(1)));
        assert_eq!([known.watch(&here, id), known.watch(&here, id)], [true, false]);
        // It died while it connected: who connects says so before it is watched, and would count for ever.
        known.forget(id);
        assert!(known.watch(&here, id));
    }

    #[test]
    fn one_that_was_there_before_control_is_the_one_that_connects() {
        let mut known = Identities::default();
        let (here, other) = (process(7, 100, "here"), process(7, 100, "there"));
        let expected = known.of(&here, None);
        assert_eq!(known.of(&here, Some(EdgeId(1))), expected, "it says what it is");
        assert_eq!(known.of(&here, None), expected);
        assert_ne!(known.of(&other, None), expected, "an old release on another machine");
        assert_ne!(draw(), draw());
    }
}
