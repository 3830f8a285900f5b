//! The judgement, on small tables of a made-up company.

use expect_test::{Expect, expect};

use super::judge::{Known, judge};
use super::said::{All, Said};
use super::{Basis, Line};
use crate::tables::facts::{FactRow, Facts, Metric};
use crate::tables::span::Span;

const METRICS: [(&str, Option<&str>); 12] = [
    ("revenue", Some("us-gaap:Revenues")),
    ("revenue_net", Some("us-gaap:SalesRevenueServicesNet")),
    ("gross_profit", Some("us-gaap:GrossProfit")),
    ("net_income", Some("us-gaap:NetIncomeLoss")),
    ("net_income_common_basic", Some("us-gaap:NetIncomeLossAvailableToCommonStockholdersBasic")),
    ("net_income_common_diluted", Some("us-gaap:NetIncomeLossAvailableToCommonStockholdersDiluted")),
    (
        "net_income_incl_nonredeemable_nci",
        Some("us-gaap:NetIncomeLossIncludingPortionAttributableToNonredeemableNoncontrollingInterest"),
    ),
    ("net_income_nci", Some("us-gaap:NetIncomeLossAttributableToNoncontrollingInterest")),
    ("cfo", None),
    ("total_assets", None),
    ("roa", None),
    ("net_profit_margin", None),
];

/// Facts as `metric year value`, amounts in millions; ratios as they are.
fn facts(rows: &[(&str, i32, f64)]) -> Facts {
    let metrics: Vec<Metric> = METRICS
        .iter()
        .map(|(key, gaap)| Metric {
            key: (*key).to_owned(),
            label: (*key).to_owned(),
            gaap: gaap.map(str::to_owned),
        })
        .collect();
    let mut rows: Vec<FactRow> = rows
        .iter()
        .map(|(key, year, value)| FactRow {
            company: 0,
            metric: METRICS.iter().position(|(known, _)| known == key).expect("a known metric") as u16,
            year: *year,
            value: if matches!(*key, "roa" | "net_profit_margin") { *value } else { value * 1e6 },
            unit: "USD".into(),
            form: Some("10-K".into()),
            filed: None,
            accession: None,
            period: None,
            span: Span::default(),
            precomputed: false,
        })
        .collect();
    rows.sort_by_key(|row| (row.company, row.metric, row.year));
    Facts { rows, metrics, parts: Vec::new() }
}

fn check(facts: &Facts, said: &All, expected: Expect) {
    let shown: Vec<String> = judge(&Known::new(facts, 0), said)
        .into_iter()
        .map(|((line, year), found)| {
            let basis = match found.basis {
                Basis::Row(row) => format!("row {}", METRICS[usize::from(row.metric)].0),
                Basis::Ratio(_) => "ratios".to_owned(),
                Basis::Said => "text".to_owned(),
            };
            let others = if found.others.is_empty() { "" } else { ", others shown" };
            let doubt = found.doubt.map_or(String::new(), |doubt| format!(", {doubt}"));
            format!("{} {year}: {} ({basis}{others}{doubt})", line.key(), found.value / 1e6)
        })
        .collect();
    expected.assert_eq(&shown.join("\n"));
}

fn said(line: Line, year: i32, millions: f64, half: f64, dated: bool) -> All {
    let said = Said { value: millions * 1e6, half: half * 1e6, sentence: 7, dated };
    All::from([((line, year), vec![said])])
}

#[test]
fn a_quarter_among_years_is_doubted_and_years_are_not() {
    let rows = [
        ("total_assets", 2016, 1000.0),
        ("total_assets", 2017, 1000.0),
        ("total_assets", 2018, 1100.0),
        ("total_assets", 2019, 1200.0),
        ("revenue", 2016, 900.0),
        ("revenue", 2017, 240.0),
        ("revenue", 2018, 1000.0),
        ("revenue", 2019, 1100.0),
    ];
    check(
        &facts(&rows),
        &All::new(),
        expect![[r#"
            revenue 2016: 900 (row revenue)
            revenue 2017: 240 (row revenue, may be a quarter's: against total assets it is about a quarter of what it is in other years)
            revenue 2018: 1000 (row revenue)
            revenue 2019: 1100 (row revenue)"#]],
    );
}

#[test]
fn an_income_of_others_too_is_doubted_where_their_part_matters() {
    let rows = [
        ("revenue", 2016, 900.0),
        ("net_income_incl_nonredeemable_nci", 2016, 100.0),
        ("net_income_nci", 2016, 0.2),
        ("revenue", 2017, 900.0),
        ("net_income_incl_nonredeemable_nci", 2017, 100.0),
        ("net_income_nci", 2017, -8.0),
    ];
    check(
        &facts(&rows),
        &All::new(),
        expect![[r#"
        revenue 2016: 900 (row revenue)
        revenue 2017: 900 (row revenue)
        net_income 2016: 100 (row net_income_incl_nonredeemable_nci)
        net_income 2017: 100 (row net_income_incl_nonredeemable_nci, may be more or less than the shareholders': its tag counts in a part of noncontrolling interests (-$8 million))"#]],
    );
}

#[test]
fn what_is_left_for_common_stock_is_doubted_where_it_is_small() {
    let rows = [
        ("revenue", 2016, 900.0),
        ("net_income_common_basic", 2016, 100.0),
        ("revenue", 2017, 900.0),
        ("net_income_common_basic", 2017, 6.0),
    ];
    check(
        &facts(&rows),
        &All::new(),
        expect![[r#"
        revenue 2016: 900 (row revenue)
        revenue 2017: 900 (row revenue)
        net_income 2016: 100 (row net_income_common_basic)
        net_income 2017: 6 (row net_income_common_basic, may be less than the company's: its tag is of what is left for common stock, and so small that other shares' part matters)"#]],
    );
}

#[test]
fn a_year_between_quarters_is_doubted() {
    let rows = [
        ("gross_profit", 2015, 80.0),
        ("cfo", 2015, 300.0),
        ("revenue", 2015, 230.0),
        ("net_income", 2015, -20.0),
        ("net_income", 2016, -21.0),
        ("cfo", 2017, 300.0),
        ("revenue", 2017, 230.0),
        ("net_income", 2017, -22.0),
        ("net_income", 2018, -90.0),
    ];
    check(
        &facts(&rows),
        &All::new(),
        expect![[r#"
        revenue 2015: 230 (row revenue, may be a quarter's: operating cash flow of the year is more ($300 million))
        revenue 2017: 230 (row revenue, may be a quarter's: operating cash flow of the year is more ($300 million))
        gross_profit 2015: 80 (row gross_profit)
        net_income 2015: -20 (row net_income, may be a quarter's: so is revenue in the same filing, and filings repeat both by quarter)
        net_income 2016: -21 (row net_income, may be a quarter's: the years on both sides are, under the same tag, and nothing else tells of this one)
        net_income 2017: -22 (row net_income, may be a quarter's: so is revenue in the same filing, and filings repeat both by quarter)
        net_income 2018: -90 (row net_income)"#]],
    );
}

#[test]
fn ratios_that_come_out_whole_replace_a_quarter() {
    let rows = [
        ("total_assets", 2018, 1000.0),
        ("total_assets", 2019, 1200.0),
        ("net_income", 2019, 21.0),
        ("revenue", 2019, 230.0),
        ("roa", 2019, 88.0 / 1100.0 * 100.0),
        ("net_profit_margin", 2019, 88.0 / 925.0 * 100.0),
    ];
    check(
        &facts(&rows),
        &All::new(),
        expect![[r#"
            revenue 2019: 925 (ratios, others shown)
            net_income 2019: 88 (ratios, others shown)"#]],
    );
}

#[test]
fn a_margin_of_revenue_counted_twice_replaces_nothing() {
    let rows = [
        ("net_income", 2019, 88.0),
        ("revenue", 2019, 925.0),
        ("net_profit_margin", 2019, 88.0 / 1850.0 * 100.0),
    ];
    check(
        &facts(&rows),
        &All::new(),
        expect![[r#"
            revenue 2019: 925 (row revenue)
            net_income 2019: 88 (row net_income, may be a quarter's: it does not fit the year's net profit margin)"#]],
    );
}

#[test]
fn the_text_wins_over_a_quarter_and_supports_a_year() {
    let rows = [("total_assets", 2015, 2900.0), ("net_income", 2015, 111.0)];
    let text = said(Line::NetIncome, 2015, 534.0, 0.5, true);
    check(&facts(&rows), &text, expect!["net_income 2015: 534 (text, others shown)"]);
    let near = said(Line::NetIncome, 2015, 111.2, 0.5, true);
    check(&facts(&rows), &near, expect!["net_income 2015: 111 (row net_income)"]);
    // Another definition of the same year's: the table's stays.
    let other = said(Line::NetIncome, 2015, 120.0, 0.5, true);
    check(&facts(&rows), &other, expect!["net_income 2015: 111 (row net_income)"]);
    let undated = said(Line::NetIncome, 2014, 500.0, 0.5, false);
    check(
        &facts(&rows),
        &undated,
        expect![[r#"
            net_income 2014: 500 (text, may be another year's: the sentence stands in the year's filing and names no year)
            net_income 2015: 111 (row net_income)"#]],
    );
}

#[test]
fn what_a_year_cannot_be_is_doubted_with_its_reason() {
    for (rows, expected) in [
        (
            vec![("revenue", 2018, 62.0), ("cfo", 2018, 77.0)],
            expect![
                "revenue 2018: 62 (row revenue, may be a quarter's: operating cash flow of the year is more ($77 million))"
            ],
        ),
        (
            vec![("revenue", 2018, 62.0), ("net_income_common_basic", 2018, 80.0)],
            expect![[r#"
                revenue 2018: 62 (row revenue, may be a quarter's: net income of the year is more ($80 million))
                net_income 2018: 80 (row net_income_common_basic)"#]],
        ),
        (
            vec![("revenue_net", 2018, 62.0)],
            expect![
                "revenue 2018: 62 (row revenue_net, may be a part's: its tag SalesRevenueServicesNet is of services alone)"
            ],
        ),
        (
            vec![("net_income_common_basic", 2011, -83.0), ("net_income_common_diluted", 2011, 775.0)],
            expect!["net_income 2011: 775 (row net_income_common_diluted, others shown)"],
        ),
        (
            vec![("revenue", 2018, 62.0), ("cfo", 2018, 77.0), ("net_income", 2018, 14.0)],
            expect![[r#"
                revenue 2018: 62 (row revenue, may be a quarter's: operating cash flow of the year is more ($77 million))
                net_income 2018: 14 (row net_income, may be a quarter's: so is revenue in the same filing, and filings repeat both by quarter)"#]],
        ),
    ] {
        check(&facts(&rows), &All::new(), expected);
    }
}

#[test]
fn the_dates_of_a_year_need_no_other_witness() {
    let mut facts = facts(&[("revenue", 2018, 62.0), ("cfo", 2018, 77.0)]);
    let dated = |row: &FactRow| FactRow {
        span: Span::new(Some("2018-01-01".into()), Some("2018-12-31".into())),
        ..row.clone()
    };
    facts.rows = facts.rows.iter().map(dated).collect();
    check(&facts, &All::new(), expect!["revenue 2018: 62 (row revenue)"]);
}
