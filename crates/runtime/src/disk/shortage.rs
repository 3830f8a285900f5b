//! How much instances may still write when the host's disk is nearly full.
//!
//! Their disks are sparse: together they may be larger than the host's. On a full host what they write is lost, and who does not look
//! never hears of it. So before it is full they get no more room between them than there is, and are told so by the error
//! for a full disk.

use super::Divided;

/// What is short, as a part of the host's disk, and in bytes on large and small ones.
const PART: u64 = 50;
const LEAST: u64 = 1 << 30;
const MOST: u64 = 8 << 30;
const PART_OF_SMALL: u64 = 8;

/// Of what is short this part is not for instances, as one in so many.
const KEPT: u64 = 4;

/// What is left to instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shortage {
    /// Below so many bytes it is short.
    low: u64,
    is_on: bool,
}

impl Shortage {
    /// That of a disk of so many bytes; it is not short yet.
    pub(crate) fn of(disk: u64) -> Self {
        Self { low: (disk / PART).clamp(LEAST, MOST).min(disk / PART_OF_SMALL), is_on: false }
    }

    pub(crate) fn is_on(self) -> bool {
        self.is_on
    }

    pub(crate) fn low(self) -> u64 {
        self.low
    }

    /// Bytes that instances never get.
    pub(crate) fn kept(self) -> u64 {
        self.low / KEPT
    }

    /// Look at it again, with so many bytes left that nobody was promised. It ends with a quarter more than it begins with, so that it
    /// does not come and go.
    #[must_use]
    pub(crate) fn after(self, left: u64) -> Self {
        let is_on = if self.is_on { left < self.low + self.low / 4 } else { left < self.low };
        Self { is_on, ..self }
    }

    /// What each of these disks may have free; `None` for what there is of it.
    pub(crate) fn share(self, left: u64, disks: usize) -> Option<u64> {
        self.is_on.then(|| left.saturating_sub(self.kept()) / (disks.max(1) as u64))
    }
}

/// How much of a disk is to be withheld, if that is much different from what is.
pub(crate) fn padding(disk: Divided, share: Option<u64>) -> Option<u64> {
    let Some(share) = share else { return (disk.padding > 0).then_some(0) };
    let fits = disk.free <= share + share / 8 && (disk.padding == 0 || disk.free >= share / 2);
    (!fits).then(|| (disk.free + disk.padding).saturating_sub(share)).filter(|wanted| *wanted != disk.padding)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn when_it_is_short() {
        for (disk, low) in [(2, 0.25), (20, 1.0), (100, 2.0), (1000, 8.0)] {
            #[allow(clippy::cast_precision_loss, reason = "small")]
            let got = Shortage::of(disk * GIB).low() as f64 / GIB as f64;
            assert!((got - low).abs() < 0.01, "{disk} GiB: {got}");
        }
        let mut shortage = Shortage::of(100 * GIB);
        let mut story = String::new();
        for tenths in [30, 20, 19, 24, 19, 25, 20] {
            shortage = shortage.after(tenths * GIB / 10);
            story.push(if shortage.is_on() { '!' } else { '.' });
        }
        assert_eq!(story, "..!!!..");
        assert_eq!(shortage.share(GIB, 3), None);
        let short = shortage.after(GIB);
        // A quarter of the 2 GiB is kept.
        assert_eq!([short.share(GIB, 4), short.share(GIB / 2, 4)], [Some(GIB / 8), Some(0)]);
    }

    #[test]
    fn what_is_withheld() {
        let disk = |free, padding| Divided { free, padding, owed: 0, real: 0 };
        for (story, disk, share, wanted) in [
            ("there is enough", disk(800, 0), None, None),
            ("there is enough again", disk(100, 700), None, Some(0)),
            ("it may have less", disk(800, 0), Some(100), Some(700)),
            ("it has little anyway", disk(90, 0), Some(100), None),
            ("it has what it may", disk(108, 700), Some(100), None),
            ("it has written", disk(20, 700), Some(40), None),
            ("it has written more", disk(19, 700), Some(40), Some(679)),
            ("nothing is left", disk(50, 700), Some(0), Some(750)),
            ("nothing was left", disk(0, 750), Some(0), None),
        ] {
            assert_eq!(padding(disk, share), wanted, "{story}");
        }
    }

    /// Whoever writes as much as it can, the disks never get more between them than there is.
    #[test]
    fn they_never_fill_it() {
        let mut shortage = Shortage::of(1000);
        let mut host = 100;
        let mut disks = vec![Divided { free: 500, ..Divided::default() }; 7];
        for round in 0..200 {
            shortage = shortage.after(host);
            let share = shortage.share(host, disks.len());
            for disk in &mut disks {
                if let Some(wanted) = padding(*disk, share) {
                    (disk.free, disk.padding) = (disk.free + disk.padding - wanted, wanted);
                }
            }
            let hog = &mut disks[round % 3];
            let takes = hog.free.min(40);
            (hog.free, host) = (hog.free - takes, host - takes);
        }
        assert!(shortage.is_on() && host >= shortage.kept() - 3, "{host}");
    }
}
