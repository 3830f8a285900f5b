//! The sums, without a clock or a disk.

use std::collections::BTreeMap;

use dormouse_model::{Depth, InstanceId, Phase, ServiceKey, Time, Usage};

/// Milliseconds of an hour.
const HOUR: u64 = 3_600_000;

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Used {
    /// Processor time, in microseconds.
    pub(crate) cpu_us: u64,
    /// How long instances were there, in milliseconds: awake, frozen with their memory, and with that pushed out.
    pub(crate) awake_ms: u64,
    pub(crate) frozen_ms: u64,
    pub(crate) paged_ms: u64,
    /// Memory in byte-seconds: resident while awake, resident while asleep, and in swap.
    pub(crate) awake_bytes: u64,
    pub(crate) asleep_bytes: u64,
    pub(crate) swapped_bytes: u64,
}

impl Used {
    pub(crate) fn add(&mut self, more: &Self) {
        self.cpu_us += more.cpu_us;
        self.awake_ms += more.awake_ms;
        self.frozen_ms += more.frozen_ms;
        self.paged_ms += more.paged_ms;
        self.awake_bytes += more.awake_bytes;
        self.asleep_bytes += more.asleep_bytes;
        self.swapped_bytes += more.swapped_bytes;
    }
}

/// How far an instance has been counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) key: ServiceKey,
    /// Processor time, in microseconds since its start.
    pub(crate) cpu_us: u64,
    /// All that was before this.
    pub(crate) at: Time,
}

/// An instance that is counted.
#[derive(Debug)]
struct Meter {
    mark: Mark,
    phase: Phase,
    /// How often it has been woken: a sleep that a wake has cut into ends after it.
    wakes: u64,
    resident: u64,
    swapped: u64,
}

/// The hours of services that are to be written, and how far each instance has been counted for them.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    meters: BTreeMap<InstanceId, Meter>,
    hours: BTreeMap<(ServiceKey, u64), Used>,
    gone: Vec<InstanceId>,
    /// What an earlier control has written of instances that this one has not seen yet.
    known: BTreeMap<InstanceId, Mark>,
    /// When counting began in this state folder.
    since: Time,
}

/// What is to be written, as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Page {
    pub(crate) hours: BTreeMap<(ServiceKey, u64), Used>,
    pub(crate) marks: Vec<(InstanceId, Mark)>,
    pub(crate) gone: Vec<InstanceId>,
}

impl Ledger {
    pub(crate) fn new(known: BTreeMap<InstanceId, Mark>, since: Time) -> Self {
        Self { known, since, ..Self::default() }
    }

    /// An instance has been started.
    pub(crate) fn started(&mut self, id: InstanceId, key: &ServiceKey, at: Time) {
        let mark = Mark { key: key.clone(), cpu_us: 0, at };
        self.meters.entry(id).or_insert(Meter::new(mark, Phase::Running));
    }

    /// It sleeps, is awake or has ended; nobody looks at its memory for that.
    pub(crate) fn turned(&mut self, id: InstanceId, phase: Phase, now: Time) {
        let Some(meter) = self.meters.get_mut(&id) else { return };
        meter.wakes += u64::from(phase == Phase::Running);
        if meter.phase != phase {
            meter.count(&mut self.hours, now, None);
            meter.phase = phase;
        }
    }

    /// How often it has been woken so far.
    pub(crate) fn wakes(&self, id: InstanceId) -> u64 {
        self.meters.get(&id).map_or(0, |meter| meter.wakes)
    }

    /// An instance is there. One that nobody has counted yet is counted from its start on, unless that was before anybody counted.
    pub(crate) fn seen(
        &mut self,
        id: InstanceId,
        (key, started_at): (&ServiceKey, Time),
        (phase, now): (Phase, Time),
        usage: Option<&Usage>,
    ) {
        let Self { meters, known, since, .. } = self;
        let meter = meters.entry(id).or_insert_with(|| {
            let cpu_us = || usage.map_or(0, |u| micros(u.cpu));
            let mark = known.remove(&id).unwrap_or_else(|| match started_at >= *since {
                true => Mark { key: key.clone(), cpu_us: 0, at: started_at },
                false => Mark { key: key.clone(), cpu_us: cpu_us(), at: now },
            });
            Meter::new(mark, phase)
        });
        meter.count(&mut self.hours, now, usage);
        meter.phase = phase;
    }

    /// It is cleared away; what it used last has been seen.
    pub(crate) fn removed(&mut self, id: InstanceId) {
        self.meters.remove(&id);
        self.known.remove(&id);
        self.gone.push(id);
    }

    /// Only these are there: whatever else was known of ended while nobody counted.
    pub(crate) fn only(&mut self, there: impl Fn(InstanceId) -> bool) {
        let lost: Vec<_> = self.known.keys().copied().filter(|id| !there(*id)).collect();
        lost.into_iter().for_each(|id| self.removed(id));
    }

    /// What is to be written now. Where that fails it is given back.
    pub(crate) fn page(&mut self) -> Page {
        Page {
            hours: std::mem::take(&mut self.hours),
            marks: self.meters.iter().map(|(id, m)| (*id, m.mark.clone())).collect(),
            gone: std::mem::take(&mut self.gone),
        }
    }

    pub(crate) fn give_back(&mut self, page: Page) {
        for (hour, used) in page.hours {
            self.hours.entry(hour).or_default().add(&used);
        }
        self.gone.extend(page.gone);
    }
}

impl Meter {
    fn new(mark: Mark, phase: Phase) -> Self {
        Self { mark, phase, wakes: 0, resident: 0, swapped: 0 }
    }

    /// Count up to now, by what it uses now, or by what it used when that was last looked at.
    fn count(&mut self, hours: &mut BTreeMap<(ServiceKey, u64), Used>, now: Time, usage: Option<&Usage>) {
        if let Some(usage) = usage {
            (self.resident, self.swapped) = (usage.resident_bytes, usage.swapped_bytes);
        }
        let (from, to) = (self.mark.at.0, now.0.max(self.mark.at.0));
        let mut cpu = usage.map_or(0, |u| micros(u.cpu).saturating_sub(self.mark.cpu_us));
        self.mark.cpu_us += cpu;
        let mut at = from;
        loop {
            let end = to.min((at / HOUR + 1) * HOUR);
            // The last hour has what is left.
            let share = match end < to {
                true => scaled(cpu, end - at, to - at),
                false => cpu,
            };
            cpu -= share;
            let used = self.of(end - at, share);
            if used != Used::default() {
                hours.entry((self.mark.key.clone(), at / HOUR)).or_default().add(&used);
            }
            at = end;
            if at >= to {
                break;
            }
        }
        self.mark.at = Time(to);
    }

    /// What so many milliseconds are.
    fn of(&self, ms: u64, cpu_us: u64) -> Used {
        let held = |bytes: u64| scaled(bytes, ms, 1000);
        let used = Used { cpu_us, ..Used::default() };
        match self.phase {
            Phase::Running => Used {
                awake_ms: ms,
                awake_bytes: held(self.resident),
                swapped_bytes: held(self.swapped),
                ..used
            },
            Phase::Asleep(Depth::Frozen) => Used {
                frozen_ms: ms,
                asleep_bytes: held(self.resident),
                swapped_bytes: held(self.swapped),
                ..used
            },
            Phase::Asleep(Depth::Paged) => Used {
                paged_ms: ms,
                asleep_bytes: held(self.resident),
                swapped_bytes: held(self.swapped),
                ..used
            },
            Phase::Asleep(Depth::Stopped) | Phase::Exited(_) => used,
        }
    }
}

/// `n * a / b` without its overflow.
fn scaled(n: u64, a: u64, b: u64) -> u64 {
    u64::try_from(u128::from(n) * u128::from(a) / u128::from(b.max(1))).unwrap_or(u64::MAX)
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Write, time::Duration};

    use expect_test::expect;

    use super::*;

    const ID: InstanceId = InstanceId(7);
    /// Half past an hour.
    const START: u64 = 500 * HOUR + HOUR / 2;

    /// An app that works a tenth of the time while it is awake: ten minutes, then it is frozen for ten, awake for five, its memory
    /// pushed out for forty, and awake for the last two; then it ends.
    const LIFE: [(u64, Phase); 6] = [
        (0, Phase::Running),
        (600, Phase::Asleep(Depth::Frozen)),
        (1200, Phase::Running),
        (1500, Phase::Asleep(Depth::Paged)),
        (3900, Phase::Running),
        (4020, Phase::Exited(dormouse_model::ExitStatus::Code(0))),
    ];

    fn phase(at: u64) -> Phase {
        LIFE.iter().rev().find(|(from, _)| *from <= at).unwrap().1
    }

    /// As the kernel counts it, whoever looks.
    fn usage(at: u64) -> Usage {
        let awake = (0..at).filter(|t| phase(*t) == Phase::Running).count();
        let (resident_bytes, swapped_bytes) = match phase(at.min(4019)) {
            Phase::Asleep(Depth::Paged) => (1, 99),
            Phase::Asleep(_) | Phase::Running | Phase::Exited(_) => (100, 0),
        };
        let cpu = Duration::from_millis(100) * u32::try_from(awake).unwrap();
        Usage { resident_bytes, swapped_bytes, cpu, ..Usage::default() }
    }

    /// What is written.
    #[derive(Default)]
    struct Disk {
        hours: BTreeMap<(ServiceKey, u64), Used>,
        marks: BTreeMap<InstanceId, Mark>,
    }

    impl Disk {
        fn write(&mut self, page: Page) {
            for (hour, used) in page.hours {
                self.hours.entry(hour).or_default().add(&used);
            }
            self.marks.extend(page.marks);
            page.gone.iter().for_each(|id| drop(self.marks.remove(id)));
        }
    }

    fn look(ledger: &mut Ledger, at: u64) {
        let (key, seconds) = ("shop/web".parse().unwrap(), |s: u64| Time(START + s * 1000));
        let (of, used) = ((&key, Time(START)), usage(at));
        match phase(at) {
            ended @ Phase::Exited(_) => {
                ledger.seen(ID, of, (Phase::Running, seconds(4020)), Some(&used));
                ledger.turned(ID, ended, seconds(4020));
            }
            phase @ (Phase::Running | Phase::Asleep(_)) => {
                ledger.seen(ID, of, (phase, seconds(at)), Some(&used))
            }
        }
    }

    /// A life of 4,020 seconds and what was written of it, with control away at these, and the disk full at those.
    fn live(away: impl Fn(u64) -> bool, full: impl Fn(u64) -> bool) -> Disk {
        let mut disk = Disk::default();
        let mut control: Option<Ledger> = None;
        for at in 0..4100 {
            if away(at) {
                control = None;
                continue;
            }
            let is_new = control.is_none();
            let ledger = control.get_or_insert_with(|| Ledger::new(disk.marks.clone(), Time(START)));
            if is_new {
                look(ledger, at);
            }
            if LIFE.iter().any(|(from, _)| *from == at) {
                ledger.turned(ID, phase(at), Time(START + at * 1000));
            }
            if at % 60 == 30 {
                look(ledger, at);
                let page = ledger.page();
                match full(at) {
                    true => ledger.give_back(page),
                    false => disk.write(page),
                }
            }
        }
        let ledger = control.as_mut().unwrap();
        look(ledger, 4100);
        ledger.removed(ID);
        disk.write(ledger.page());
        disk
    }

    /// Everything is counted once, however often control is killed.
    #[test]
    fn kills() {
        let never = |_: u64| false;
        type When = Box<dyn Fn(u64) -> bool>;
        let rows: [(&str, When, When); 9] = [
            ("no kill", Box::new(never), Box::new(never)),
            ("right before a page", Box::new(|at| at == 629), Box::new(never)),
            ("right after one", Box::new(|at| at == 631), Box::new(never)),
            ("every seven seconds", Box::new(|at| at % 7 == 3), Box::new(never)),
            ("before every page", Box::new(|at| at % 60 == 29), Box::new(never)),
            ("instead of every page but one", Box::new(|at| at % 60 == 30 && at != 2010), Box::new(never)),
            ("away for half an hour", Box::new(|at| (1600..3400).contains(&at)), Box::new(never)),
            ("away when it ends", Box::new(|at| (3950..4050).contains(&at)), Box::new(never)),
            ("a full disk", Box::new(|at| at == 3000), Box::new(|at| at < 2000)),
        ];
        let mut table = String::new();
        for (what, away, full) in rows {
            let Disk { hours, marks } = live(away, full);
            assert!(marks.is_empty(), "{what}");
            let mut all = Used::default();
            hours.values().for_each(|used| all.add(used));
            let Used { cpu_us, awake_ms, frozen_ms, paged_ms, .. } = all;
            assert_eq!(cpu_us, micros(usage(4020).cpu), "{what}: nothing twice, and nothing lost");
            assert_eq!(awake_ms + frozen_ms + paged_ms, 4_020_000, "{what}");
            let of: BTreeSet<_> = hours.keys().map(|(_, hour)| hour - START / HOUR).collect();
            let memory = [all.awake_bytes, all.asleep_bytes, all.swapped_bytes];
            writeln!(
                table,
                "{what:30} cpu {:5.1} s, awake {:6.1}, frozen {:6.1}, paged {:6.1} s, {memory:?} byte-seconds, hours {of:?}",
                cpu_us as f64 / 1e6,
                awake_ms as f64 / 1e3,
                frozen_ms as f64 / 1e3,
                paged_ms as f64 / 1e3,
            )
            .unwrap();
        }
        expect![[r#"
            no kill                        cpu 102.0 s, awake 1020.0, frozen  600.0, paged 2400.0 s, [102000, 62400, 237600] byte-seconds, hours {0, 1}
            right before a page            cpu 102.0 s, awake  990.0, frozen  630.0, paged 2400.0 s, [99000, 65400, 237600] byte-seconds, hours {0, 1}
            right after one                cpu 102.0 s, awake 1020.0, frozen  600.0, paged 2400.0 s, [102000, 62400, 237600] byte-seconds, hours {0, 1}
            every seven seconds            cpu 102.0 s, awake  960.0, frozen  660.0, paged 2400.0 s, [96000, 68400, 237600] byte-seconds, hours {0, 1}
            before every page              cpu 102.0 s, awake 1020.0, frozen  600.0, paged 2400.0 s, [102000, 62400, 237600] byte-seconds, hours {0, 1}
            instead of every page but one  cpu 102.0 s, awake 2010.0, frozen    0.0, paged 2010.0 s, [201000, 2010, 198990] byte-seconds, hours {0, 1}
            away for half an hour          cpu 102.0 s, awake 1020.0, frozen  600.0, paged 2400.0 s, [102000, 62400, 237600] byte-seconds, hours {0, 1}
            away when it ends              cpu 102.0 s, awake 1020.0, frozen  600.0, paged 2400.0 s, [102000, 62400, 237600] byte-seconds, hours {0, 1}
            a full disk                    cpu 102.0 s, awake 1020.0, frozen  600.0, paged 2400.0 s, [102000, 62400, 237600] byte-seconds, hours {0, 1}
        "#]].assert_eq(&table);
    }

    /// What ran before anybody counted is counted from then on.
    #[test]
    fn the_first_time() {
        let mut ledger = Ledger::new(BTreeMap::new(), Time(START + 1000));
        look(&mut ledger, 100);
        look(&mut ledger, 110);
        let page = ledger.page();
        let used = page.hours.values().next().unwrap();
        assert_eq!((used.cpu_us, used.awake_ms), (1_000_000, 10_000));
    }
}
