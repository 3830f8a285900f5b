//! Figures as people read them.

/// A figure with its unit: dollars scaled to billions or millions, shares and counts grouped, percentages with a sign.
pub(super) fn amount(value: f64, unit: &str) -> String {
    let plain = unit.to_ascii_lowercase();
    match plain.as_str() {
        "usd" | "dollars" => dollars(value),
        "usd/shares" | "usd/share" | "usd per share" | "usd_per_share" => {
            format!("{}${:.2} per share", minus(value), value.abs())
        }
        "percent" | "%" | "pct" => format!("{value:.1} %"),
        "points" => format!("{value:+.1} points"),
        "ratio" | "pure" | "x" | "multiple" => format!("{value:.2}"),
        "shares" => format!("{} shares", scaled(value)),
        "" => scaled(value),
        other => format!("{} {other}", scaled(value)),
    }
}

fn minus(value: f64) -> &'static str {
    if value < 0.0 { "-" } else { "" }
}

fn dollars(value: f64) -> String {
    let sign = minus(value);
    let size = value.abs();
    if size >= 1e9 {
        format!("{sign}${:.2} billion", size / 1e9)
    } else if size >= 1e6 {
        format!("{sign}${:.1} million", size / 1e6)
    } else if size >= 1e3 {
        format!("{sign}${}", grouped(size))
    } else {
        format!("{sign}${size:.2}")
    }
}

fn scaled(value: f64) -> String {
    let size = value.abs();
    if size >= 1e9 {
        format!("{:.2} billion", value / 1e9)
    } else if size >= 1e6 {
        format!("{:.1} million", value / 1e6)
    } else if size >= 1e3 {
        format!("{}{}", minus(value), grouped(size))
    } else if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

fn grouped(size: f64) -> String {
    let digits = format!("{size:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        for (value, unit, expected) in [
            (383_285_000_000.0, "USD", "$383.29 billion"),
            (-1_250_000.0, "USD", "-$1.2 million"),
            (-500_000.0, "USD", "-$500,000"),
            (6.13, "USD/shares", "$6.13 per share"),
            (-0.42, "USD/shares", "-$0.42 per share"),
            (25.306, "percent", "25.3 %"),
            (-1.25, "points", "-1.2 points"),
            (1.7912, "ratio", "1.79"),
            (15_744_231_000.0, "shares", "15.74 billion shares"),
            (164_000.0, "employees", "164,000 employees"),
            (12.0, "", "12"),
        ] {
            assert_eq!(amount(value, unit), expected);
        }
    }
}
