//! Sizes, times and shares of a processor, as people write them.

use std::time::Duration;

use crate::size;

/// Least memory an instance can start with, in bytes.
const MIN_MEMORY: u64 = 16 << 20;

/// Most processor cores one can ask for.
const MAX_CPU: f64 = 1024.0;

/// Longest time that can be written: a year.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;

/// Bytes.
pub(super) fn memory(text: &str) -> Result<u64, String> {
    match size::parse(text) {
        None => Err(format!("`{text}` is not a size; write it like `512MiB` or `1GB`")),
        Some(bytes) if bytes < MIN_MEMORY => {
            Err(format!("`{text}` is too little to start anything; the least is `16MiB`"))
        }
        Some(bytes) => Ok(bytes),
    }
}

/// Thousandths of a core.
pub(super) fn cpu(cores: f64) -> Result<u32, String> {
    if !(cores.is_finite() && (0.01..=MAX_CPU).contains(&cores)) {
        return Err(format!("{cores} is not a number of cores; write it like 0.5 or 2"));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok((cores * 1000.0).round() as u32)
}

/// A time: `90s`, `5m`, `1h30m`, `500ms`.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is not a time; write it like `30s`, `5m` or `1h30m`");
    let mut rest = text.trim();
    let mut total = 0.0;
    match rest {
        "" => return Err(bad()),
        // Nothing has no unit.
        "0" => return Ok(Duration::ZERO),
        _ => {}
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ns" => 1e-9,
            // The letter, and the sign that looks like it.
            "us" | "\u{3bc}s" | "\u{b5}s" => 1e-6,
            "ms" => 0.001,
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(bad()),
        };
        total += number * unit;
        rest = rest[letters..].trim_start();
    }
    seconds(total).ok_or_else(|| format!("`{text}` is longer than a year"))
}

/// A number of seconds as a time; `None` when negative or absurd.
pub(super) fn seconds(seconds: f64) -> Option<Duration> {
    (0.0..=MAX_SECONDS).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, want) in
            [("512MiB", Some(512 << 20)), ("16777216", Some(16 << 20)), ("1k", None), ("lots", None)]
        {
            assert_eq!(memory(text).ok(), want, "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, want) in [
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("500ms", Some(500)),
            ("1.5s", Some(1_500)),
            ("0s", Some(0)),
            ("0", Some(0)),
            ("1500us", Some(1)),
            ("2500µs", Some(2)),
            ("3000000ns", Some(3)),
            ("5µ", None),
            ("5", None),
            ("m", None),
            ("", None),
            ("5 parsecs", None),
            ("99999999d", None),
            ("5é", None),
        ] {
            assert_eq!(duration(text).ok().map(|d| d.as_millis()), want, "{text}");
        }
    }

    #[test]
    fn cores() {
        for (cores, want) in
            [(0.5, Some(500)), (2.0, Some(2000)), (0.0, None), (-1.0, None), (f64::NAN, None), (1e300, None)]
        {
            assert_eq!(cpu(cores).ok(), want, "{cores}");
        }
    }
}
