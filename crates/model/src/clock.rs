//! What time it is. Nobody else asks.
//!
//! The wall clock jumps: it is set by people, by a machine that finds its time server at last, by a wrong time zone put right. A
//! decision that measures how long ago something was must not jump with it. So our time is what the wall clock showed when the
//! server first asked after the machine was booted, and from then on the kernel's own time since boot, which nobody can set
//! and which counts a suspended machine's sleep. What is written for people to read is the wall clock's all the same.
//!
//! All processes of a server have the same beginning: the parent tells it its children, and keeps it for who comes after.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use rustix::time::{ClockId, clock_gettime};

use crate::Time;

/// What the kernel's clocks show at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Since the machine was booted.
    pub up: Duration,
    /// The wall clock, which may jump.
    pub wall: Time,
}

impl Reading {
    /// Of this machine, now.
    #[must_use]
    pub fn now() -> Self {
        Self { up: up(), wall: SystemTime::now().into() }
    }

    /// Our time when the machine was booted, were this the first reading since.
    #[must_use]
    pub fn boot(&self) -> Time {
        self.wall.before(self.up)
    }
}

fn up() -> Duration {
    let up = clock_gettime(ClockId::Boottime);
    // Neither is negative.
    Duration::new(up.tv_sec.unsigned_abs(), u32::try_from(up.tv_nsec).unwrap_or_default())
}

/// Our time when the machine was booted, as this process has it.
static BOOT: OnceLock<Time> = OnceLock::new();

/// Count from this on in this process. Too late once somebody has asked for the time; false then.
pub fn begin(boot: Time) -> bool {
    BOOT.set(boot).is_ok()
}

/// Our time when the machine was booted.
#[must_use]
pub fn boot() -> Time {
    *BOOT.get_or_init(|| Reading::now().boot())
}

/// Our time.
#[must_use]
pub fn now() -> Time {
    boot().after(up())
}

/// The time for those who decide.
#[derive(Clone)]
pub struct Clock {
    boot: Time,
    read: Arc<dyn Fn() -> Reading + Send + Sync>,
}

impl Clock {
    /// This machine's, as all of this process has it.
    #[must_use]
    pub fn system() -> Self {
        Self { boot: boot(), read: Arc::new(Reading::now) }
    }

    /// One that reads something else.
    pub fn reading(boot: Time, read: impl Fn() -> Reading + Send + Sync + 'static) -> Self {
        Self { boot, read: Arc::new(read) }
    }

    /// Our time: never goes back, and never jumps.
    #[must_use]
    pub fn now(&self) -> Time {
        self.boot.after((self.read)().up)
    }

    /// What the wall clock shows: for what people read, and never compared.
    #[must_use]
    pub fn wall(&self) -> Time {
        (self.read)().wall
    }

    /// What the wall clock would have shown at this moment of our time, were it as it is now.
    #[must_use]
    pub fn shown(&self, at: Time) -> Time {
        let reading = (self.read)();
        let now = self.boot.after(reading.up);
        if at > now { reading.wall.after(at.since(now)) } else { reading.wall.before(now.since(at)) }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("boot", &self.boot).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    #[test]
    fn a_jump_of_the_wall_clock_is_only_shown() {
        let start = Reading { up: Duration::from_secs(100), wall: Time(1_800_000_000_000) };
        let reading = Arc::new(Mutex::new(start));
        let read = reading.clone();
        let clock = Clock::reading(start.boot(), move || *read.lock().unwrap());
        assert_eq!((clock.now(), clock.wall()), (start.wall, start.wall));
        let used = clock.now();
        let later = Duration::from_secs(60);
        for wall in [start.wall, start.wall.after(YEAR), start.wall.before(YEAR), Time(0)] {
            let wall = wall.after(later);
            *reading.lock().unwrap() = Reading { up: start.up + later, wall };
            assert_eq!(clock.now().since(used), later);
            assert_eq!(clock.shown(clock.now()), wall);
            assert_eq!(clock.shown(used), wall.before(later), "a minute ago, whatever the date");
            assert_eq!(clock.shown(clock.now().after(later)), wall.after(later));
        }
    }

    #[test]
    fn this_machine_s() {
        let before = now();
        let system = Clock::system();
        let (after, wall) = (system.now(), Time::from(SystemTime::now()));
        assert!(after >= before && now() >= after);
        // Whoever runs this does not set the clock meanwhile.
        assert!(wall.since(after) < Duration::from_secs(60) && after.since(wall) < Duration::from_secs(60));
        assert!(!begin(Time(0)), "it has begun");
    }
}
