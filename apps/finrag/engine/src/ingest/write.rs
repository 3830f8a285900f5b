//! Writing the tables. Every file is put whole, so a reader sees the old one or the new one.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use object_store::{ObjectStoreExt, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::IngestError;
use super::facts::FactEntry;
use super::known::Row;
use crate::DataRoot;

/// Puts a file.
pub(crate) async fn put(root: &DataRoot, file: &str, bytes: Vec<u8>) -> Result<(), IngestError> {
    let put = root.store().put(&root.path(file), PutPayload::from(bytes)).await;
    put.map(|_| ()).map_err(|source| IngestError::Write {
        file: file.to_owned(),
        root: root.label().to_owned(),
        source,
    })
}

/// Rows of sentences as Parquet.
pub(crate) fn sentences(rows: &[Row]) -> Result<Vec<u8>, parquet::errors::ParquetError> {
    let text =
        |of: fn(&Row) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(of))) };
    let number =
        |of: fn(&Row) -> i32| -> ArrayRef { Arc::new(Int32Array::from_iter_values(rows.iter().map(of))) };
    encode(vec![
        ("cik", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.cik)))),
        ("company", text(|row| &row.company)),
        ("year", number(|row| row.year)),
        ("doc_id", text(|row| &row.doc_id)),
        ("section", text(|row| &row.section)),
        ("position", number(|row| row.position)),
        ("sentence_id", text(|row| &row.sentence_id)),
        ("sentence", text(|row| &row.sentence)),
    ])
}

/// Facts as Parquet.
pub(crate) fn facts(facts: &[FactEntry]) -> Result<Vec<u8>, parquet::errors::ParquetError> {
    let text = |of: fn(&FactEntry) -> Option<&str>| -> ArrayRef {
        Arc::new(facts.iter().map(of).collect::<StringArray>())
    };
    encode(vec![
        (
            "cik",
            Arc::new(StringArray::from_iter_values(facts.iter().map(|fact| format!("{:010}", fact.cik)))),
        ),
        ("ticker", text(|fact| Some(&fact.ticker))),
        ("year", Arc::new(Int32Array::from_iter_values(facts.iter().map(|fact| fact.year)))),
        ("metric_gaap", text(|fact| fact.metric_gaap.as_deref())),
        ("metric_key", text(|fact| Some(&fact.metric_key))),
        ("metric_label", text(|fact| Some(&fact.metric_label))),
        ("metric_type", text(|fact| Some(if fact.metric_gaap.is_some() { "gaap" } else { "derived" }))),
        ("value", Arc::new(Float64Array::from_iter_values(facts.iter().map(|fact| fact.value)))),
        ("unit", text(|fact| Some(&fact.unit))),
        ("form", text(|fact| fact.form.as_deref())),
        ("filed_date", text(|fact| fact.filed_date.as_deref())),
        ("accession_no", text(|fact| fact.accession_no.as_deref())),
        ("period_start", text(|fact| fact.period_start.as_deref())),
        ("period_end", text(|fact| fact.period_end.as_deref())),
        ("dimensions", text(|fact| fact.dimensions.as_deref())),
    ])
}

fn encode(columns: Vec<(&str, ArrayRef)>) -> Result<Vec<u8>, parquet::errors::ParquetError> {
    let batch = RecordBatch::try_from_iter(columns)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by("finrag".to_owned())
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(bytes)
}
