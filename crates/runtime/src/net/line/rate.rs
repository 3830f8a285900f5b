//! A rate as an operator writes it.

use std::{fmt, str::FromStr};

use serde::Deserialize;

/// Bits a second, written like `100mbit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct BitRate(u64);

/// Why text is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BitRateError {
    /// It is none.
    #[error("`{0}` is not a rate\n  hint: write it as 100mbit, 2.5gbit or 500kbit: bits a second")]
    Unreadable(String),
    /// Less than anything could be divided.
    #[error("`{0}` is less than 100kbit\n  hint: bits a second are meant: 100mbit are 12.5 megabytes")]
    TooLittle(String),
    /// More than any line has.
    #[error("`{0}` is more than 1000gbit\n  hint: bits a second are meant: 100mbit are 12.5 megabytes")]
    TooMuch(String),
}

const UNITS: [(&str, u64); 3] = [("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000)];
const LEAST: u64 = 100_000;
const MOST: u64 = 1_000_000_000_000;

impl BitRate {
    /// In bytes a second.
    pub(super) fn bytes(self) -> u64 {
        self.0 / 8
    }
}

impl FromStr for BitRate {
    type Err = BitRateError;

    fn from_str(typed: &str) -> Result<Self, BitRateError> {
        let unreadable = || BitRateError::Unreadable(typed.to_owned());
        let text = typed.trim().to_ascii_lowercase();
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?.trim_end(), *unit)))
            .ok_or_else(unreadable)?;
        let is_plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let number: f64 = number.parse().ok().filter(|_| is_plain).ok_or_else(unreadable)?;
        #[allow(clippy::cast_precision_loss, reason = "powers of ten")]
        let bits = number * unit as f64;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, and is not negative"
        )]
        match bits as u64 {
            bits if bits < LEAST => Err(BitRateError::TooLittle(typed.to_owned())),
            bits if bits > MOST => Err(BitRateError::TooMuch(typed.to_owned())),
            bits => Ok(Self(bits)),
        }
    }
}

impl TryFrom<String> for BitRate {
    type Error = BitRateError;

    fn try_from(typed: String) -> Result<Self, BitRateError> {
        typed.parse()
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, one) =
            UNITS.iter().rev().find(|(_, one)| self.0.is_multiple_of(*one)).unwrap_or(&("bit", 1));
        write!(f, "{}{unit}", self.0 / one)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn as_typed() {
        let rows = [
            "100mbit",
            "2.5gbit",
            "500 kbit",
            "1Gbit",
            "1500kbit",
            "100kbit",
            "99kbit",
            "0mbit",
            "2000gbit",
            "100",
            "100mb",
            "100Mbit/s",
            "-1mbit",
            "infmbit",
            "1e3mbit",
            "mbit",
            "1.2.3mbit",
            "",
        ]
        .map(|typed| match typed.parse::<BitRate>() {
            Ok(read) => format!("{typed}: {read}\n"),
            Err(e) => format!("{e}\n").lines().next().unwrap_or_default().to_owned() + "\n",
        });
        expect![[r#"
            100mbit: 100mbit
            2.5gbit: 2500mbit
            500 kbit: 500kbit
            1Gbit: 1gbit
            1500kbit: 1500kbit
            100kbit: 100kbit
            `99kbit` is less than 100kbit
            `0mbit` is less than 100kbit
            `2000gbit` is more than 1000gbit
            `100` is not a rate
            `100mb` is not a rate
            `100Mbit/s` is not a rate
            `-1mbit` is not a rate
            `infmbit` is not a rate
            `1e3mbit` is not a rate
            `mbit` is not a rate
            `1.2.3mbit` is not a rate
            `` is not a rate
        "#]]
        .assert_eq(&rows.concat());
    }
}
