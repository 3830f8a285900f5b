//! Units: what an axis is called, and how a figure is written.

/// How the values of a chart are written: divided by a power of ten, under an axis that names it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    unit: Unit,
    power: Power,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Unit {
    Usd,
    UsdPerShare,
    Shares,
    Percent,
    Ratio,
    Other(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    One,
    Thousand,
    Million,
    Billion,
    Trillion,
}

impl Unit {
    fn of(unit: &str) -> Self {
        match unit.trim().to_lowercase().as_str() {
            "usd" | "$" | "us$" => Self::Usd,
            "usd per share" | "usd/share" | "usd/shares" | "usd-per-shares" => Self::UsdPerShare,
            "shares" => Self::Shares,
            "percent" | "%" | "pct" => Self::Percent,
            "ratio" | "pure" | "" => Self::Ratio,
            _ => Self::Other(unit.trim().to_owned()),
        }
    }
}

impl Power {
    fn of(largest: f64) -> Self {
        match largest.abs() {
            size if size >= 2e12 => Self::Trillion,
            size if size >= 1e9 => Self::Billion,
            size if size >= 1e6 => Self::Million,
            size if size >= 1e4 => Self::Thousand,
            _ => Self::One,
        }
    }

    fn divisor(self) -> f64 {
        match self {
            Self::One => 1.0,
            Self::Thousand => 1e3,
            Self::Million => 1e6,
            Self::Billion => 1e9,
            Self::Trillion => 1e12,
        }
    }

    fn word(self) -> Option<&'static str> {
        match self {
            Self::One => None,
            Self::Thousand => Some("thousand"),
            Self::Million => Some("million"),
            Self::Billion => Some("billion"),
            Self::Trillion => Some("trillion"),
        }
    }
}

impl Scale {
    /// The scale for values of a unit, the largest of which is given.
    pub fn of(unit: &str, largest: f64) -> Self {
        let unit = Unit::of(unit);
        let power = match unit {
            Unit::Usd | Unit::Shares | Unit::Other(_) => Power::of(largest),
            Unit::UsdPerShare | Unit::Percent | Unit::Ratio => Power::One,
        };
        Self { unit, power }
    }

    /// What the axis is called.
    pub fn axis(&self) -> String {
        let words = self.power.word().map(|word| format!("{word}s"));
        match (&self.unit, words) {
            (Unit::Usd, None) => "US$".into(),
            (Unit::Usd, Some(words)) => format!("US$ {words}"),
            (Unit::UsdPerShare, _) => "US$ per share".into(),
            (Unit::Shares, None) => "shares".into(),
            (Unit::Shares, Some(words)) => format!("{words} of shares"),
            (Unit::Percent, _) => "percent".into(),
            (Unit::Ratio, _) => "ratio".into(),
            (Unit::Other(unit), None) => unit.clone(),
            (Unit::Other(unit), Some(words)) => format!("{unit}, {words}"),
        }
    }

    /// A value as it stands at the axis.
    pub fn scaled(&self, value: f64) -> f64 {
        value / self.power.divisor()
    }

    /// A value as it stands in the table: scaled, with two decimals where it is money, thousands grouped.
    pub fn written(&self, value: f64) -> String {
        let scaled = self.scaled(value);
        match (&self.unit, self.power) {
            (Unit::Usd, Power::Thousand | Power::Million | Power::Billion | Power::Trillion)
            | (Unit::UsdPerShare, _) => fixed(scaled, 2),
            (Unit::Usd, Power::One) | (Unit::Shares | Unit::Percent | Unit::Ratio | Unit::Other(_), _) => {
                grouped(scaled, 2)
            }
        }
    }
}

/// A single figure with its unit.
pub fn figure(value: f64, unit: &str) -> String {
    let scale = Scale::of(unit, value);
    let number = scale.written(value.abs());
    let sign = if value < 0.0 { "−" } else { "" };
    let word = scale.power.word().map(|word| format!(" {word}")).unwrap_or_default();
    match scale.unit {
        Unit::Usd => format!("{sign}${number}{word}"),
        Unit::UsdPerShare => format!("{sign}${number} per share"),
        Unit::Shares => format!("{sign}{number}{word} shares"),
        Unit::Percent => format!("{sign}{number} %"),
        Unit::Ratio => format!("{sign}{number}"),
        Unit::Other(unit) => format!("{sign}{number}{word} {unit}"),
    }
}

/// A number with at most so many decimals and its thousands grouped.
pub(crate) fn grouped(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    match text.split_once('.') {
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        },
        None => text,
    }
}

/// A number with so many decimals and its thousands grouped.
fn fixed(value: f64, decimals: usize) -> String {
    let fixed = format!("{:.decimals$}", value.abs());
    let whole = fixed.find('.').unwrap_or(fixed.len());
    let mut text = String::with_capacity(fixed.len() + fixed.len() / 3 + 3);
    if value < 0.0 && fixed.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
        text.push('−');
    }
    for (at, letter) in fixed.char_indices() {
        if at > 0 && at < whole && (whole - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_carry_their_unit() {
        let table = [
            (383_285_000_000.0, "USD", "$383.29 billion"),
            (-1_200_000.0, "USD", "−$1.20 million"),
            (950.0, "USD", "$950"),
            (3_450_000_000_000.0, "USD", "$3.45 trillion"),
            (6.13, "USD per share", "$6.13 per share"),
            (15_552_752_000.0, "shares", "15.55 billion shares"),
            (25.31, "percent", "25.31 %"),
            (1.0745, "ratio", "1.07"),
            (164_000.0, "employees", "164 thousand employees"),
        ];
        for (value, unit, wanted) in table {
            assert_eq!(figure(value, unit), wanted);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        let table = [
            (0.0, "0"),
            (-0.001, "0"),
            (999.0, "999"),
            (1_000.0, "1,000"),
            (1_234_567.891, "1,234,567.89"),
            (-20_844.0, "−20,844"),
        ];
        for (value, wanted) in table {
            assert_eq!(grouped(value, 2), wanted);
        }
    }
}
