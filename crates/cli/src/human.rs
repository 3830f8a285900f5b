//! Figures, times and errors for people.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::{Timestamp, tz::TimeZone};

/// Now, in milliseconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(ms).unwrap_or(u64::MAX)
}

/// `9.1 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    #[allow(clippy::cast_precision_loss)]
    let mut value = n as f64;
    let mut unit = 0;
    // Half a unit early, so that nothing is shown as 1024.
    while value >= 1023.5 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    if value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// `450 ms`, `12.3 s`, `2m 05s`.
pub(crate) fn millis(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        #[allow(clippy::cast_precision_loss)]
        1000..60_000 => format!("{:.1} s", ms as f64 / 1000.0),
        _ => format!("{}m {:02}s", ms / 60_000, ms / 1000 % 60),
    }
}

/// `12s ago`, `5m ago`.
pub(crate) fn ago(then: u64, now: u64) -> String {
    let s = now.saturating_sub(then) / 1000;
    match s {
        0 => "now".to_owned(),
        1..60 => format!("{s}s ago"),
        60..3600 => format!("{}m ago", s / 60),
        3600..86_400 => format!("{}h ago", s / 3600),
        _ => format!("{}d ago", s / 86_400),
    }
}

/// Local time of a log line.
pub(crate) fn clock(ms: u64, with_date: bool) -> String {
    let format = if with_date { "%Y-%m-%d %H:%M:%S%.3f" } else { "%H:%M:%S" };
    i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| ms.to_string(), |t| t.to_zoned(TimeZone::system()).strftime(format).to_string())
}

/// An error and what led to it on one line, then the hints, each once.
pub(crate) fn error(e: &anyhow::Error) -> String {
    let (mut said, mut hints) = (String::new(), Vec::<String>::new());
    for cause in e.chain() {
        let text = cause.to_string();
        let mut parts = text.split("\n  hint: ");
        let message = parts.next().unwrap_or_default();
        // Many errors show their source themselves.
        if !message.is_empty() && !said.contains(message) {
            if !said.is_empty() {
                said.push_str(": ");
            }
            said.push_str(message);
        }
        // A message of several problems has hints between them: those stay where they are.
        let rest: Vec<_> = parts.collect();
        match rest.as_slice() {
            [] => {}
            [hint] if !hint.contains('\n') => {
                if hints.iter().all(|h| h != hint) {
                    hints.push((*hint).to_owned());
                }
            }
            several => {
                for part in several {
                    said.push_str("\n  hint: ");
                    said.push_str(part);
                }
            }
        }
    }
    for hint in hints {
        said.push_str("\n  hint: ");
        said.push_str(&hint);
    }
    said
}

/// The nearest of the known names, if one is near enough to have been meant.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| (strsim::jaro_winkler(name, k), k))
        .filter(|(score, _)| *score >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn figures() {
        for (n, want) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (9 << 20, "9.0 MiB"),
            (324 << 20, "324 MiB"),
            ((1 << 30) - 1, "1.0 GiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(bytes(n), want);
        }
        for (ms, want) in [(0, "0 ms"), (999, "999 ms"), (12_345, "12.3 s"), (125_000, "2m 05s")] {
            assert_eq!(millis(ms), want);
        }
        for (then, want) in [(100_000, "now"), (88_000, "12s ago"), (0, "1m ago"), (200_000, "now")] {
            assert_eq!(ago(then, 100_000), want);
        }
    }

    #[test]
    fn errors_say_each_thing_once_and_hints_last() {
        for (e, want) in [
            (
                anyhow!("no such file").context("cannot read x\n  hint: look"),
                "cannot read x: no such file\n  hint: look",
            ),
            (
                anyhow!("refused").context("no server: refused\n  hint: start"),
                "no server: refused\n  hint: start",
            ),
            (anyhow!("a\n  hint: b\n\nc\n  hint: d"), "a\n  hint: b\n\nc\n  hint: d"),
            (anyhow!("a\n  hint: b\n\nc"), "a\n  hint: b\n\nc"),
        ] {
            assert_eq!(error(&e), want);
        }
    }
}
