//! Vectors of the sentences: one buffer, as the store gave it, never copied.
//!
//! `vectors.json` says what they are; `vectors.bin` has a record per sentence: the digest of its id and text (u64), a scale (f32), then one
//! signed byte per dimension, all little-endian. A unit vector's component is `byte * scale`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::sentences::Sentences;
use super::{VECTORS, VECTORS_META};
use crate::LoadError;
use crate::index::top::Top;

/// What stands before the components of a record.
const HEAD: usize = 12;

/// Rows that the coarse pass leaves for the exact one, for each that is wanted.
const OVERSAMPLE: usize = 12;

/// `vectors.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VectorsMeta {
    pub(crate) embedder: String,
    pub(crate) dims: usize,
    pub(crate) rows: usize,
    pub(crate) encoding: String,
}

/// The only encoding there is.
pub(crate) const ENCODING: &str = "i8";

/// The vectors, by row.
#[derive(Debug)]
pub(crate) struct Vectors {
    pub(crate) meta: VectorsMeta,
    bytes: Bytes,
    /// Record of each row, `u32::MAX` for a row without.
    record: Vec<u32>,
    /// The signs of each row's components, for the coarse pass.
    signs: Vec<u64>,
    words: usize,
}

/// A digest of a sentence that is the same in every build: FNV-1a (Fowler, Noll, Vo), 64 bits, over its id and its text. A sentence
/// that changed under its old id needs another vector.
pub(crate) fn sentence_digest(id: &str, text: &str) -> u64 {
    id.bytes().chain([0]).chain(text.bytes()).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Scales a vector to unit length; zero stays zero.
pub(crate) fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    if length > 0.0 { vector.iter().map(|v| v / length).collect() } else { vector.to_vec() }
}

/// Appends a sentence's record.
pub(crate) fn encode(into: &mut Vec<u8>, digest: u64, vector: &[f32]) {
    let vector = unit(vector);
    let largest = vector.iter().fold(0.0_f32, |largest, v| largest.max(v.abs()));
    let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    into.extend_from_slice(&digest.to_le_bytes());
    into.extend_from_slice(&scale.to_le_bytes());
    into.extend(vector.iter().map(|v| (v / scale).round() as i8 as u8));
}

/// The records of a file by their digest.
pub(crate) fn records(bytes: &[u8], dims: usize) -> impl Iterator<Item = (u64, &[u8])> {
    bytes.chunks_exact(HEAD + dims).map(|record| {
        let digest = u64::from_le_bytes(record[..8].try_into().expect("eight bytes"));
        (digest, record)
    })
}

impl Vectors {
    /// Joins the file to the rows.
    pub(crate) fn join(meta: &[u8], bytes: Bytes, sentences: &Sentences) -> Result<Self, LoadError> {
        let corrupt = |file: &str, reason: String| LoadError::Corrupt { file: file.to_owned(), reason };
        let meta: VectorsMeta =
            serde_json::from_slice(meta).map_err(|error| corrupt(VECTORS_META, error.to_string()))?;
        if meta.encoding != ENCODING || meta.dims == 0 {
            let reason = format!("encoding `{}` of {} dimensions is unknown", meta.encoding, meta.dims);
            return Err(corrupt(VECTORS_META, reason));
        }
        let size = HEAD + meta.dims;
        if !bytes.len().is_multiple_of(size) {
            let reason = format!("its {} bytes are no whole number of records of {size}", bytes.len());
            return Err(corrupt(VECTORS, reason));
        }
        let mut by_digest: Vec<(u64, u32)> =
            records(&bytes, meta.dims).zip(0..).map(|((digest, _), at)| (digest, at)).collect();
        by_digest.sort_unstable();
        let words = meta.dims.div_ceil(64);
        let mut signs = vec![0_u64; sentences.len() * words];
        let mut record = Vec::with_capacity(sentences.len());
        for row in 0..sentences.len() as u32 {
            let digest = sentence_digest(sentences.id(row), sentences.text(row));
            let found = by_digest.binary_search_by_key(&digest, |(digest, _)| *digest).ok();
            record.push(found.map_or(u32::MAX, |at| by_digest[at].1));
            if let Some(at) = found {
                let start = by_digest[at].1 as usize * size + HEAD;
                let into = &mut signs[row as usize * words..][..words];
                for (dim, byte) in bytes[start..start + meta.dims].iter().enumerate() {
                    into[dim / 64] |= u64::from((*byte as i8) >= 0) << (dim % 64);
                }
            }
        }
        Ok(Self { meta, bytes, record, signs, words })
    }

    /// The `limit` rows of `ranges` most like a question's vector, with their cosine, best first. A pass over signs alone
    /// (Charikar, "Similarity estimation techniques from rounding algorithms", 2002) leaves few for the exact one.
    pub(crate) fn nearest(
        &self,
        question: &[f32],
        ranges: &[std::ops::Range<u32>],
        limit: usize,
        allow: &dyn Fn(u32) -> bool,
    ) -> Vec<(f32, u32)> {
        if question.len() != self.meta.dims {
            return Vec::new();
        }
        let question = unit(question);
        let mut wanted = vec![0_u64; self.words];
        for (dim, value) in question.iter().enumerate() {
            wanted[dim / 64] |= u64::from(*value >= 0.0) << (dim % 64);
        }
        let mut coarse = Top::new(limit * OVERSAMPLE);
        for row in ranges.iter().cloned().flatten() {
            let signs = &self.signs[row as usize * self.words..][..self.words];
            let apart: u32 = signs.iter().zip(&wanted).map(|(a, b)| (a ^ b).count_ones()).sum();
            if self.record[row as usize] != u32::MAX && allow(row) {
                coarse.offer(self.meta.dims as f32 + 1.0 - apart as f32, row);
            }
        }
        let mut exact = Top::new(limit);
        for (_, row) in coarse.into_sorted() {
            exact.offer(self.cosine(&question, row), row);
        }
        exact.into_sorted()
    }

    fn cosine(&self, question: &[f32], row: u32) -> f32 {
        let start = self.record[row as usize] as usize * (HEAD + self.meta.dims);
        let record = &self.bytes[start..start + HEAD + self.meta.dims];
        let scale = f32::from_le_bytes(record[8..HEAD].try_into().expect("four bytes"));
        let dot: f32 = question.iter().zip(&record[HEAD..]).map(|(q, byte)| q * f32::from(*byte as i8)).sum();
        dot * scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_direction() {
        let mut bytes = Vec::new();
        encode(&mut bytes, 7, &[3.0, -4.0, 0.0]);
        assert_eq!(bytes.len(), HEAD + 3);
        let scale = f32::from_le_bytes(bytes[8..12].try_into().unwrap());
        let back: Vec<f32> = bytes[HEAD..].iter().map(|byte| f32::from(*byte as i8) * scale).collect();
        assert!((back[0] - 0.6).abs() < 0.01 && (back[1] + 0.8).abs() < 0.01, "{back:?}");
    }
}
