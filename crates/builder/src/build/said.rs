//! What of a command's output is kept, to say why it failed.

use std::collections::VecDeque;

/// Last lines kept.
const TAIL: usize = 80;

/// First errors kept, each with its place.
const ERRORS: usize = 6;

/// What a line shows in the end: programs write their progress over it, each time from its beginning.
pub(crate) fn shown(line: &str) -> &str {
    line.trim_end_matches('\r').rsplit('\r').find(|state| !state.trim().is_empty()).unwrap_or_default()
}

/// The last lines, and the first errors as compilers write them, which may be thousands of lines before.
#[derive(Debug, Default)]
pub(crate) struct Said {
    tail: VecDeque<String>,
    errors: Vec<String>,
}

impl Said {
    pub(crate) fn push(&mut self, line: &str) {
        let is_place = line.trim_start().starts_with("--> ");
        let is_error = line.starts_with("error: ") || line.starts_with("error[");
        let wants_place = self.errors.len() % 2 == 1;
        if is_error && wants_place {
            // The one before has none.
            self.errors.push(String::new());
        }
        if (is_error || (is_place && wants_place)) && self.errors.len() < 2 * ERRORS {
            self.errors.push(line.trim_start().trim_start_matches("--> ").to_owned());
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
    }

    pub(crate) fn tail(&mut self) -> &[String] {
        self.tail.make_contiguous()
    }

    /// The first errors, each with the place it points at, if any.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.errors.chunks(2).map(|pair| match pair {
            [error, place] if !place.is_empty() => (error.as_str(), Some(place.as_str())),
            [error, ..] => (error.as_str(), None),
            [] => ("", None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bug: `apt` and others had twenty states of their progress in one line of the log.
    #[test]
    fn progress_is_its_last_state() {
        for (line, want) in [
            (
                "(Reading database ... \r(Reading database ... 5%\r(Reading database ... 100%",
                "(Reading database ... 100%",
            ),
            (
                "(Reading database ... 5%\r(Reading database ... 9999 files.)\r",
                "(Reading database ... 9999 files.)",
            ),
            ("10%\r20%\r   \r", "20%"),
            ("plain", "plain"),
            ("dos\r", "dos"),
            ("\r", ""),
            ("", ""),
        ] {
            assert_eq!(shown(line), want, "{line:?}");
        }
    }

    #[test]
    fn errors_survive_what_follows() {
        let mut said = Said::default();
        let text = "warning: unused\n --> src/a.rs:1:1\nerror[E0425]: no `x`\n   --> src/main.rs:2:5\n    |\n  --> also\n\
                    error: no place\nerror[E0308]: mismatched\n --> src/b.rs:3:1\nerror: could not compile `x`\n";
        text.lines().for_each(|l| said.push(l));
        (0..200).for_each(|n| said.push(&n.to_string()));
        assert_eq!(said.tail().len(), TAIL);
        assert_eq!(said.tail().last().unwrap(), "199");
        assert_eq!(
            said.errors().collect::<Vec<_>>(),
            [
                ("error[E0425]: no `x`", Some("src/main.rs:2:5")),
                ("error: no place", None),
                ("error[E0308]: mismatched", Some("src/b.rs:3:1")),
                ("error: could not compile `x`", None),
            ]
        );
    }
}
