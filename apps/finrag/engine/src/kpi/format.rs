//! Figures as people read them.

/// A figure with its unit, exact to what the data has for amounts of a million and more: `$96.995 billion`.
pub(crate) fn figure(value: f64, unit: &str) -> String {
    match unit {
        "percent" => format!("{}%", trimmed(value, 2)),
        "points" => format!("{} percentage points", trimmed(value, 2)),
        "ratio" => trimmed(value, 3),
        "USD" => {
            let sign = if value < 0.0 { "-" } else { "" };
            format!("{sign}${}", scaled(value.abs()))
        }
        "USD per share" | "USD/units" | "USD/shares" => format!("${} per share", trimmed(value, 2)),
        other => format!("{} {other}", scaled(value)),
    }
}

fn scaled(value: f64) -> String {
    match value.abs() {
        size if size >= 1e9 => format!("{} billion", trimmed(value / 1e9, 3)),
        size if size >= 1e6 => format!("{} million", trimmed(value / 1e6, 3)),
        _ => grouped(value),
    }
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn grouped(value: f64) -> String {
    let text = trimmed(value, 2);
    let (whole, rest) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    rest.map_or_else(|| format!("{sign}{out}"), |rest| format!("{sign}{out}.{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_as_read() {
        for (value, unit, expected) in [
            (96_995e6, "USD", "$96.995 billion"),
            (-2_722e6, "USD", "-$2.722 billion"),
            (675_619_000.0, "USD", "$675.619 million"),
            (12_345.0, "USD", "$12,345"),
            (25.306, "percent", "25.31%"),
            (0.590_123, "ratio", "0.59"),
            (20.0, "number", "20 number"),
            (3.19, "USD per share", "$3.19 per share"),
        ] {
            assert_eq!(figure(value, unit), expected);
        }
    }
}
