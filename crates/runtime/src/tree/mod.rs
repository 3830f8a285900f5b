//! The processes of a sandbox while it is frozen: who watches whom, and what each waits for.
//!
//! Supervisors measure time: one that wakes first finds that its workers have not been heard of for as long as the sleep
//! was, and kills them. So a wake begins with the leaves of the tree, and goes on upwards when these have had the time to
//! say that they live ([`Rest`]), or when a supervisor is asked for something itself ([`Inbox`]); and what the kernel would
//! let them wait for anew is cut to what is left of it ([`Waits`]); and they read what has arrived before they look at the
//! clock ([`Polls`]).

mod inbox;
mod polls;
mod rest;
mod sockets;
mod waits;

use std::{collections::BTreeMap, fs, path::Path};

pub(crate) use inbox::Inbox;
pub(crate) use polls::Polls;
pub(crate) use rest::Rest;
pub(crate) use waits::Waits;

use crate::process::Stat;

/// Taller trees than this are woken as if they were not: the tallest met in the wild is a shell above a supervisor above
/// a shell above a server above its workers. Each level is a control group, and a hostile tree has as many as it likes.
const TALLEST: usize = 6;

/// A process of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// Tells it from a later process with its number.
    pub(crate) start_ticks: u64,
}

/// The processes of one sandbox, its init excluded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tree {
    members: BTreeMap<u32, Member>,
}

impl Tree {
    /// Look at these processes, of which `init` is ours. They should be frozen: what forks meanwhile is missing.
    pub(crate) fn of(pids: &[u32], init: u32) -> Self {
        let look = |pid: &u32| {
            let stat = Stat::of(*pid).filter(|stat| *pid != init && !stat.has_ended())?;
            Some(Member { pid: *pid, parent: stat.parent, start_ticks: stat.start_ticks })
        };
        pids.iter().filter_map(look).collect()
    }

    /// Those who have children, the innermost first: everybody in a level is above somebody of the one before, and the
    /// leaves are above nobody.
    pub(crate) fn supervisors(&self) -> Vec<Vec<u32>> {
        let mut heights: BTreeMap<u32, usize> = BTreeMap::new();
        for member in self.members.values() {
            let (mut at, mut height) = (member, 1);
            while let Some(parent) = self.members.get(&at.parent) {
                let known = heights.entry(parent.pid).or_default();
                // Whoever is above has been told, or the tree is too tall (or, read while it changed, a circle).
                if *known >= height.min(TALLEST) {
                    break;
                }
                *known = height.min(TALLEST);
                (at, height) = (parent, height + 1);
            }
        }
        let mut levels = vec![Vec::new(); heights.values().copied().max().unwrap_or(0)];
        for (pid, height) in heights {
            levels[height - 1].push(pid);
        }
        levels
    }

    /// Those without children.
    pub(crate) fn leaves(&self) -> Vec<u32> {
        let has_child = |pid| self.members.values().any(|m| m.parent == pid);
        self.members.keys().copied().filter(|pid| !has_child(*pid)).collect()
    }

    /// Its processes without those that come and go with a connection: that one of these is gone says nothing.
    pub(crate) fn lasting(&self) -> Self {
        let passing = sockets::serving_one(&self.members.keys().copied().collect::<Vec<_>>());
        self.members().filter(|m| !passing.contains(&m.pid)).copied().collect()
    }

    /// Drop those that have ended.
    pub(crate) fn forget_ended(&mut self) {
        self.members.retain(|_, m| Stat::of(m.pid).is_some_and(|stat| m.is(&stat) && !stat.has_ended()));
    }

    /// Which processes of this tree were replaced in a later one: their supervisor is still there, has other children now, and
    /// lost at least half of those it had. Fewer may have ended for reasons of their own.
    pub(crate) fn replaced_in(&self, later: &Self) -> Replaced {
        let children = |tree: &Self, of: &Member| {
            tree.members().filter(|m| m.parent == of.pid).copied().collect::<Vec<Member>>()
        };
        let replaced = |supervisor: &Member| {
            let (before, after) = (children(self, supervisor), children(later, supervisor));
            let lost: Vec<Member> = before.iter().filter(|child| !after.contains(child)).copied().collect();
            let new = after.iter().filter(|child| !before.contains(child)).count();
            if lost.len() * 2 >= before.len() {
                Replaced { count: lost.len().min(new), lost }
            } else {
                Replaced::default()
            }
        };
        let each = self.members().filter(|m| later.members.get(&m.pid) == Some(m)).map(replaced);
        each.fold(Replaced::default(), |mut all, one| {
            all.count += one.count;
            all.lost.extend(one.lost);
            all
        })
    }

    /// Whether one of these processes is the master of a cluster of Puma, which says so in its title: `puma 5.6.5 (…)`.
    pub(crate) fn is_puma(supervisors: &[u32]) -> bool {
        supervisors
            .iter()
            .any(|pid| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|title| is_puma(&title)))
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }
}

/// Processes whose supervisor has others instead.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Replaced {
    /// For how many there is another.
    pub(crate) count: usize,
    /// Those that are gone, at least as many when there are any.
    pub(crate) lost: Vec<Member>,
}

impl Member {
    /// Whether it is meant.
    pub(crate) fn is(&self, stat: &Stat) -> bool {
        stat.start_ticks == self.start_ticks
    }
}

fn is_puma(title: &[u8]) -> bool {
    title.strip_prefix(b"puma ").and_then(<[u8]>::first).is_some_and(u8::is_ascii_digit)
}

impl FromIterator<Member> for Tree {
    fn from_iter<I: IntoIterator<Item = Member>>(members: I) -> Self {
        Self { members: members.into_iter().map(|m| (m.pid, m)).collect() }
    }
}

/// The threads of a process; none when it is gone.
pub(crate) fn threads(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task")) else {
        return Vec::new();
    };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    /// `2<1` is process 2, a child of 1.
    fn tree(text: &str) -> Tree {
        let member = |word: &str| {
            let (pid, parent) = word.split_once('<').unwrap();
            Member { pid: pid.parse().unwrap(), parent: parent.parse().unwrap(), start_ticks: 0 }
        };
        text.split(' ').filter(|w| !w.is_empty()).map(member).collect()
    }

    #[test]
    fn levels() {
        let chain: Vec<String> = (2..=12).map(|pid| format!("{pid}<{}", pid - 1)).collect();
        let rows = [
            ("one process", ""),
            ("one process", "2<1"),
            ("two side by side", "2<1 3<1"),
            ("gunicorn", "2<1 3<2 4<2"),
            ("the same under a shell", "2<1 3<2 4<3 5<3"),
            ("supervisord with a program and a server", "2<1 3<2 4<2 5<4 6<4"),
            ("numbers may have wrapped around", "900<1 5<900 901<5"),
            ("a worker's own helper", "2<1 3<2 4<2 5<4"),
            ("two servers, one of them daemonized", "2<1 3<2 7<1 8<7 9<8"),
            ("taller than is followed", &chain.join(" ")),
            ("read while it changed", "2<3 3<2"),
        ];
        let table = rows.map(|(what, text)| {
            let tree = tree(text);
            format!("{what}: {:?} then {:?}\n", tree.leaves(), tree.supervisors())
        });
        expect![[r#"
            one process: [] then []
            one process: [2] then []
            two side by side: [2, 3] then []
            gunicorn: [3, 4] then [[2]]
            the same under a shell: [4, 5] then [[3], [2]]
            supervisord with a program and a server: [3, 5, 6] then [[4], [2]]
            numbers may have wrapped around: [901] then [[5], [900]]
            a worker's own helper: [3, 5] then [[4], [2]]
            two servers, one of them daemonized: [3, 9] then [[2, 8], [7]]
            taller than is followed: [12] then [[11], [10], [9], [8], [7], [2, 3, 4, 5, 6]]
            read while it changed: [] then [[], [], [], [], [], [2, 3]]
        "#]]
        .assert_eq(&table.concat());
    }

    #[test]
    fn replaced() {
        let rows = [
            ("nothing happened", "2<1 3<2 4<2", "2<1 3<2 4<2"),
            ("all workers", "2<1 3<2 4<2", "2<1 5<2 6<2"),
            ("all but the one that was heard first", "2<1 3<2 4<2", "2<1 3<2 6<2"),
            ("one of three, for a reason of its own", "2<1 3<2 4<2 5<2", "2<1 3<2 4<2 6<2"),
            ("one more", "2<1 3<2 4<2", "2<1 3<2 4<2 5<2"),
            ("one less", "2<1 3<2 4<2", "2<1 3<2"),
            ("all at once with their supervisor", "2<1 3<2 4<2", "5<1 6<5 7<5"),
            ("under a shell", "2<1 3<2 4<3 5<3", "2<1 3<2 6<3 7<3"),
            ("a supervisor by its own", "2<1 3<2 4<3", "2<1 5<2 6<5"),
        ];
        let table = rows.map(|(what, before, after)| {
            format!("{what}: {}\n", tree(before).replaced_in(&tree(after)).count)
        });
        expect![[r#"
            nothing happened: 0
            all workers: 2
            all but the one that was heard first: 1
            one of three, for a reason of its own: 0
            one more: 0
            one less: 0
            all at once with their supervisor: 0
            under a shell: 2
            a supervisor by its own: 1
        "#]]
        .assert_eq(&table.concat());
    }

    #[test]
    fn titles() {
        for (title, expected) in [
            ("puma 5.6.5 (tcp://0.0.0.0:8000) [app]", true),
            ("puma: cluster worker 0: 3 [app]", false),
            ("puma", false),
            ("puma app.rb", false),
            ("/usr/bin/puma\0-w\x002", false),
        ] {
            assert_eq!(is_puma(title.as_bytes()), expected, "{title}");
        }
    }
}
