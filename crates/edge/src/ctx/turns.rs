//! Which of several instances is next, where they have equally much to do.

use std::{cell::RefCell, collections::HashMap};

use dormouse_model::ServiceKey;

/// Of each service that had a choice, how often one thread had it. Each thread has its own, so that nothing is locked; what they
/// choose together is still even, because each is.
#[derive(Debug, Default)]
pub(crate) struct Turns(RefCell<HashMap<ServiceKey, usize>>);

impl Turns {
    /// How many turns of the service came before this one.
    pub(crate) fn next(&self, service: &ServiceKey) -> usize {
        let mut turns = self.0.borrow_mut();
        match turns.get_mut(service) {
            Some(turn) => {
                *turn = turn.wrapping_add(1);
                *turn
            }
            None => turns.entry(service.clone()).or_default().to_owned(),
        }
    }

    /// Forget services that are no more.
    pub(crate) fn retain(&self, keep: impl Fn(&ServiceKey) -> bool) {
        self.0.borrow_mut().retain(|service, _| keep(service));
    }
}

/// The one with the least load. Of several with equally much it is the one whose turn it is, which is asked only then.
pub(crate) fn least_loaded<T>(
    all: impl IntoIterator<Item = (u32, T)>,
    turn: impl FnOnce() -> usize,
) -> Option<T> {
    let mut least: Option<(u32, T)> = None;
    // Nearly always there is nobody else, and nothing is allocated.
    let mut others = Vec::new();
    for (load, one) in all {
        match &least {
            Some((lowest, _)) if load > *lowest => {}
            Some((lowest, _)) if load == *lowest => others.push(one),
            Some(_) | None => {
                others.clear();
                least = Some((load, one));
            }
        }
    }
    let (_, first) = least?;
    if others.is_empty() {
        return Some(first);
    }
    match turn() % (others.len() + 1) {
        0 => Some(first),
        next => Some(others.swap_remove(next - 1)),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// The loads of the instances a, b, c ..., and who is taken in eight turns.
    fn check(loads: &[u32], expected: &Expect) {
        let turns = Turns::default();
        let key: ServiceKey = "shop/web".parse().unwrap();
        let taken = (0..8).filter_map(|_| {
            least_loaded(loads.iter().copied().zip('a'..), || turns.next(&key)).map(String::from)
        });
        expected.assert_eq(&taken.collect::<Vec<_>>().join(" "));
    }

    #[test]
    fn who_has_least_is_taken_and_equals_take_turns() {
        check(&[], &expect![""]);
        check(&[3], &expect!["a a a a a a a a"]);
        check(&[1, 0, 2], &expect!["b b b b b b b b"]);
        check(&[0, 0], &expect!["a b a b a b a b"]);
        check(&[0, 0, 0], &expect!["a b c a b c a b"]);
        // The others of the least loaded are found wherever they stand.
        check(&[1, 0, 1, 0, 2, 0], &expect!["b d f b d f b d"]);
        check(&[5, 5, 4, 4], &expect!["c d c d c d c d"]);
    }

    #[test]
    fn each_service_has_turns_of_its_own() {
        let turns = Turns::default();
        let keys: [ServiceKey; 2] = ["shop/web", "shop/api"].map(|key| key.parse().unwrap());
        let taken: Vec<_> = (0..6).map(|n| turns.next(&keys[n % 2])).collect();
        assert_eq!(taken, [0, 0, 1, 1, 2, 2]);
        turns.retain(|service| *service == keys[0]);
        assert_eq!((turns.next(&keys[0]), turns.next(&keys[1])), (3, 0));
    }
}
