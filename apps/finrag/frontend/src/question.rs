//! A question within the lengths the backend takes.

use std::fmt;

use thiserror::Error;

/// Fewest characters of a question.
pub const SHORTEST: usize = 10;

/// Most characters of a question.
pub const LONGEST: usize = 3_500;

/// A question that may be asked: trimmed, its line ends plain, [`SHORTEST`] to [`LONGEST`] characters long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question(String);

impl Question {
    /// Takes what was typed. Browsers send line ends as CRLF, which would count twice.
    pub fn parse(typed: &str) -> Result<Self, QuestionError> {
        let text = typed.replace("\r\n", "\n");
        let text = text.trim();
        match text.chars().count() {
            0 => Err(QuestionError::Empty),
            length @ 1..SHORTEST => Err(QuestionError::TooShort { length }),
            SHORTEST..=LONGEST => Ok(Self(text.to_owned())),
            length => Err(QuestionError::TooLong { length }),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no question. The messages are for the asker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QuestionError {
    /// Nothing but white space.
    #[error("Please type a question first.")]
    Empty,
    /// Fewer characters than the backend takes.
    #[error(
        "That is a little short: {length} of at least {SHORTEST} characters. Say which company and what about it."
    )]
    TooShort {
        /// Characters typed.
        length: usize,
    },
    /// More characters than the backend takes.
    #[error("That is {length} characters, and at most {LONGEST} can be asked at once. Please shorten it.")]
    TooLong {
        /// Characters typed.
        length: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_in_characters_after_trimming() {
        let table = [
            (String::new(), Err(QuestionError::Empty)),
            (" \r\n\t ".into(), Err(QuestionError::Empty)),
            ("123456789".into(), Err(QuestionError::TooShort { length: 9 })),
            ("  1234567890  ".into(), Ok("1234567890".to_owned())),
            ("é".repeat(10), Ok("é".repeat(10))),
            ("line one\r\nline two".into(), Ok("line one\nline two".to_owned())),
            ("é".repeat(3_500), Ok("é".repeat(3_500))),
            ("é".repeat(3_501), Err(QuestionError::TooLong { length: 3_501 })),
        ];
        for (typed, wanted) in table {
            assert_eq!(Question::parse(&typed).map(|question| question.to_string()), wanted, "{typed:?}");
        }
    }
}
