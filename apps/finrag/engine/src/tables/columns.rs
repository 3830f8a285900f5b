//! Columns of a Parquet file by name, whichever of the usual physical types their writer chose.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::LoadError;

/// Rows decoded at a time: enough to amortise, little enough to keep the peak low.
const BATCH: usize = 4096;

/// Opens a Parquet file held in memory, for the named columns that it has.
pub(crate) fn open(
    file: &str,
    bytes: Bytes,
    columns: &[&str],
) -> Result<ParquetRecordBatchReader, LoadError> {
    let corrupt = |error: parquet::errors::ParquetError| LoadError::Corrupt {
        file: file.to_owned(),
        reason: format!("it is no readable Parquet file ({error})"),
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(corrupt)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    builder.with_projection(mask).with_batch_size(BATCH).build().map_err(corrupt)
}

/// Says that a batch could not be decoded.
pub(crate) fn undecodable(file: &str, error: impl std::fmt::Display) -> LoadError {
    LoadError::Corrupt { file: file.to_owned(), reason: format!("its rows cannot be decoded ({error})") }
}

/// A string column.
pub(crate) enum Strings<'a> {
    Small(&'a arrow_array::StringArray),
    Large(&'a arrow_array::LargeStringArray),
    View(&'a arrow_array::StringViewArray),
}

impl<'a> Strings<'a> {
    /// The column of that name; it must be there.
    pub(crate) fn of(file: &str, batch: &'a RecordBatch, name: &str) -> Result<Self, LoadError> {
        Self::maybe(file, batch, name)?.ok_or_else(|| absent(file, name, "text"))
    }

    /// The column of that name; an error only when it has another type.
    pub(crate) fn maybe(file: &str, batch: &'a RecordBatch, name: &str) -> Result<Option<Self>, LoadError> {
        let Some(column) = batch.column_by_name(name) else { return Ok(None) };
        let found = column.data_type();
        let strings = column
            .as_string_opt::<i32>()
            .map(Self::Small)
            .or_else(|| column.as_string_opt::<i64>().map(Self::Large))
            .or_else(|| column.as_string_view_opt().map(Self::View));
        match strings {
            Some(strings) => Ok(Some(strings)),
            None if *found == DataType::Null => Ok(None),
            None => Err(mistyped(file, name, "text", found)),
        }
    }

    /// The value of a row, `None` for null.
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Small(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// A column of whole numbers; text of digits counts.
pub(crate) struct Ints(Vec<Option<i64>>);

impl Ints {
    /// The column of that name; it must be there.
    pub(crate) fn of(file: &str, batch: &RecordBatch, name: &str) -> Result<Self, LoadError> {
        let column = batch.column_by_name(name).ok_or_else(|| absent(file, name, "whole numbers"))?;
        macro_rules! widen {
            ($type:ty) => {
                column.as_primitive::<$type>().iter().map(|v| v.map(|v| v as i64)).collect()
            };
        }
        let found = column.data_type();
        let values = if *found == DataType::Int64 {
            widen!(Int64Type)
        } else if *found == DataType::Int32 {
            widen!(Int32Type)
        } else if *found == DataType::Int16 {
            widen!(Int16Type)
        } else if *found == DataType::UInt16 {
            widen!(UInt16Type)
        } else if *found == DataType::UInt32 {
            widen!(UInt32Type)
        } else if *found == DataType::UInt64 {
            widen!(UInt64Type)
        } else if *found == DataType::Float64 {
            widen!(Float64Type)
        } else if let Ok(Some(text)) = Strings::maybe(file, batch, name) {
            (0..batch.num_rows()).map(|row| text.get(row).and_then(|text| text.trim().parse().ok())).collect()
        } else {
            return Err(mistyped(file, name, "whole numbers", found));
        };
        Ok(Self(values))
    }

    pub(crate) fn get(&self, row: usize) -> Option<i64> {
        self.0[row]
    }
}

/// A column of numbers.
pub(crate) fn floats(file: &str, batch: &RecordBatch, name: &str) -> Result<Vec<Option<f64>>, LoadError> {
    let column = batch.column_by_name(name).ok_or_else(|| absent(file, name, "numbers"))?;
    if let Some(array) = column.as_primitive_opt::<Float64Type>() {
        Ok(array.iter().collect())
    } else if let Some(array) = column.as_primitive_opt::<Float32Type>() {
        Ok(array.iter().map(|v| v.map(f64::from)).collect())
    } else {
        let ints =
            Ints::of(file, batch, name).map_err(|_| mistyped(file, name, "numbers", column.data_type()))?;
        Ok(ints.0.into_iter().map(|v| v.map(|v| v as f64)).collect())
    }
}

fn absent(file: &str, name: &str, wanted: &'static str) -> LoadError {
    LoadError::Column {
        file: file.to_owned(),
        column: name.to_owned(),
        wanted,
        found: "no such column".to_owned(),
    }
}

fn mistyped(file: &str, name: &str, wanted: &'static str, found: &DataType) -> LoadError {
    LoadError::Column { file: file.to_owned(), column: name.to_owned(), wanted, found: found.to_string() }
}
