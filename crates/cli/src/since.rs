//! `--since` as people write it.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo, Timestamp, civil::DateTime, tz::TimeZone};

/// A point in time given on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// So long ago.
    Ago(Duration),
    /// Milliseconds since the Unix epoch.
    At(u64),
}

impl Since {
    /// Milliseconds since the Unix epoch.
    pub(crate) fn millis(self, now: u64) -> u64 {
        match self {
            Self::Ago(d) => now.saturating_sub(u64::try_from(d.as_millis()).unwrap_or(u64::MAX)),
            Self::At(at) => at,
        }
    }
}

/// `90s`, `10min`, `1h30m`, `now`, or a time: with its zone, or in this machine's.
pub(crate) fn since(text: &str) -> Result<Since, String> {
    let text = text.trim();
    read(text, &TimeZone::system()).ok_or_else(|| {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return format!(
                "{text} of what? Write it with its unit, such as {text}s, {text}min, {text}h or {text}d"
            );
        }
        "write it like 30s, 10min, 2h or 1d, or as a time such as 2026-01-31, \"2026-01-31 12:00\" or \
         2026-01-31T12:00:00Z"
            .to_owned()
    })
}

fn read(text: &str, zone: &TimeZone) -> Option<Since> {
    if text == "now" {
        return Some(Since::Ago(Duration::ZERO));
    }
    let at = text.parse::<Timestamp>().ok().or_else(|| {
        let local = text.parse::<DateTime>().ok()?;
        Some(local.to_zoned(zone.clone()).ok()?.timestamp())
    });
    if let Some(at) = at {
        return u64::try_from(at.as_millisecond()).ok().map(Since::At);
    }
    // How long ago, with or without the sign that points back.
    let span: Span = text.parse().ok()?;
    let long = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Some(Since::Ago(long.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let ago = |s| Some(Since::Ago(Duration::from_secs(s)));
        let at = |s: u64| Some(Since::At(s * 1000));
        for (typed, meant) in [
            ("90s", ago(90)),
            ("10m", ago(600)),
            ("10min", ago(600)),
            ("10 minutes", ago(600)),
            ("-5m", ago(300)),
            ("5m ago", ago(300)),
            ("1h30m", ago(5400)),
            ("1d", ago(86_400)),
            ("2 weeks", ago(14 * 86_400)),
            ("now", ago(0)),
            ("1970-01-01T00:00:01Z", at(1)),
            ("1970-01-01 02:00:01+02:00", at(1)),
            // Without a zone: here.
            ("1970-01-02", at(22 * 3600)),
            ("1970-01-02 16:00", at(38 * 3600)),
            ("1970-01-02T16:00:30", at(38 * 3600 + 30)),
            ("", None),
            ("10", None),
            ("m", None),
            ("-", None),
            ("10 parsecs", None),
            ("99999999999999999999d", None),
            ("5é", None),
            ("1969-01-01", None),
            ("2026-13-01", None),
            ("2026-11", None),
            ("yesterday", None),
        ] {
            assert_eq!(read(typed, &zone), meant, "{typed}");
        }
        assert_eq!(Since::Ago(Duration::from_secs(5)).millis(2000), 0);
    }
}
