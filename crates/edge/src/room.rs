//! How many connections may be open, and whose: those of the public apart from those between services.
//!
//! Nobody has a share reserved, and nobody gets all: who holds as many as are still free gets no more. So one alone can have
//! half of all, the next half of what is left, and there is room for whoever comes. Once others come, who holds more than is
//! free by then has those of its connections ended that nothing is asked on ([`Room::crowds`]).

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
use tokio::sync::OwnedSemaphorePermit;

/// Between two lines of the log about connections that are turned away.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Whose connections are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// A visitor. Of IPv6 the first 64 bits: the rest is for a network to choose.
    Address(IpAddr),
    /// A proxy that visitors come through, by the operator's word. Takes what there is.
    Proxy,
    /// The services of a project.
    Project(ProjectName),
}

impl Holder {
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

impl fmt::Display for Holder {
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
    /// For this holder, which has enough.
    Yours,
    /// For anybody.
    All,
}

/// What connections of one kind take their room from.
#[derive(Debug, Clone)]
pub(crate) struct Rooms(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    all: usize,
    /// Only written under the lock; read without it.
    free: AtomicUsize,
    /// Taken once when a connection opens and once when it ends, never for a request.
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by: HashMap<Holder, usize>,
    refused: u64,
    told: Option<Instant>,
}

impl Rooms {
    pub(crate) fn new(connections: usize) -> Self {
        Self(Arc::new(Shared {
            all: connections,
            free: AtomicUsize::new(connections),
            taken: Mutex::default(),
        }))
    }

    /// Room for one more connection of this holder, if it may have it.
    pub(crate) fn take(&self, holder: Holder) -> Result<Room, Full> {
        let mut taken = self.0.taken();
        let free = self.0.free.load(Ordering::Relaxed);
        let held = taken.by.get(&holder).copied().unwrap_or(0);
        if !holder.may_take(held, free) {
            taken.refuse(&holder, held, self.0.all);
            return Err(if free == 0 { Full::All } else { Full::Yours });
        }
        taken.by.insert(holder.clone(), held + 1);
        self.0.free.store(free - 1, Ordering::Relaxed);
        Ok(Room { shared: self.0.clone(), holder })
    }
}

impl Shared {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Count it, and tell now and then.
    fn refuse(&mut self, holder: &Holder, held: usize, all: usize) {
        self.refused += 1;
        if self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            self.told = Some(Instant::now());
            let refused = std::mem::take(&mut self.refused);
            tracing::warn!(%holder, held, all, refused, "too many connections: turned away");
        }
    }
}

/// Room for one connection, given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    shared: Arc<Shared>,
    holder: Holder,
}

impl Room {
    /// Whether its holder has more than is left for others, so that what it does not use is to go.
    pub(crate) fn crowds(&self) -> bool {
        let free = self.shared.free.load(Ordering::Relaxed);
        // While half is free nobody can hold more than that; then nothing is locked.
        if free >= self.shared.all - free || self.holder == Holder::Proxy {
            return false;
        }
        self.shared.taken().by.get(&self.holder).is_some_and(|held| *held > free)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut taken = self.shared.taken();
        self.shared.free.fetch_add(1, Ordering::Relaxed);
        if let Some(held) = taken.by.get_mut(&self.holder) {
            *held -= 1;
            if *held == 0 {
                taken.by.remove(&self.holder);
            }
        }
    }
}

/// What a connection holds as long as it is open.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) room: Room,
    /// Its turn at a listener that gives out only so many.
    pub(crate) _queued: Option<OwnedSemaphorePermit>,
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn visitor(addr: &str) -> Holder {
        Holder::visitor(addr.parse().unwrap())
    }

    /// Each takes as much as it can get, one after the other: how much that is.
    fn check(all: usize, holders: &[Holder], expected: &Expect) {
        let (rooms, mut kept, mut told) = (Rooms::new(all), Vec::new(), Vec::new());
        for holder in holders {
            let before = kept.len();
            let full = loop {
                match rooms.take(holder.clone()) {
                    Ok(room) => kept.push(room),
                    Err(full) => break full,
                }
            };
            told.push(format!("{holder} {} {full:?}", kept.len() - before));
        }
        expected.assert_eq(&told.join(", "));
        drop(kept);
        assert_eq!(rooms.0.free.load(Ordering::Relaxed), all, "all of it comes back");
        assert!(rooms.0.taken().by.is_empty(), "nobody is remembered");
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
        let projects = ["shop", "blog", "shop"].map(|name| Holder::Project(name.parse().unwrap()));
        check(8, &projects, &expect!["shop 4 Yours, blog 2 Yours, shop 0 Yours"]);
        check(
            16,
            &[a, Holder::Proxy, b],
            &expect!["192.0.2.1 8 Yours, a trusted proxy 8 All, 192.0.2.2 0 All"],
        );
        check(0, &[visitor("192.0.2.1")], &expect!["192.0.2.1 0 All"]);
    }

    #[test]
    fn who_has_more_than_is_left_crowds_the_others() {
        let (rooms, first, second) = (Rooms::new(8), visitor("192.0.2.1"), visitor("192.0.2.2"));
        let held: Vec<_> = std::iter::from_fn(|| rooms.take(first.clone()).ok()).collect();
        assert_eq!((held.len(), held[0].crowds()), (4, false), "nobody else is there");
        let other = rooms.take(second.clone()).unwrap();
        assert!(held[0].crowds() && !other.crowds());
        drop(other);
        assert!(!held[0].crowds());
        let proxy: Vec<_> = std::iter::from_fn(|| rooms.take(Holder::Proxy).ok()).collect();
        assert!(held[0].crowds() && !proxy[0].crowds());
    }

    #[test]
    fn a_flood_is_told_once() {
        let rooms = Rooms::new(2);
        let _held = rooms.take(visitor("192.0.2.1")).unwrap();
        for refused in 0..3 {
            assert_eq!(rooms.take(visitor("192.0.2.1")).unwrap_err(), Full::Yours);
            assert_eq!(rooms.0.taken().refused, refused, "one told, the others counted for the next line");
        }
    }
}
