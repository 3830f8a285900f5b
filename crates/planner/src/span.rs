//! How a length of time is said.

use std::time::Duration;

/// In the largest unit that leaves at least two; what is shorter than two seconds in tenths of a second.
#[must_use]
pub fn span(span: Duration) -> String {
    match span.as_secs() {
        0..2 if span.subsec_millis() > 0 => format!("{:.1} s", span.as_secs_f64()),
        s @ 0..120 => format!("{s} s"),
        s @ 120..7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        let table: Vec<_> = [0, 500, 1000, 1240, 2900, 119_000, 120_000, 300_000, 7_200_000]
            .map(Duration::from_millis)
            .map(span)
            .into();
        assert_eq!(table, ["0 s", "0.5 s", "1 s", "1.2 s", "2 s", "119 s", "2 min", "5 min", "2 h"]);
    }
}
