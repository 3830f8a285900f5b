//! Figures that a folder of filings brings along, merged into the fact table.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::IngestError;
use crate::tables::FACTS;
use crate::tables::columns::{Ints, Strings, floats, open, undecodable};
use crate::{DataRoot, LoadError};

/// A row of `facts.json`, and of the fact table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FactEntry {
    pub(crate) cik: u64,
    pub(crate) ticker: String,
    pub(crate) year: i32,
    #[serde(default)]
    pub(crate) metric_gaap: Option<String>,
    pub(crate) metric_key: String,
    pub(crate) metric_label: String,
    pub(crate) value: f64,
    pub(crate) unit: String,
    #[serde(default)]
    pub(crate) form: Option<String>,
    #[serde(default)]
    pub(crate) filed_date: Option<String>,
    #[serde(default)]
    pub(crate) accession_no: Option<String>,
    /// First day; none for a balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) period_start: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) period_end: Option<String>,
    /// The part of the company that it is of; none for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dimensions: Option<String>,
}

impl FactEntry {
    /// What makes it the same row, whatever its value.
    fn id(&self) -> impl Eq + std::hash::Hash + use<> {
        (
            (self.cik, self.year, self.metric_key.clone(), self.accession_no.clone()),
            (self.period_start.clone(), self.period_end.clone(), self.dimensions.clone()),
        )
    }
}

/// Reads fact files.
pub(crate) fn read(files: &[PathBuf]) -> Result<Vec<FactEntry>, IngestError> {
    let mut facts: Vec<FactEntry> = Vec::new();
    for path in files {
        let source = |source| IngestError::Source { path: path.clone(), source };
        let bytes = std::fs::read(path).map_err(source)?;
        let read: Vec<FactEntry> = serde_json::from_slice(&bytes)
            .map_err(|error| source(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))?;
        facts.extend(read);
    }
    Ok(facts)
}

/// The table's rows, with new ones in the place of those they equal but for the value, and the rest after. Rows that the
/// same source has twice (a conflict in a filing) stay two.
pub(crate) fn merge(known: Vec<FactEntry>, new: Vec<FactEntry>) -> Vec<FactEntry> {
    let ids: HashSet<_> = new.iter().map(FactEntry::id).collect();
    let mut merged: Vec<FactEntry> = known.into_iter().filter(|old| !ids.contains(&old.id())).collect();
    merged.extend(new);
    merged
}

/// The table as it is.
pub(crate) async fn known(root: &DataRoot) -> Result<Vec<FactEntry>, LoadError> {
    let Some(bytes) = crate::tables::fetch::optional(root, FACTS).await? else { return Ok(Vec::new()) };
    let columns = [
        "cik",
        "ticker",
        "year",
        "metric_gaap",
        "metric_key",
        "metric_label",
        "value",
        "unit",
        "form",
        "filed_date",
        "accession_no",
        "period_start",
        "period_end",
        "dimensions",
    ];
    let mut facts = Vec::new();
    for batch in open(FACTS, bytes, &columns)? {
        let batch = batch.map_err(|error| undecodable(FACTS, error))?;
        let (cik, year) = (Ints::of(FACTS, &batch, "cik")?, Ints::of(FACTS, &batch, "year")?);
        let value = floats(FACTS, &batch, "value")?;
        for (row, value) in value.into_iter().enumerate() {
            let text = |name: &str| -> Result<Option<String>, LoadError> {
                Ok(Strings::maybe(FACTS, &batch, name)?.and_then(|column| column.get(row)).map(str::to_owned))
            };
            facts.push(FactEntry {
                cik: cik.get(row).unwrap_or_default() as u64,
                ticker: text("ticker")?.unwrap_or_default(),
                year: year.get(row).unwrap_or_default() as i32,
                metric_gaap: text("metric_gaap")?,
                metric_key: text("metric_key")?.unwrap_or_default(),
                metric_label: text("metric_label")?.unwrap_or_default(),
                value: value.unwrap_or(f64::NAN),
                unit: text("unit")?.unwrap_or_default(),
                form: text("form")?,
                filed_date: text("filed_date")?,
                accession_no: text("accession_no")?,
                period_start: text("period_start")?,
                period_end: text("period_end")?,
                dimensions: text("dimensions")?,
            });
        }
    }
    Ok(facts)
}
