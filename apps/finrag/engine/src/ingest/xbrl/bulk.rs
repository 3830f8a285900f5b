//! The SEC's Financial Statement Data Sets: `num.txt` (values), `sub.txt` (filings) and `tag.txt` (concepts), tab-separated.

use std::collections::HashMap;
use std::path::Path;

use jiff::ToSpan;
use jiff::civil::Date;

use super::concept;
use super::fiscal::Fiscal;
use crate::ingest::facts::FactEntry;

/// Whether a folder holds one.
pub(crate) fn is_data_set(folder: &Path) -> bool {
    folder.join("num.txt").is_file() && folder.join("sub.txt").is_file()
}

/// A tab-separated table.
struct Table<'t> {
    columns: HashMap<&'t str, usize>,
    rows: std::str::Lines<'t>,
}

impl<'t> Table<'t> {
    fn new(text: &'t str) -> Self {
        let mut rows = text.lines();
        let columns = rows.next().unwrap_or_default().split('\t').map(str::trim).zip(0..).collect();
        Self { columns, rows }
    }

    fn rows(self) -> impl Iterator<Item = Row<'t>> {
        let columns = self.columns;
        self.rows.map(move |line| {
            let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
            columns
                .iter()
                .filter_map(|(name, at)| Some((*name, *cells.get(*at)?)))
                .filter(|(_, cell)| !cell.is_empty())
                .collect()
        })
    }
}

type Row<'t> = HashMap<&'t str, &'t str>;

/// A filing of `sub.txt`.
struct Filing<'t> {
    cik: u64,
    name: &'t str,
    form: &'t str,
    filed: Option<String>,
    fiscal: Fiscal,
}

fn date(digits: &str) -> Option<Date> {
    Date::strptime("%Y%m%d", digits).ok()
}

/// The facts of annual and quarterly reports, and the companies they are of, by their number.
pub(crate) fn read(num: &str, sub: &str, tag: &str) -> (HashMap<u64, String>, Vec<FactEntry>) {
    let filings: HashMap<&str, Filing<'_>> = Table::new(sub)
        .rows()
        .filter_map(|row| {
            let form = *row.get("form")?;
            if !["10-K", "10-Q", "20-F", "40-F"].iter().any(|known| form.starts_with(known)) {
                return None;
            }
            let fiscal =
                Fiscal::new(row.get("fy").and_then(|year| year.parse().ok()), date(row.get("period")?)?);
            let filing = Filing {
                cik: row.get("cik")?.parse().ok()?,
                name: row.get("name")?,
                form,
                filed: row.get("filed").and_then(|filed| date(filed)).map(|filed| filed.to_string()),
                fiscal,
            };
            Some((*row.get("adsh")?, filing))
        })
        .collect();
    let labels: HashMap<&str, &str> =
        Table::new(tag).rows().filter_map(|row| Some((*row.get("tag")?, *row.get("tlabel")?))).collect();
    let mut entries: Vec<FactEntry> =
        Table::new(num).rows().filter_map(|row| entry(&row, &filings, &labels)).collect();
    entries = concept::keep_first(entries);
    let companies = filings.values().map(|filing| (filing.cik, filing.name.to_owned())).collect();
    (companies, entries)
}

fn entry(
    row: &Row<'_>,
    filings: &HashMap<&str, Filing<'_>>,
    labels: &HashMap<&str, &str>,
) -> Option<FactEntry> {
    let filing = filings.get(row.get("adsh")?)?;
    // A version with an accession number is the filer's own concept.
    if !row.get("version")?.starts_with("us-gaap") {
        return None;
    }
    let tag = *row.get("tag")?;
    let known = concept::of(tag);
    let part = row.get("segments").or(row.get("coreg")).map(|part| (*part).to_owned());
    if part.is_some() && known.is_none() {
        return None;
    }
    let end = date(row.get("ddate")?)?;
    let quarters: i32 = row.get("qtrs")?.parse().ok()?;
    let year = filing.fiscal.year_of(end)?;
    if quarters == 0 && !filing.fiscal.is_year_end(end) {
        return None;
    }
    // The sets give a last day and a number of quarters: the first day follows.
    let start = (quarters > 0).then(|| first_day(end, quarters)).flatten();
    let (key, label) = match known {
        Some((key, label, _)) => (key.to_owned(), label.to_owned()),
        None => (
            concept::key(tag),
            labels.get(tag).map_or_else(|| concept::label(tag), |label| (*label).to_owned()),
        ),
    };
    Some(FactEntry {
        cik: filing.cik,
        ticker: String::new(),
        year,
        metric_gaap: Some(format!("us-gaap:{tag}")),
        metric_key: key,
        metric_label: label,
        value: row.get("value")?.parse().ok()?,
        unit: if tag.starts_with("EarningsPerShare") { "USD per share" } else { *row.get("uom")? }.to_owned(),
        form: Some(filing.form.to_owned()),
        filed_date: filing.filed.clone(),
        accession_no: row.get("adsh").map(|adsh| (*adsh).to_owned()),
        period_start: start.map(|start| start.to_string()),
        period_end: Some(end.to_string()),
        dimensions: part,
    })
}

fn first_day(end: Date, quarters: i32) -> Option<Date> {
    // From the day after: months end on other days.
    let after = end.checked_add(1.day()).ok()?;
    after.checked_sub((quarters * 3).months()).ok()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_three_tables_become_facts() {
        let sub = "adsh\tcik\tname\tform\tperiod\tfy\tfp\tfiled\na-1\t11\tBRIDGE CO\t10-K\t20231231\t2023\tFY\t20240201\na-2\t12\tTUNNEL CO\t8-K\t20231231\t2023\tFY\t20240201\n";
        let num = "adsh\ttag\tversion\tddate\tqtrs\tuom\tsegments\tcoreg\tvalue\n\
            a-1\tRevenues\tus-gaap/2023\t20231231\t4\tUSD\t\t\t120.0000\n\
            a-1\tRevenues\tus-gaap/2023\t20221231\t4\tUSD\t\t\t100\n\
            a-1\tRevenues\tus-gaap/2023\t20231231\t1\tUSD\t\t\t33\n\
            a-1\tRevenues\tus-gaap/2023\t20231231\t4\tUSD\tBusinessSegments=Tools;\t\t70\n\
            a-1\tSalesRevenueNet\tus-gaap/2023\t20231231\t4\tUSD\t\t\t118\n\
            a-1\tGoodwill\tus-gaap/2023\t20231231\t0\tUSD\t\t\t5\n\
            a-1\tOwn\ta-1\t20231231\t4\tUSD\t\t\t7\n\
            a-1\tGoodwill\tus-gaap/2023\t20231231\t0\tUSD\t\t\t\n\
            a-2\tRevenues\tus-gaap/2023\t20231231\t4\tUSD\t\t\t9\n";
        let tag = "tag\tversion\ttlabel\nGoodwill\tus-gaap/2023\tGoodwill, in all\n";
        let (companies, facts) = read(num, sub, tag);
        assert_eq!(companies, HashMap::from([(11, "BRIDGE CO".to_owned())]));
        let shown: Vec<String> = facts
            .iter()
            .map(|fact| {
                format!(
                    "{} ({}) {} {} {}..{} {}",
                    fact.metric_key,
                    fact.metric_label,
                    fact.year,
                    fact.value,
                    fact.period_start.as_deref().unwrap_or(""),
                    fact.period_end.as_deref().unwrap_or(""),
                    fact.dimensions.as_deref().unwrap_or("whole")
                )
            })
            .collect();
        expect![[r#"
            revenue (Revenue) 2023 120 2023-01-01..2023-12-31 whole
            revenue (Revenue) 2022 100 2022-01-01..2022-12-31 whole
            revenue (Revenue) 2023 33 2023-10-01..2023-12-31 whole
            revenue (Revenue) 2023 70 2023-01-01..2023-12-31 BusinessSegments=Tools;
            goodwill (Goodwill, in all) 2023 5 ..2023-12-31 whole"#]]
        .assert_eq(&shown.join("\n"));
    }
}
