//! Which users of the host stand behind the users of a sandbox.
//!
//! The kernel counts much of what a program takes by user, not by namespace: pages in pipes, watched files, queued
//! signals, files in flight between sockets. So each project has users of its own, and its namespaces belong to one
//! of them. On disk everything is owned by users counted from 0 and mapped when it is mounted, so that no file knows
//! which ones those are.

use serde::{Deserialize, Serialize};

/// How many users and groups a sandbox has; 65534 is `nobody` in every distribution.
const COUNT: u32 = 65_536;

/// A range of the host's users, and of its groups: those of a project, or of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Users {
    /// The host's user and group behind root in the sandbox.
    first: u32,
}

impl Users {
    /// What every sandbox had once, and has where no other range is free. Distributions give numbers up to 60000 to people and
    /// services, and subordinate ranges for people begin here but own no files outside of their containers.
    pub(crate) const SHARED: Self = Self { first: 100_000 };

    pub(crate) fn first(self) -> u32 {
        self.first
    }

    /// A map for `/proc/<pid>/uid_map` and `gid_map`.
    pub(super) fn map(self) -> String {
        format!("0 {} {COUNT}\n", self.first)
    }
}

/// Ranges to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pool {
    first: u32,
    count: u32,
    /// Where to begin, so that servers of one host, which do not know of each other, rarely have the same.
    begin: u32,
}

/// The numbers of ranges that belong to nobody: above those that directory services give (SSSD's end at 2,000,200,000)
/// and those that systemd gives to containers (up to 0x6fffffff), below those that it keeps for images (from 0x7ffe0000).
const FIRST: u32 = 30_521;
const END: u32 = 0x7ffe;

/// The first of them are for builds and their like, which come and go.
const RUNS: u32 = 64;

impl Pool {
    /// For the projects of the server of this tag.
    pub(crate) fn of_projects(tag: &str) -> Self {
        Self::new(FIRST + RUNS, END - FIRST - RUNS, tag)
    }

    /// For the runs of the server of this tag.
    pub(super) fn of_runs(tag: &str) -> Self {
        Self::new(FIRST, RUNS, tag)
    }

    fn new(first: u32, count: u32, tag: &str) -> Self {
        Self { first, count, begin: u32::from_str_radix(tag, 16).unwrap_or(0) % count }
    }

    /// One that nobody has, or [`Users::SHARED`] when there is none.
    pub(crate) fn free(self, is_taken: impl Fn(Users) -> bool) -> Users {
        let nth = |n| self.first + (self.begin + n) % self.count;
        let mut all = (0..self.count).map(|n| Users { first: nth(n) * COUNT });
        all.find(|users| !is_taken(*users)).unwrap_or_else(|| {
            tracing::warn!(
                "all {} ranges of users are taken: sandboxes share one, and what the kernel counts by user",
                self.count
            );
            Users::SHARED
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everybody_has_their_own() {
        let pools = [Pool::of_projects("0badcafe"), Pool::of_runs("0badcafe")];
        let mut taken = BTreeSet::new();
        for pool in pools {
            for _ in 0..pool.count {
                let users = pool.free(|users| taken.contains(&users));
                assert!((2_000_200_000..0x7ffe_0000).contains(&users.first), "{users:?}");
                assert!(users.first + (COUNT - 1) < 0x7ffe_0000, "{users:?}");
                assert!(taken.insert(users), "{users:?} twice");
            }
            assert_eq!(pool.free(|users| taken.contains(&users)), Users::SHARED);
        }
        // As many as there are networks for projects.
        assert!(taken.len() > 2032 + 64, "{}", taken.len());
        let given_back = *taken.first().unwrap();
        taken.remove(&given_back);
        assert_eq!(pools[1].free(|users| taken.contains(&users)), given_back);
    }

    #[test]
    fn servers_begin_elsewhere() {
        let first = |tag| Pool::of_projects(tag).free(|_| false);
        assert_eq!(first("0badcafe"), first("0badcafe"));
        assert_ne!(first("0badcafe"), first("0badcaff"));
    }
}
