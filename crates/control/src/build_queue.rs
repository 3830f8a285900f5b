//! Who builds next: a few builds at a time, no project in all of their places, and the projects in turn.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use dormouse_model::ProjectName;
use tokio::sync::watch;

use crate::deploys::Waits;

/// Builds that run and builds that wait.
#[derive(Debug)]
pub(crate) struct BuildQueue(watch::Sender<Line>);

/// A place among the builds that run, or among those that wait. Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    queue: &'a BuildQueue,
    ticket: u64,
}

impl BuildQueue {
    /// With so many places; at least one.
    pub(crate) fn new(places: usize) -> Self {
        Self(watch::Sender::new(Line { places: places.max(1), ..Line::default() }))
    }

    /// Wait until a build of this project may run. Whenever its place in the line is another, `tell` hears of it.
    pub(crate) async fn turn(&self, project: &ProjectName, mut tell: impl FnMut(Waits)) -> Turn<'_> {
        let mut line = self.0.subscribe();
        let mut ticket = 0;
        self.0.send_modify(|line| ticket = line.join(project.clone()));
        // From here on it leaves the line when nobody waits any more.
        let turn = Turn { queue: self, ticket };
        let mut told = None;
        loop {
            let waits = line.borrow_and_update().waits(ticket);
            let Some(waits) = waits else { return turn };
            if told.as_ref() != Some(&waits) {
                tell(waits.clone());
                told = Some(waits);
            }
            // The other end is ours.
            let _ = line.changed().await;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.queue.0.send_modify(|line| line.leave(self.ticket));
    }
}

/// Both.
#[derive(Debug, Clone, Default)]
struct Line {
    places: usize,
    tickets: u64,
    turns: u64,
    running: BTreeMap<u64, ProjectName>,
    waiting: BTreeMap<ProjectName, VecDeque<u64>>,
    /// The last turn that each of these projects had.
    last: BTreeMap<ProjectName, u64>,
}

impl Line {
    fn join(&mut self, project: ProjectName) -> u64 {
        self.tickets += 1;
        self.waiting.entry(project).or_default().push_back(self.tickets);
        self.advance();
        self.tickets
    }

    fn leave(&mut self, ticket: u64) {
        self.running.remove(&ticket);
        self.waiting.values_mut().for_each(|tickets| tickets.retain(|t| *t != ticket));
        self.waiting.retain(|_, tickets| !tickets.is_empty());
        let (running, waiting) = (&self.running, &self.waiting);
        self.last
            .retain(|project, _| waiting.contains_key(project) || running.values().any(|p| p == project));
        self.advance();
    }

    /// Fill the places that are free.
    fn advance(&mut self) {
        while self.running.len() < self.places {
            let Some(_) = self.give(|line, project| !line.has_its_share(project)) else { return };
        }
    }

    /// Give the next turn to one of these projects: to that with the fewest, of several to that which has had none for longest,
    /// and then to that which came first.
    fn give(&mut self, may: impl Fn(&Self, &ProjectName) -> bool) -> Option<u64> {
        let rank = |project: &ProjectName, tickets: &VecDeque<u64>| {
            (self.runs(project), self.last.get(project).copied(), tickets.front().copied())
        };
        let able = self.waiting.iter().filter(|(project, _)| may(self, project));
        let (project, _) = able.min_by_key(|(project, tickets)| rank(project, tickets))?;
        let project = project.clone();
        let tickets = self.waiting.get_mut(&project)?;
        let ticket = tickets.pop_front()?;
        if tickets.is_empty() {
            self.waiting.remove(&project);
        }
        self.turns += 1;
        self.last.insert(project.clone(), self.turns);
        self.running.insert(ticket, project);
        Some(ticket)
    }

    fn runs(&self, project: &ProjectName) -> usize {
        self.running.values().filter(|p| *p == project).count()
    }

    /// Most places of one project: another's build always finds one.
    fn share(&self) -> usize {
        (self.places - 1).max(1)
    }

    fn has_its_share(&self, project: &ProjectName) -> bool {
        self.runs(project) >= self.share()
    }

    /// Where one stands that waits.
    fn waits(&self, ticket: u64) -> Option<Waits> {
        let (project, _) = self.waiting.iter().find(|(_, tickets)| tickets.contains(&ticket))?;
        let before = self.order().take_while(|t| *t != ticket).count();
        let why = if self.has_its_share(project) {
            Why::Share { share: self.share(), places: self.places }
        } else {
            Why::Places(self.places)
        };
        Some(Waits { place: u64::try_from(before + 1).unwrap_or(u64::MAX), why: why.to_string() })
    }

    /// Those that wait, in the order of their turns if nobody else comes.
    fn order(&self) -> impl Iterator<Item = u64> {
        let mut line = self.clone();
        std::iter::from_fn(move || line.give(|_, _| true))
    }
}

enum Why {
    Places(usize),
    Share { share: usize, places: usize },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Places(1) | Self::Share { places: 1, .. } => write!(f, "another build is under way"),
            Self::Places(places) => write!(f, "{places} builds are under way, and more never run at once"),
            Self::Share { share: 1, .. } => write!(f, "another build of this project is under way"),
            Self::Share { share, .. } => {
                write!(f, "{share} builds of this project are under way, and the rest is left to others")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use expect_test::{Expect, expect};

    use super::*;

    /// A letter asks for a turn of the project of that name, a number ends that build or leaves the line.
    fn check(places: usize, story: &str, expected: Expect) {
        let mut line = Line { places, ..Line::default() };
        let mut out = String::new();
        for word in story.split(' ') {
            match word.parse() {
                Ok(ticket) => line.leave(ticket),
                Err(_) => _ = line.join(word.parse().unwrap()),
            }
            let show = |t: &u64, p: &ProjectName| format!("{p}{t}");
            let running: Vec<_> = line.running.iter().map(|(t, p)| show(t, p)).collect();
            let of = |t: &u64| line.waiting.iter().find(|(_, all)| all.contains(t)).unwrap().0;
            let waiting: Vec<_> = line.order().map(|t| show(&t, of(&t))).collect();
            writeln!(out, "{word}: {} | {}", running.join(" "), waiting.join(" ")).unwrap();
        }
        expected.assert_eq(&out);
    }

    /// Bug: two builds that slept held up those of all projects.
    #[test]
    fn one_project_leaves_a_place_to_others() {
        check(
            3,
            "a a a a b 5 b c 1",
            expect![[r#"
                a: a1 | 
                a: a1 a2 | 
                a: a1 a2 | a3
                a: a1 a2 | a3 a4
                b: a1 a2 b5 | a3 a4
                5: a1 a2 | a3 a4
                b: a1 a2 b6 | a3 a4
                c: a1 a2 b6 | c7 a3 a4
                1: a2 b6 c7 | a3 a4
            "#]],
        );
    }

    #[test]
    fn projects_take_turns() {
        check(
            2,
            "a b a a a b b c 1 2 4 3 6",
            expect![[r#"
            a: a1 | 
            b: a1 b2 | 
            a: a1 b2 | a3
            a: a1 b2 | a3 a4
            a: a1 b2 | a3 a4 a5
            b: a1 b2 | a3 b6 a4 a5
            b: a1 b2 | a3 b6 a4 b7 a5
            c: a1 b2 | c8 a3 b6 a4 b7 a5
            1: b2 c8 | a3 b6 a4 b7 a5
            2: a3 c8 | b6 a4 b7 a5
            4: a3 c8 | b6 a5 b7
            3: b6 c8 | a5 b7
            6: a5 c8 | b7
        "#]],
        );
    }

    #[test]
    fn where_there_is_one_place() {
        check(
            1,
            "a a b 2 1",
            expect![[r#"
            a: a1 | 
            a: a1 | a2
            b: a1 | b3 a2
            2: a1 | b3
            1: b3 | 
        "#]],
        );
    }

    #[test]
    fn who_waits_is_told_why() {
        let mut out = String::new();
        for (places, story) in [(1, "a b"), (2, "a a"), (3, "a a a"), (3, "a a b c"), (3, "a a b a c")] {
            let mut line = Line { places, ..Line::default() };
            let last = story.split(' ').map(|p| line.join(p.parse().unwrap())).last().unwrap();
            let waits = line.waits(last).unwrap();
            writeln!(out, "{story}: {}, {}", waits.place, waits.why).unwrap();
        }
        expect![[r#"
            a b: 1, another build is under way
            a a: 1, another build of this project is under way
            a a a: 1, 2 builds of this project are under way, and the rest is left to others
            a a b c: 1, 3 builds are under way, and more never run at once
            a a b a c: 1, 3 builds are under way, and more never run at once
        "#]]
        .assert_eq(&out);
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_the_line() {
        let queue = BuildQueue::new(2);
        let (a, b): (ProjectName, ProjectName) = ("a".parse().unwrap(), "b".parse().unwrap());
        let mut told = Vec::new();
        let first = queue.turn(&a, |_| unreachable!("nobody else is there")).await;
        let second = queue.turn(&b, |_| unreachable!("there is a place")).await;
        let mut third = Box::pin(queue.turn(&a, |waits| told.push(waits.place)));
        tokio::select! {
            biased;
            _ = &mut third => unreachable!("the project has its share"),
            () = std::future::ready(()) => {}
        }
        drop(third);
        assert_eq!(told, [1]);
        drop(first);
        let again = queue.turn(&a, |_| unreachable!("who gave up holds no place")).await;
        drop((second, again));
        assert!(queue.0.borrow().running.is_empty() && queue.0.borrow().waiting.is_empty());
    }
}
