//! Debian versions and how they compare (Debian Policy §5.6.12).

use std::cmp::Ordering;

/// How `a` relates to `b`.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a_epoch, a) = epoch(a);
    let (b_epoch, b) = epoch(b);
    let (a_up, a_rev) = a.rsplit_once('-').unwrap_or((a, "0"));
    let (b_up, b_rev) = b.rsplit_once('-').unwrap_or((b, "0"));
    a_epoch.cmp(&b_epoch).then_with(|| part(a_up, b_up)).then_with(|| part(a_rev, b_rev))
}

fn epoch(v: &str) -> (u64, &str) {
    match v.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, v),
    }
}

/// Letters before everything else, `~` before even the end.
fn weight(c: Option<u8>) -> i32 {
    match c {
        Some(b'~') => -1,
        None => 0,
        Some(c) if c.is_ascii_digit() => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(c),
        Some(c) => i32::from(c) + 256,
    }
}

fn part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        while a.first().is_some_and(|c| !c.is_ascii_digit()) || b.first().is_some_and(|c| !c.is_ascii_digit())
        {
            let order = weight(a.first().copied()).cmp(&weight(b.first().copied()));
            if order.is_ne() {
                return order;
            }
            a = a.get(1..).unwrap_or_default();
            b = b.get(1..).unwrap_or_default();
        }
        let (a_digits, a_rest) = digits(a);
        let (b_digits, b_rest) = digits(b);
        let order = a_digits.len().cmp(&b_digits.len()).then_with(|| a_digits.cmp(b_digits));
        if order.is_ne() {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
    Ordering::Equal
}

/// The number at the start without its leading zeros, and the rest.
fn digits(s: &[u8]) -> (&[u8], &[u8]) {
    let end = s.iter().position(|c| !c.is_ascii_digit()).unwrap_or(s.len());
    let start = s[..end].iter().position(|c| *c != b'0').unwrap_or(end);
    (&s[start..end], &s[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order() {
        use Ordering::{Equal, Greater, Less};
        for (a, b, want) in [
            ("1.0", "1.0", Equal),
            ("1.0", "1.0-0", Equal),
            ("1.00", "1.0", Equal),
            ("0:1", "1", Equal),
            ("1:0.1", "9", Greater),
            ("1.10", "1.9", Greater),
            ("1.0~rc1", "1.0", Less),
            ("1.0~~", "1.0~", Less),
            ("1.0a", "1.0", Greater),
            ("1.0+b", "1.0a", Greater),
            ("1.2.3", "1.2", Greater),
            ("3.11.2-6+deb12u5", "3.11.2-6", Greater),
            ("2.36-9+deb12u10", "2.36-9+deb12u9", Greater),
            ("1-1-1", "1-1-2", Less),
        ] {
            assert_eq!(compare(a, b), want, "{a} {b}");
            assert_eq!(compare(b, a), want.reverse(), "{b} {a}");
        }
    }
}
