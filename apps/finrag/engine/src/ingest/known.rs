//! What is in the tables already, as rows that can be changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::tables::columns::{Ints, Strings, open, undecodable};
use crate::tables::companies::CompanyRow;
use crate::tables::{COMPANIES, SENTENCES, fetch};
use crate::{DataRoot, LoadError};

/// The file that remembers what was read.
pub(crate) const STATE: &str = "ingest.json";

/// A sentence as stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) cik: i64,
    pub(crate) company: String,
    pub(crate) year: i32,
    pub(crate) doc_id: String,
    pub(crate) section: String,
    pub(crate) position: i32,
    pub(crate) sentence_id: String,
    pub(crate) sentence: String,
}

/// What was read from a file, and what it became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    pub(crate) digest: String,
    pub(crate) doc_id: String,
}

/// The tables before this run.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) rows: Vec<Row>,
    pub(crate) companies: Vec<CompanyRow>,
    pub(crate) files: BTreeMap<String, Remembered>,
}

/// Reads them; what is not there is empty.
pub(crate) async fn read(root: &DataRoot) -> Result<Known, LoadError> {
    let (sentences, companies, state) = futures_util::try_join!(
        fetch::optional(root, SENTENCES),
        fetch::optional(root, COMPANIES),
        fetch::optional(root, STATE),
    )?;
    let json = |file: &str, error: serde_json::Error| LoadError::Corrupt {
        file: file.to_owned(),
        reason: error.to_string(),
    };
    let mut known = Known::default();
    if let Some(bytes) = companies {
        known.companies = serde_json::from_slice(&bytes).map_err(|error| json(COMPANIES, error))?;
    }
    if let Some(bytes) = state {
        known.files = serde_json::from_slice(&bytes).map_err(|error| json(STATE, error))?;
    }
    if let Some(bytes) = sentences {
        known.rows = tokio::task::spawn_blocking(move || rows(bytes)).await.unwrap_or_else(|panicked| {
            Err(LoadError::Corrupt {
                file: SENTENCES.to_owned(),
                reason: format!("decoding it broke off ({panicked})"),
            })
        })?;
    }
    Ok(known)
}

/// Decodes sentences.
pub(crate) fn rows(bytes: bytes::Bytes) -> Result<Vec<Row>, LoadError> {
    let columns = ["cik", "company", "year", "doc_id", "section", "position", "sentence_id", "sentence"];
    let mut rows = Vec::new();
    for batch in open(SENTENCES, bytes, &columns)? {
        let batch = batch.map_err(|error| undecodable(SENTENCES, error))?;
        let int = |name| Ints::of(SENTENCES, &batch, name);
        let text = |name| Strings::of(SENTENCES, &batch, name);
        let (cik, year, position) = (int("cik")?, int("year")?, int("position")?);
        let (company, doc, section) = (text("company")?, text("doc_id")?, text("section")?);
        let (id, sentence) = (text("sentence_id")?, text("sentence")?);
        for row in 0..batch.num_rows() {
            let own = |column: &Strings<'_>| column.get(row).unwrap_or_default().to_owned();
            rows.push(Row {
                cik: cik.get(row).unwrap_or_default(),
                company: own(&company),
                year: year.get(row).unwrap_or_default() as i32,
                doc_id: own(&doc),
                section: own(&section),
                position: position.get(row).unwrap_or_default() as i32,
                sentence_id: own(&id),
                sentence: own(&sentence),
            });
        }
    }
    Ok(rows)
}
