//! Rows as a Parquet file, and back.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMillisecondType, UInt16Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt16Array,
    UInt64Array,
};
use arrow_schema::ArrowError;
use bytes::Bytes;
use jiff::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use thiserror::Error;

use super::row::{Row, Trouble};

/// Why a segment could not be written or read.
#[derive(Debug, Error)]
pub enum SegmentError {
    /// Not Parquet, or damaged.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// The columns do not fit together.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// Another file than ours.
    #[error("the segment has no column `{0}` of the expected type")]
    Column(&'static str),
}

/// The metadata key under which a compacted segment names the ones it replaces.
const REPLACES: &str = "finrag.replaces";

/// Writes rows; `replaces` are the segments whose rows these are, if any.
pub(super) fn encode(rows: &[Row], replaces: &[String]) -> Result<Vec<u8>, SegmentError> {
    let text =
        |of: fn(&Row) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(of))) };
    let trouble = |of: fn(&Trouble) -> &str| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.trouble.as_ref().map(of)).collect::<StringArray>())
    };
    let float =
        |of: fn(&Row) -> f64| -> ArrayRef { Arc::new(Float64Array::from_iter_values(rows.iter().map(of))) };
    let count =
        |of: fn(&Row) -> u64| -> ArrayRef { Arc::new(UInt64Array::from_iter_values(rows.iter().map(of))) };
    let times = rows.iter().map(|row| row.timestamp.as_millisecond());
    let batch = RecordBatch::try_from_iter([
        (
            "timestamp",
            Arc::new(TimestampMillisecondArray::from_iter_values(times).with_timezone("UTC")) as ArrayRef,
        ),
        ("query", text(|row| &row.query)),
        ("model_key", text(|row| &row.model_key)),
        ("model_id", text(|row| &row.model_id)),
        ("input_tokens", count(|row| row.input_tokens)),
        ("output_tokens", count(|row| row.output_tokens)),
        ("cost", float(|row| row.cost)),
        ("stop_reason", text(|row| &row.stop_reason)),
        ("total_ms", float(|row| row.total_ms)),
        ("retrieval_ms", float(|row| row.retrieval_ms)),
        ("llm_ms", float(|row| row.llm_ms)),
        ("stages", text(|row| &row.stages)),
        ("status", Arc::new(UInt16Array::from_iter_values(rows.iter().map(|row| row.status)))),
        ("error_type", trouble(|trouble| &trouble.kind)),
        ("error_stage", trouble(|trouble| &trouble.stage)),
        ("error", trouble(|trouble| &trouble.message)),
    ])?;
    let names = (!replaces.is_empty()).then(|| vec![KeyValue::new(REPLACES.to_owned(), replaces.join("\n"))]);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(names)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(bytes)
}

/// Reads the rows of a segment, and the names of the segments it replaces.
pub fn decode(bytes: Bytes) -> Result<(Vec<Row>, Vec<String>), SegmentError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let replaces = builder
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .into_iter()
        .flatten()
        .find(|pair| pair.key == REPLACES)
        .and_then(|pair| pair.value.as_deref())
        .map(|names| names.lines().map(str::to_owned).collect())
        .unwrap_or_default();
    let mut rows = Vec::new();
    for batch in builder.build()? {
        read(&batch?, &mut rows)?;
    }
    Ok((rows, replaces))
}

fn read(batch: &RecordBatch, rows: &mut Vec<Row>) -> Result<(), SegmentError> {
    let column = |name: &'static str| batch.column_by_name(name).ok_or(SegmentError::Column(name));
    let text = |name| column(name)?.as_string_opt::<i32>().ok_or(SegmentError::Column(name));
    let count = |name| column(name)?.as_primitive_opt::<UInt64Type>().ok_or(SegmentError::Column(name));
    let float = |name| column(name)?.as_primitive_opt::<Float64Type>().ok_or(SegmentError::Column(name));
    let times = column("timestamp")?
        .as_primitive_opt::<TimestampMillisecondType>()
        .ok_or(SegmentError::Column("timestamp"))?;
    let status = column("status")?.as_primitive_opt::<UInt16Type>().ok_or(SegmentError::Column("status"))?;
    let (query, stop_reason, stages) = (text("query")?, text("stop_reason")?, text("stages")?);
    let (model_key, model_id) = (text("model_key")?, text("model_id")?);
    let (input, output) = (count("input_tokens")?, count("output_tokens")?);
    let (cost, total, retrieval, llm) =
        (float("cost")?, float("total_ms")?, float("retrieval_ms")?, float("llm_ms")?);
    let (kind, stage, message) = (text("error_type")?, text("error_stage")?, text("error")?);
    for n in 0..batch.num_rows() {
        rows.push(Row {
            timestamp: Timestamp::from_millisecond(times.value(n)).unwrap_or(Timestamp::UNIX_EPOCH),
            query: query.value(n).to_owned(),
            model_key: model_key.value(n).to_owned(),
            model_id: model_id.value(n).to_owned(),
            input_tokens: input.value(n),
            output_tokens: output.value(n),
            cost: cost.value(n),
            stop_reason: stop_reason.value(n).to_owned(),
            total_ms: total.value(n),
            retrieval_ms: retrieval.value(n),
            llm_ms: llm.value(n),
            stages: stages.value(n).to_owned(),
            status: status.value(n),
            // The three are null together.
            trouble: kind.is_valid(n).then(|| Trouble {
                kind: kind.value(n).to_owned(),
                stage: stage.value(n).to_owned(),
                message: message.value(n).to_owned(),
            }),
        });
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::querylog) fn row(n: u32) -> Row {
        let trouble = n.is_multiple_of(3).then(|| Trouble {
            kind: "LlmTimeout".to_owned(),
            stage: "llm_total".to_owned(),
            message: "late".to_owned(),
        });
        Row {
            timestamp: Timestamp::from_millisecond(1_700_000_000_000 + i64::from(n)).expect("in range"),
            query: format!("question {n}"),
            model_key: "balanced".to_owned(),
            model_id: format!("model-{}", n % 2),
            input_tokens: u64::from(n),
            output_tokens: 2,
            cost: 0.25,
            stop_reason: "stop".to_owned(),
            total_ms: f64::from(n),
            retrieval_ms: 1.5,
            llm_ms: 3.25,
            stages: "{}".to_owned(),
            status: if trouble.is_some() { 502 } else { 200 },
            trouble,
        }
    }

    #[test]
    fn rows_survive_a_file() {
        let rows: Vec<Row> = (0..7).map(row).collect();
        let replaces = vec!["a.parquet".to_owned(), "b.parquet".to_owned()];
        let bytes = encode(&rows, &replaces).expect("encodes");
        assert_eq!(decode(bytes.into()).expect("decodes"), (rows, replaces));
    }

    #[test]
    fn what_is_no_segment_is_refused() {
        assert!(matches!(decode(Bytes::from_static(b"PAR1 not really")), Err(SegmentError::Parquet(_))));
    }
}
