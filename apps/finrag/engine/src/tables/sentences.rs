//! The sentences, sorted so that a company's, a year's and a section's rows lie together.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;

use bytes::Bytes;

use super::SENTENCES;
use super::arena::Arena;
use super::columns::{Ints, Strings, open, undecodable};
use super::companies::Companies;
use super::nature::Nature;
use super::sections::Sections;
use crate::LoadError;

const COLUMNS: [&str; 8] =
    ["cik", "company", "year", "doc_id", "section", "position", "sentence_id", "sentence"];

/// Every sentence with its provenance. A row's number is its place in (company, year, document, section, position)
/// order, so rows beside each other are sentences beside each other.
#[derive(Debug, Default)]
pub(crate) struct Sentences {
    text: Arena,
    ids: Arena,
    company: Vec<u16>,
    year: Vec<i16>,
    section: Vec<u16>,
    position: Vec<i32>,
    doc: Vec<u32>,
    docs: Vec<Box<str>>,
    nature: Vec<Nature>,
    /// (hash of the id, row), by hash.
    by_id: Vec<(u64, u32)>,
    /// First row of each (company, year), in row order, with one past the end.
    groups: Vec<(u16, i16, u32)>,
}

/// A digest of text that is the same in every run.
pub(crate) fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

impl Sentences {
    /// Decodes Parquet files into rows.
    pub(crate) fn decode(
        files: Vec<(String, Bytes)>,
        companies: &mut Companies,
        sections: &mut Sections,
    ) -> Result<Self, LoadError> {
        let mut rows = Self::default();
        let mut docs: HashMap<Box<str>, u32> = HashMap::new();
        for (file, bytes) in files {
            for batch in open(&file, bytes, &COLUMNS)? {
                let batch = batch.map_err(|error| undecodable(&file, error))?;
                let cik = Ints::of(&file, &batch, "cik")?;
                let company = Strings::of(&file, &batch, "company")?;
                let year = Ints::of(&file, &batch, "year")?;
                let doc = Strings::of(&file, &batch, "doc_id")?;
                let section = Strings::of(&file, &batch, "section")?;
                let position = Ints::of(&file, &batch, "position")?;
                let id = Strings::of(&file, &batch, "sentence_id")?;
                let text = Strings::of(&file, &batch, "sentence")?;
                for row in 0..batch.num_rows() {
                    let number = rows.company.len();
                    let null = |column: &str| LoadError::Corrupt {
                        file: file.clone(),
                        reason: format!("row {number} has no `{column}`"),
                    };
                    // A sentence without text says nothing; its place stays empty, as a gap in positions.
                    let Some(text) = text.get(row).filter(|text| !text.trim().is_empty()) else { continue };
                    let cik =
                        cik.get(row).and_then(|cik| u64::try_from(cik).ok()).ok_or_else(|| null("cik"))?;
                    rows.company.push(companies.intern(cik, company.get(row).unwrap_or_default())?);
                    let year = year.get(row).and_then(|year| i16::try_from(year).ok());
                    rows.year.push(year.ok_or_else(|| null("year"))?);
                    rows.section.push(sections.intern(section.get(row).ok_or_else(|| null("section"))?));
                    let position = position.get(row).and_then(|position| i32::try_from(position).ok());
                    rows.position.push(position.ok_or_else(|| null("position"))?);
                    let doc = doc.get(row).ok_or_else(|| null("doc_id"))?;
                    let number = match docs.get(doc) {
                        Some(number) => *number,
                        None => {
                            let number = rows.docs.len() as u32;
                            docs.insert(doc.into(), number);
                            rows.docs.push(doc.into());
                            number
                        }
                    };
                    rows.doc.push(number);
                    let full = |_| LoadError::Corrupt {
                        file: file.clone(),
                        reason: "its text exceeds 4 GiB".to_owned(),
                    };
                    rows.ids.push(id.get(row).ok_or_else(|| null("sentence_id"))?).map_err(full)?;
                    rows.text.push(text).map_err(full)?;
                }
            }
        }
        if rows.company.is_empty() {
            return Err(LoadError::Corrupt {
                file: SENTENCES.to_owned(),
                reason: "it has no sentence".to_owned(),
            });
        }
        rows.finish();
        Ok(rows)
    }

    fn finish(&mut self) {
        let key = |row: u32| {
            let at = row as usize;
            (self.company[at], self.year[at], self.doc[at], self.section[at], self.position[at])
        };
        let sorted = (1..self.len() as u32).all(|row| key(row - 1) <= key(row));
        if sorted {
            self.text.finish(None);
            self.ids.finish(None);
        } else {
            let mut order: Vec<u32> = (0..self.len() as u32).collect();
            order.sort_by_key(|row| key(*row));
            self.text.finish(Some(&order));
            self.ids.finish(Some(&order));
            self.company = pick(&self.company, &order);
            self.year = pick(&self.year, &order);
            self.section = pick(&self.section, &order);
            self.position = pick(&self.position, &order);
            self.doc = pick(&self.doc, &order);
        }
        self.nature = Nature::of_all(self.len(), |row| self.text.get(row));
        self.by_id = (0..self.len() as u32).map(|row| (digest(self.ids.get(row)), row)).collect();
        self.by_id.sort_unstable();
        for row in 0..self.len() {
            let group = (self.company[row], self.year[row]);
            if self.groups.last().is_none_or(|last| (last.0, last.1) != group) {
                self.groups.push((group.0, group.1, row as u32));
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.company.len()
    }

    pub(crate) fn text(&self, row: u32) -> &str {
        self.text.get(row)
    }

    pub(crate) fn nature(&self, row: u32) -> Nature {
        self.nature[row as usize]
    }

    pub(crate) fn id(&self, row: u32) -> &str {
        self.ids.get(row)
    }

    pub(crate) fn company(&self, row: u32) -> u16 {
        self.company[row as usize]
    }

    pub(crate) fn year(&self, row: u32) -> i32 {
        i32::from(self.year[row as usize])
    }

    pub(crate) fn section(&self, row: u32) -> u16 {
        self.section[row as usize]
    }

    pub(crate) fn position(&self, row: u32) -> i32 {
        self.position[row as usize]
    }

    pub(crate) fn doc(&self, row: u32) -> &str {
        &self.docs[self.doc[row as usize] as usize]
    }

    /// The row of a sentence id.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let hash = digest(id);
        let from = self.by_id.partition_point(|(other, _)| *other < hash);
        self.by_id[from..]
            .iter()
            .take_while(|(other, _)| *other == hash)
            .map(|(_, row)| *row)
            .find(|row| self.id(*row) == id)
    }

    /// Whether two rows are of one section of one filing.
    pub(crate) fn same_section(&self, a: u32, b: u32) -> bool {
        let (a, b) = (a as usize, b as usize);
        self.doc[a] == self.doc[b]
            && self.section[a] == self.section[b]
            && self.company[a] == self.company[b]
            && self.year[a] == self.year[b]
    }

    /// (company, year, rows) of every year of every company, in row order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (u16, i32, Range<u32>)> {
        (0..self.groups.len()).map(|at| {
            let (company, year, start) = self.groups[at];
            let end = self.groups.get(at + 1).map_or(self.len() as u32, |next| next.2);
            (company, i32::from(year), start..end)
        })
    }
}

fn pick<T: Copy>(from: &[T], order: &[u32]) -> Vec<T> {
    order.iter().map(|row| from[*row as usize]).collect()
}

#[cfg(test)]
impl Sentences {
    /// Sentences of one section of one filing, for tests.
    pub(crate) fn of_texts(texts: &[String]) -> Self {
        let mut rows = Self { docs: vec!["d".into()], ..Self::default() };
        for (at, text) in texts.iter().enumerate() {
            rows.company.push(0);
            rows.year.push(2020);
            rows.section.push(0);
            rows.position.push(at as i32);
            rows.doc.push(0);
            rows.ids.push(&format!("d_{at}")).expect("it fits");
            rows.text.push(text).expect("it fits");
        }
        rows.finish();
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_found_by_its_id() {
        let rows = Sentences::of_texts(&["One.".to_owned(), "Two.".to_owned()]);
        assert_eq!((rows.find("d_1"), rows.find("d_2")), (Some(1), None));
        assert_eq!(rows.text(1), "Two.");
        assert_eq!(rows.groups().collect::<Vec<_>>(), [(0, 2020, 0..2)]);
    }
}
