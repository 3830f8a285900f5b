//! Bytes that are nearly what somebody expects, the same in each run.

/// What panics is told with the bytes that led there.
struct Told<'b>(&'b [u8]);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("it panicked with b\"{}\"", self.0.escape_ascii());
        }
    }
}

/// How often short runs try: a second or two. With `DORMOUSE_LONG` it is a hundred times as often.
const TIMES: usize = 3000;

/// Longest made of them, in bytes.
const LONGEST: usize = 64 << 10;

/// Give `read` each of `seeds`, and then many that are made of them: cut, joined, with bytes changed, repeated and left out.
///
/// # Panics
/// When `read` does; the bytes are printed.
pub fn nearly(seeds: &[&[u8]], mut read: impl FnMut(&[u8])) {
    let times = if std::env::var_os("DORMOUSE_LONG").is_some() { TIMES * 100 } else { TIMES };
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    let mut try_one = |bytes: &[u8]| {
        let _told = Told(bytes);
        read(bytes);
    };
    seeds.iter().for_each(|seed| try_one(seed));
    for _ in 0..times {
        let mut bytes = seeds[rng.below(seeds.len())].to_vec();
        for _ in 0..=rng.below(6) {
            rng.change(&mut bytes, seeds);
        }
        bytes.truncate(LONGEST);
        try_one(&bytes);
    }
}

/// Xorshift: good enough, and always the same.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below another; 0 below 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap_or(usize::MAX).checked_rem(end).unwrap_or(0)
    }

    fn change(&mut self, bytes: &mut Vec<u8>, seeds: &[&[u8]]) {
        let (at, to) = (self.below(bytes.len()), self.below(bytes.len()));
        let (from, to) = (at.min(to), at.max(to));
        match self.below(7) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(from..to)),
            2 => bytes.extend_from_within(from..to),
            3 => {
                let other = seeds[self.below(seeds.len())];
                let piece = &other[self.below(other.len())..];
                bytes.splice(from..from, piece.iter().copied());
            }
            4 => {
                // What numbers are at their ends.
                let edge = [0, 1, 0x7f, 0x80, 0xff, b'0', b'9', b'\n'][self.below(8)];
                let run = self.below(9);
                bytes.iter_mut().skip(at).take(run).for_each(|b| *b = edge);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_each_time_and_different_from_each_other() {
        let all = || {
            let mut all = Vec::new();
            nearly(&[b"abc", b"0123456789"], |bytes| all.push(bytes.to_vec()));
            all
        };
        let first = all();
        assert_eq!(first, all());
        assert_eq!(first[..2], [b"abc".to_vec(), b"0123456789".to_vec()]);
        let distinct: std::collections::BTreeSet<_> = first.iter().collect();
        assert!(distinct.len() > first.len() / 2, "{}", distinct.len());
    }
}
