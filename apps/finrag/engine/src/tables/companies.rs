//! The companies, and their numbers within a snapshot.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::COMPANIES;
use crate::LoadError;

/// A row of `companies.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CompanyRow {
    /// Central index key; text of digits is read as well.
    #[serde(deserialize_with = "digits")]
    pub cik: u64,
    /// Ticker.
    pub ticker: String,
    /// Name as filed.
    pub name: String,
    /// Other names it is known by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

/// A number, or text of its digits.
pub(crate) fn digits<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    match Either::deserialize(from)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.trim().parse().map_err(serde::de::Error::custom),
    }
}

/// Companies by number, found by central index key.
#[derive(Debug, Default)]
pub(crate) struct Companies {
    rows: Vec<CompanyRow>,
    by_cik: HashMap<u64, u16>,
}

impl Companies {
    /// Reads `companies.json`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, LoadError> {
        let rows: Vec<CompanyRow> = serde_json::from_slice(bytes)
            .map_err(|error| LoadError::Corrupt { file: COMPANIES.to_owned(), reason: error.to_string() })?;
        let mut companies = Self::default();
        for row in rows {
            companies.insert(row)?;
        }
        Ok(companies)
    }

    fn insert(&mut self, row: CompanyRow) -> Result<u16, LoadError> {
        let id = u16::try_from(self.rows.len()).map_err(|_| LoadError::Corrupt {
            file: COMPANIES.to_owned(),
            reason: "it has more than 65,535 companies".to_owned(),
        })?;
        self.by_cik.insert(row.cik, id);
        self.rows.push(row);
        Ok(id)
    }

    /// The number of a company; one that `companies.json` lacks is taken in under its name.
    pub(crate) fn intern(&mut self, cik: u64, name: &str) -> Result<u16, LoadError> {
        match self.by_cik.get(&cik) {
            Some(id) => Ok(*id),
            None => self.insert(CompanyRow {
                cik,
                ticker: format!("CIK{cik}"),
                name: name.to_owned(),
                aliases: Vec::new(),
            }),
        }
    }

    /// The number of a company known by its ticker too, as facts name it.
    pub(crate) fn intern_with_ticker(&mut self, cik: u64, ticker: Option<&str>) -> Result<u16, LoadError> {
        match (self.by_cik.get(&cik), ticker) {
            (Some(id), _) => Ok(*id),
            (None, Some(ticker)) => self.insert(CompanyRow {
                cik,
                ticker: ticker.to_owned(),
                name: ticker.to_owned(),
                aliases: Vec::new(),
            }),
            (None, None) => self.intern(cik, &format!("CIK {cik}")),
        }
    }

    pub(crate) fn get(&self, id: u16) -> &CompanyRow {
        &self.rows[usize::from(id)]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &CompanyRow)> {
        (0..).zip(&self.rows)
    }

    pub(crate) fn by_ticker(&self, ticker: &str) -> Option<u16> {
        self.iter().find(|(_, row)| row.ticker.eq_ignore_ascii_case(ticker)).map(|(id, _)| id)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cik_is_read_as_number_and_as_text() {
        let json = br#"[{"cik": 320193, "ticker": "AAPL", "name": "Apple Inc."},
                        {"cik": "0000789019", "ticker": "MSFT", "name": "MICROSOFT CORP", "more": 1}]"#;
        let mut companies = Companies::parse(json).unwrap();
        assert_eq!(companies.get(1).cik, 789_019);
        assert_eq!(companies.intern(320_193, "whatever").unwrap(), 0);
        assert_eq!(companies.intern(5, "New Co").unwrap(), 2);
        assert_eq!(companies.by_ticker("msft"), Some(1));
    }

    #[test]
    fn a_broken_file_is_named() {
        let error = Companies::parse(b"[{").unwrap_err();
        assert!(error.to_string().starts_with("companies.json cannot be used"), "{error}");
    }
}
