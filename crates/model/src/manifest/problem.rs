//! What is wrong, where, and what to do about it.

use std::{collections::BTreeSet, fmt, ops::Range};

use serde::{Deserialize, Serialize};

use crate::ProjectSpec;

/// Longest stretch of a line shown, in characters.
const MAX_LINE: usize = 120;

/// What is shorter is no secret, and would be found in other words.
const TELLING: usize = 4;

/// Everything wrong with a manifest, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestError {
    /// Never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ManifestError {}

/// One thing wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where, unless it is about the folder as a whole.
    pub place: Option<Place>,
    /// What.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// File, relative to the project's folder.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key, dotted: `services.web.port`. Empty for a syntax error.
    pub key: String,
    /// The line itself, shortened.
    pub text: String,
    /// Characters to underline; none when the line is not shown, because it may hold a secret.
    pub width: usize,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(p) = &self.place {
            write!(f, "{}:{}:{}: ", p.file, p.line, p.column)?;
            if !p.key.is_empty() {
                write!(f, "{}: ", p.key)?;
            }
        }
        f.write_str(&self.message)?;
        if let Some(p) = self.place.as_ref().filter(|p| p.width > 0) {
            let number = p.line.to_string();
            let gutter = " ".repeat(number.len());
            let pad: String =
                p.text.chars().take(p.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let line = format!("  {number} | {}", p.text);
            write!(f, "\n  {gutter} |\n{}\n  {gutter} | {pad}{}", line.trim_end(), "^".repeat(p.width))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// Something that works, but perhaps not as meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// One line, with its place where it has one.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A file being read. The spans of what was read in it begin at `base`, so that one number tells the file too.
#[derive(Debug, Clone)]
pub(super) struct Source<'a> {
    pub(super) name: String,
    pub(super) text: &'a str,
    pub(super) base: usize,
}

impl Source<'_> {
    /// The place of a byte range; a range outside the text, or inside a character, is moved to the nearest fit.
    pub(super) fn place(&self, span: &Range<usize>, key: &str) -> Place {
        let start = floor(self.text, span.start.saturating_sub(self.base));
        let end = floor(self.text, span.end.saturating_sub(self.base).max(start));
        let line_start = self.text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |i| start + i);
        let text = self.text[line_start..line_end].trim_end();
        let column = self.text[line_start..start].chars().count() + 1;
        let shown: String = text.chars().take(MAX_LINE.max(column)).collect();
        let width = self.text[start..end.clamp(start, line_end)].trim_end().chars().count();
        let room = shown.chars().count().saturating_sub(column - 1);
        Place {
            file: self.name.clone(),
            line: self.text[..start].matches('\n').count() + 1,
            column,
            key: key.to_owned(),
            text: shown,
            width: width.min(room).max(1),
        }
    }
}

/// The files of a manifest that is spread over several.
#[derive(Debug, Default)]
pub(super) struct Sources<'a>(Vec<Source<'a>>);

impl<'a> Sources<'a> {
    /// Of one file.
    pub(super) fn of(name: &str, text: &'a str) -> Self {
        let mut sources = Self::default();
        sources.add(name, text);
        sources
    }

    /// One more.
    pub(super) fn add(&mut self, name: &str, text: &'a str) -> &Source<'a> {
        // One byte apart, so that the end of a file is not the start of the next.
        let base = self.0.last().map_or(0, |s| s.base + s.text.len() + 1);
        self.0.push(Source { name: name.to_owned(), text, base });
        &self.0[self.0.len() - 1]
    }

    /// Whether a text stands in one of them, not as part of a longer word.
    pub(super) fn say(&self, wanted: &str) -> bool {
        let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        self.0.iter().any(|source| {
            source.text.match_indices(wanted).any(|(at, _)| {
                !source.text[..at].ends_with(in_word)
                    && !source.text[at + wanted.len()..].starts_with(in_word)
            })
        })
    }

    /// As [`Source::place`], in whichever file it is.
    pub(super) fn place(&self, span: &Range<usize>, key: &str) -> Place {
        let nowhere = Source { name: String::new(), text: "", base: 0 };
        let source = self.0.iter().rev().find(|s| s.base <= span.start);
        source.unwrap_or(&nowhere).place(span, key)
    }
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Collects problems and warnings while reading.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    /// What was filled in for references, and the references.
    filled: Vec<(String, String)>,
}

impl Report {
    /// From here on nothing says what stood for a reference: it may be a secret. The reference is said instead.
    pub(super) fn filled(&mut self, reference: String, value: &str) {
        if value.len() >= TELLING && self.filled.iter().all(|(known, _)| known != value) {
            self.filled.push((value.to_owned(), reference));
            // One may be part of another.
            self.filled.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        }
    }

    fn masked(&self, text: impl Into<String>) -> String {
        let filled = self.filled.iter();
        filled.fold(text.into(), |text, (value, reference)| text.replace(value, reference))
    }

    /// Something about the folder as a whole.
    pub(super) fn folder(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        let (message, hint) = (self.masked(message), Some(self.masked(hint)));
        self.problems.push(Problem { place: None, message, hint });
    }

    /// Something at a place.
    pub(super) fn at(&mut self, place: Place, message: impl Into<String>, hint: Option<String>) {
        let (message, hint) = (self.masked(message), hint.map(|hint| self.masked(hint)));
        self.problems.push(Problem { place: Some(place), message, hint });
    }

    /// Something that works, but perhaps not as meant.
    pub(super) fn warn(&mut self, message: impl Into<String>) {
        let message = self.masked(message);
        self.warnings.push(Warning { message });
    }

    /// As [`Self::warn`], at a place.
    pub(super) fn warn_at(&mut self, place: &Place, message: impl fmt::Display) {
        self.warn(format!("{}:{}: {}: {message}", place.file, place.line, place.key));
    }

    /// How many problems there are.
    pub(super) fn problems(&self) -> usize {
        self.problems.len()
    }

    pub(super) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Problems win; without any there must be a project.
    pub(super) fn finish(
        mut self,
        spec: Option<ProjectSpec>,
    ) -> Result<(ProjectSpec, Vec<Warning>), ManifestError> {
        match spec {
            Some(spec) if self.problems.is_empty() => {
                // Several services may be made from one file.
                let mut said = BTreeSet::new();
                self.warnings.retain(|warning| said.insert(warning.message.clone()));
                Ok((spec, self.warnings))
            }
            _ => {
                self.problems.sort_by_key(|p| p.place.as_ref().map(|p| (p.line, p.column)));
                self.problems.dedup();
                Err(ManifestError { problems: self.problems })
            }
        }
    }
}
