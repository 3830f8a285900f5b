//! How many connections may be open, and whose: those of the public apart from those between services.
//!
//! Nobody has a share reserved, and nobody gets all: who holds as many as are still free gets no more. So one alone can have
//! half of all, the next half of what is left, and there is room for whoever comes. Once others come, who holds more than is
//! free by then has those of its connections ended that nothing is asked on ([`Permit::crowds`]).

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use dormouse_model::ProjectName;

/// Between two lines of the log about connections that are turned away.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Whose connections are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// A visitor. Of IPv6 the first 64 bits: the rest is for a network to choose.
    Address(IpAddr),
    /// A proxy that visitors come through, by the operator's word. Takes what there is.
    Proxy,
    /// The services of a project.
    Project(ProjectName),
}

impl Owner {
    pub(crate) fn visitor(addr: IpAddr) -> Self {
        Self::Address(match addr.to_canonical() {
            IpAddr::V4(addr) => addr.into(),
            IpAddr::V6(addr) => Ipv6Addr::from_bits(addr.to_bits() >> 64 << 64).into(),
        })
    }

    /// Whether it may have one more, when it holds so many and so many are free.
    fn may_take(&self, held: usize, free: usize) -> bool {
        match self {
            Self::Address(_) | Self::Project(_) => held < free,
            Self::Proxy => free > 0,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(addr)) => addr.fmt(f),
            Self::Address(IpAddr::V6(addr)) => write!(f, "{addr}/64"),
            Self::Proxy => f.write_str("a trusted proxy"),
            Self::Project(name) => name.fmt(f),
        }
    }
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// For this owner, which has enough.
    Yours,
    /// For anybody.
    All,
}

/// How many connections of one kind there may be.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionLimit(Arc<Account>);

#[derive(Debug)]
struct Account {
    all: usize,
    /// Only written under the lock; read without it.
    free: AtomicUsize,
    /// Taken once when a connection opens and once when it ends, never for a request.
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by: HashMap<Owner, usize>,
    refused: u64,
    told: Option<Instant>,
}

impl ConnectionLimit {
    pub(crate) fn new(connections: usize) -> Self {
        Self(Arc::new(Account {
            all: connections,
            free: AtomicUsize::new(connections),
            taken: Mutex::default(),
        }))
    }

    /// That one more connection of this owner may be open, if it may.
    pub(crate) fn take(&self, owner: Owner) -> Result<Permit, Full> {
        let mut taken = self.0.taken();
        let free = self.0.free.load(Ordering::Relaxed);
        let held = taken.by.get(&owner).copied().unwrap_or(0);
        if !owner.may_take(held, free) {
            taken.refuse(&owner, held, self.0.all);
            return Err(if free == 0 { Full::All } else { Full::Yours });
        }
        taken.by.insert(owner.clone(), held + 1);
        self.0.free.store(free - 1, Ordering::Relaxed);
        Ok(Permit { account: self.0.clone(), owner })
    }
}

impl Account {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Count it, and tell now and then.
    fn refuse(&mut self, owner: &Owner, held: usize, all: usize) {
        self.refused += 1;
        if self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            self.told = Some(Instant::now());
            let refused = std::mem::take(&mut self.refused);
            tracing::warn!(%owner, held, all, refused, "too many connections: turned away");
        }
    }
}

/// That one connection may be open. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    account: Arc<Account>,
    owner: Owner,
}

impl Permit {
    /// Whether its owner has more than is left for others, so that what it does not use is to go.
    pub(crate) fn crowds(&self) -> bool {
        let free = self.account.free.load(Ordering::Relaxed);
        // While half is free nobody can hold more than that; then nothing is locked.
        if free >= self.account.all - free || self.owner == Owner::Proxy {
            return false;
        }
        self.account.taken().by.get(&self.owner).is_some_and(|held| *held > free)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.account.taken();
        self.account.free.fetch_add(1, Ordering::Relaxed);
        if let Some(held) = taken.by.get_mut(&self.owner) {
            *held -= 1;
            if *held == 0 {
                taken.by.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn visitor(addr: &str) -> Owner {
        Owner::visitor(addr.parse().unwrap())
    }

    /// Each takes as much as it can get, one after the other: how much that is.
    fn check(all: usize, owners: &[Owner], expected: &Expect) {
        let (limit, mut kept, mut told) = (ConnectionLimit::new(all), Vec::new(), Vec::new());
        for owner in owners {
            let before = kept.len();
            let full = loop {
                match limit.take(owner.clone()) {
                    Ok(permit) => kept.push(permit),
                    Err(full) => break full,
                }
            };
            told.push(format!("{owner} {} {full:?}", kept.len() - before));
        }
        expected.assert_eq(&told.join(", "));
        drop(kept);
        assert_eq!(limit.0.free.load(Ordering::Relaxed), all, "all of it comes back");
        assert!(limit.0.taken().by.is_empty(), "nobody is remembered");
    }

    #[test]
    fn nobody_takes_all() {
        let [a, b, c, d] = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map(visitor);
        check(
            16,
            &[a.clone(), b.clone(), a.clone(), c, d],
            &expect![
                "192.0.2.1 8 Yours, 192.0.2.2 4 Yours, 192.0.2.1 0 Yours, 192.0.2.3 2 Yours, 192.0.2.4 1 Yours"
            ],
        );
        check(
            16,
            &["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1", "::ffff:192.0.2.1", "192.0.2.1"]
                .map(visitor),
            &expect![
                "2001:db8::/64 8 Yours, 2001:db8::/64 0 Yours, 2001:db8:0:1::/64 4 Yours, 192.0.2.1 2 Yours, 192.0.2.1 0 Yours"
            ],
        );
        let projects = ["shop", "blog", "shop"].map(|name| Owner::Project(name.parse().unwrap()));
        check(8, &projects, &expect!["shop 4 Yours, blog 2 Yours, shop 0 Yours"]);
        check(
            16,
            &[a, Owner::Proxy, b],
            &expect!["192.0.2.1 8 Yours, a trusted proxy 8 All, 192.0.2.2 0 All"],
        );
        check(0, &[visitor("192.0.2.1")], &expect!["192.0.2.1 0 All"]);
    }

    #[test]
    fn who_has_more_than_is_left_crowds_the_others() {
        let (limit, first, second) = (ConnectionLimit::new(8), visitor("192.0.2.1"), visitor("192.0.2.2"));
        let held: Vec<_> = std::iter::from_fn(|| limit.take(first.clone()).ok()).collect();
        assert_eq!((held.len(), held[0].crowds()), (4, false), "nobody else is there");
        let other = limit.take(second.clone()).unwrap();
        assert!(held[0].crowds() && !other.crowds());
        drop(other);
        assert!(!held[0].crowds());
        let proxy: Vec<_> = std::iter::from_fn(|| limit.take(Owner::Proxy).ok()).collect();
        assert!(held[0].crowds() && !proxy[0].crowds());
    }

    #[test]
    fn a_flood_is_told_once() {
        let limit = ConnectionLimit::new(2);
        let _held = limit.take(visitor("192.0.2.1")).unwrap();
        for refused in 0..3 {
            assert_eq!(limit.take(visitor("192.0.2.1")).unwrap_err(), Full::Yours);
            assert_eq!(limit.0.taken().refused, refused, "one told, the others counted for the next line");
        }
    }
}
