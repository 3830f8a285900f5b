//! Filings that a table has under the year before their own.
//!
//! A company files one annual report a year. Where a table has two under one year, filed about a year apart, and none under the next,
//! the later one is the next year's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::facts::FactRow;

/// Days between the filings of two years, at least.
const APART: i32 = 300;

/// Gives the rows of such filings the year that is theirs.
pub(crate) fn put_right(rows: &mut [FactRow]) {
    // (company, year) → the days that its annual reports were filed. Amendments come late and are of the year they say.
    let mut filed: BTreeMap<(u16, i32), BTreeSet<Date>> = BTreeMap::new();
    for row in rows.iter() {
        if let Some(date) = annual(row) {
            filed.entry((row.company, row.year)).or_default().insert(date);
        }
    }
    let mut late: BTreeMap<(u16, i32), Date> = BTreeMap::new();
    for ((company, year), dates) in &filed {
        if let (Some(first), Some(last)) = (dates.first(), dates.last())
            && (*last - *first).get_days() >= APART
            && !filed.contains_key(&(*company, year + 1))
        {
            late.insert((*company, *year), *last);
        }
    }
    if late.is_empty() {
        return;
    }
    for row in rows {
        if late.get(&(row.company, row.year)).is_some_and(|last| annual(row) == Some(*last)) {
            row.year += 1;
        }
    }
}

/// The day that the row's annual report was filed; `None` for rows of other forms, and for those whose own dates say their year.
fn annual(row: &FactRow) -> Option<Date> {
    let form = row.form.as_deref().unwrap_or_default();
    (form.starts_with("10-K") && !form.ends_with("/A") && row.span.kind.is_none())
        .then(|| row.filed.as_deref()?.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(year: i32, form: &str, filed: &str) -> FactRow {
        FactRow {
            company: 0,
            metric: 0,
            year,
            value: 1.0,
            unit: "USD".into(),
            form: Some(form.into()),
            filed: Some(filed.into()),
            accession: None,
            period: None,
            span: Default::default(),
            precomputed: false,
        }
    }

    #[test]
    fn the_second_report_of_a_year_is_the_next_years() {
        for (name, rows, years) in [
            (
                "the next has none",
                vec![
                    row(2020, "10-K", "2021-02-26"),
                    row(2021, "10-K", "2022-02-25"),
                    row(2021, "10-K", "2023-02-24"),
                ],
                vec![2020, 2021, 2022],
            ),
            (
                "the next has its own",
                vec![
                    row(2021, "10-K", "2022-02-25"),
                    row(2021, "10-K", "2023-02-24"),
                    row(2022, "10-K", "2023-02-25"),
                ],
                vec![2021, 2021, 2022],
            ),
            (
                "an amendment",
                vec![row(2021, "10-K", "2022-02-25"), row(2021, "10-K/A", "2023-02-24")],
                vec![2021; 2],
            ),
            (
                "filed again soon",
                vec![row(2021, "10-K", "2022-02-25"), row(2021, "10-K", "2022-05-24")],
                vec![2021; 2],
            ),
        ] {
            let mut rows = rows;
            put_right(&mut rows);
            assert_eq!(rows.iter().map(|row| row.year).collect::<Vec<_>>(), years, "{name}");
        }
    }
}
