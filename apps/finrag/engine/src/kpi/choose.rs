//! Which row counts when several claim one (company, metric, year).
//!
//! Seen in the development corpus: of 6,937 rows 2,483 share their (ticker, year, metric) with another. Nearly all repeat one
//! value with one accession number (a table that was appended to twice), up to eight times for computed ratios; two of
//! 1,019 groups truly disagree. The rule, first difference decides:
//! 1. rows that say the same value are one row;
//! 2. annual beats quarterly: a fiscal period of `FY` before none before a quarter, and 10-K, 10-K/A, 10-KT, 20-F, 40-F before a
//!    computed row before 10-Q and the rest;
//! 3. of one filing's values the larger in size counts: a quarter is part of its year (an average or a balance is seldom filed twice);
//! 4. the later filed counts: a restated figure replaces the first;
//! 5. the value that more rows have counts; then the later row.
//!
//! What was not chosen is shown beside what was.

use crate::tables::facts::FactRow;

/// The row that counts, the values that lost, and why.
#[derive(Debug)]
pub(crate) struct Choice<'f> {
    pub(crate) row: &'f FactRow,
    pub(crate) others: Vec<&'f FactRow>,
    pub(crate) why: &'static str,
}

/// Values this near are the same value, written twice.
const SAME: f64 = 1e-9;

struct Claim<'f> {
    row: &'f FactRow,
    count: usize,
    last: usize,
}

/// Chooses among the rows of one (company, metric, year); `None` when there are none but of quarters and the like. Where one row
/// has the dates of a year, those without dates count no more.
pub(crate) fn choose(rows: &[FactRow]) -> Option<Choice<'_>> {
    let mut claims: Vec<Claim<'_>> = Vec::new();
    let dated = rows.iter().any(|row| row.span.is_year());
    let able = |row: &FactRow| if dated { row.span.is_year() } else { row.span.may_be_a_year() };
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| able(row)) {
        let same = |other: f64| (other - row.value).abs() <= SAME * other.abs().max(row.value.abs());
        match claims.iter_mut().find(|claim| same(claim.row.value)) {
            Some(claim) => {
                claim.count += 1;
                claim.last = at;
                // Of rows that say the same, the one that says where it is from.
                if rank(row) < rank(claim.row) {
                    claim.row = row;
                }
            }
            None => claims.push(Claim { row, count: 1, last: at }),
        }
    }
    let mut claims = claims.into_iter();
    let mut best = claims.next()?;
    let mut why = "it is the only value";
    let mut others = Vec::new();
    for claim in claims {
        let (wins, reason) = beats(&claim, &best);
        why = reason;
        if wins {
            others.push(std::mem::replace(&mut best, claim).row);
        } else {
            others.push(claim.row);
        }
    }
    Some(Choice { row: best.row, others, why })
}

fn beats(new: &Claim<'_>, old: &Claim<'_>) -> (bool, &'static str) {
    let (a, b) = (rank(new.row), rank(old.row));
    if a != b {
        return (a < b, "an annual filing's value counts before a quarter's");
    }
    let same_filing = new.row.accession.is_some() && new.row.accession == old.row.accession;
    if same_filing {
        return (
            new.row.value.abs() > old.row.value.abs(),
            "of two values in one filing the larger is the full year's",
        );
    }
    if new.row.filed != old.row.filed {
        return (new.row.filed > old.row.filed, "the later filing's value replaces the earlier one's");
    }
    if new.count != old.count {
        return (new.count > old.count, "more rows of the table have it");
    }
    (new.last > old.last, "it is the later row of the table")
}

/// Lower counts first.
fn rank(row: &FactRow) -> (u8, u8) {
    let period = match row.period.as_deref() {
        Some("FY" | "CY" | "annual") => 0,
        None => 1,
        Some(_) => 2,
    };
    let form = match row.form.as_deref() {
        Some(form) if ["10-K", "20-F", "40-F"].iter().any(|annual| form.starts_with(annual)) => 0,
        None => 1,
        Some(_) => 2,
    };
    (period, form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::span::Span;

    fn row(value: f64, form: &str, filed: &str, accession: &str) -> FactRow {
        let text = |text: &str| (!text.is_empty()).then(|| text.into());
        FactRow {
            company: 0,
            metric: 0,
            year: 2020,
            value,
            unit: "USD".into(),
            form: text(form),
            filed: text(filed),
            accession: text(accession),
            period: None,
            span: Span::default(),
            precomputed: form.is_empty(),
        }
    }

    #[test]
    fn the_rule_step_by_step() {
        let annual = ("10-K", "2021-02-01", "a");
        for (name, rows, value, others) in [
            ("repeated rows are no conflict", vec![row(5.0, annual.0, annual.1, annual.2); 3], 5.0, 0),
            (
                "annual beats quarterly, even later",
                vec![row(5.0, "10-K", "2021-02-01", "a"), row(2.0, "10-Q", "2021-08-01", "b")],
                5.0,
                1,
            ),
            (
                "quarterly first in the table",
                vec![row(2.0, "10-Q", "2021-08-01", "b"), row(5.0, "10-K/A", "2021-02-01", "a")],
                5.0,
                1,
            ),
            (
                "the larger of one filing",
                vec![row(-2.0, "10-K", "2021-02-01", "a"), row(-5.0, "10-K", "2021-02-01", "a")],
                -5.0,
                1,
            ),
            (
                "a restatement",
                vec![row(5.0, "10-K", "2021-02-01", "a"), row(4.5, "10-K/A", "2021-09-01", "b")],
                4.5,
                1,
            ),
            (
                "the majority of computed rows",
                vec![row(53.8, "", "", ""), row(51.8, "", "", ""), row(51.8, "", "", "")],
                51.8,
                1,
            ),
            ("filed beats computed", vec![row(1.0, "", "", ""), row(2.0, "10-K", "2021-02-01", "a")], 2.0, 1),
        ] {
            let choice = choose(&rows).expect(name);
            assert_eq!((choice.row.value, choice.others.len()), (value, others), "{name}");
        }
        assert!(choose(&[]).is_none());
    }

    #[test]
    fn dates_count_before_all_else() {
        let of = |value: f64, start: &str, end: &str| FactRow {
            span: Span::new(Some(start.into()), Some(end.into())),
            ..row(value, "10-K", "2021-02-01", "a")
        };
        let year = of(9.0, "2020-01-01", "2020-12-31");
        let quarter = of(30.0, "2020-10-01", "2020-12-31");
        let rows = [row(40.0, "10-K", "2021-02-01", "a"), quarter.clone(), year];
        let choice = choose(&rows).unwrap();
        assert_eq!((choice.row.value, choice.others.len()), (9.0, 0));
        assert!(choose(&[quarter]).is_none(), "a quarter answers for no year");
    }
}
