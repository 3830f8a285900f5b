//! Sizes in bytes, as people write them: in a manifest, a compose file, and a server's settings.

/// Units of memory. A plain `M` is 2^20, as it is for Docker and Kubernetes' `Mi`; `MB` is 10^6.
const UNITS: [(&str, u64); 18] = [
    ("b", 1),
    ("k", 1 << 10),
    ("ki", 1 << 10),
    ("kib", 1 << 10),
    ("kb", 1_000),
    ("m", 1 << 20),
    ("mi", 1 << 20),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gi", 1 << 30),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
    ("t", 1 << 40),
    ("ti", 1 << 40),
    ("tib", 1 << 40),
    ("tb", 1_000_000_000_000),
    ("", 1),
];

/// A size in bytes; `None` for what is no size, or one that no machine has.
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let unit = text[end..].trim().to_ascii_lowercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    #[allow(clippy::cast_precision_loss, reason = "no factor has more than 53 bits")]
    let bytes = number * *factor as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 2^63")]
    (bytes < (1_u64 << 63) as f64).then_some(bytes as u64)
}

/// Bytes in the largest binary unit that needs no fraction.
#[must_use]
pub fn show(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes >= 1 << shift && bytes.is_multiple_of(1 << shift) {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_written() {
        for (text, want) in [
            ("512MiB", Some(512 << 20)),
            ("512m", Some(512 << 20)),
            ("512 Mi", Some(512 << 20)),
            ("1GB", Some(1_000_000_000)),
            ("1.5g", Some(3 << 29)),
            ("16777216", Some(16 << 20)),
            ("7 b", Some(7)),
            ("9999999t", None),
            ("", None),
            ("GiB", None),
            ("lots", None),
            ("-1g", None),
            ("1gigs", None),
            ("1.2.3g", None),
        ] {
            assert_eq!(parse(text), want, "{text}");
        }
    }
}
