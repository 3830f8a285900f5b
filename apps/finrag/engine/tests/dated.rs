//! Facts with periods, from a filing's own tags and from the SEC's bulk formats. All of it made up.

mod common;

use common::{engine, ingested};
use finrag_engine::PeriodKind;

fn context(id: &str, period: &str) -> String {
    format!(
        "<xbrli:context id=\"{id}\"><xbrli:entity><xbrli:identifier scheme=\"http://www.sec.gov/CIK\">0000000011</xbrli:identifier></xbrli:entity>\
         <xbrli:period>{period}</xbrli:period></xbrli:context>"
    )
}

fn days(start: &str, end: &str) -> String {
    format!("<xbrli:startDate>{start}</xbrli:startDate><xbrli:endDate>{end}</xbrli:endDate>")
}

/// A filing of a year that ended in January, with its fourth quarter under the same tag.
fn tagged() -> String {
    let fact = |context: &str, value: &str| {
        format!(
            "<ix:nonFraction name=\"us-gaap:Revenues\" contextRef=\"{context}\" unitRef=\"usd\" decimals=\"-6\" scale=\"6\" format=\"ixt:num-dot-decimal\">{value}</ix:nonFraction>"
        )
    };
    let said = |name: &str, value: &str| {
        format!("<ix:nonNumeric name=\"dei:{name}\" contextRef=\"y\">{value}</ix:nonNumeric>")
    };
    format!(
        "<html xmlns:ix=\"http://www.xbrl.org/2013/inlineXBRL\"><body><div style=\"display:none\"><ix:header><ix:hidden>{}{}{}</ix:hidden><ix:resources>{}{}{}\
         <xbrli:unit id=\"usd\"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit></ix:resources></ix:header></div>\
         <p>{} {}</p><p>Item 1. Business</p><p>We build bridges of wood and of stone for towns that have a river, and mend those that others built.</p>\
         <p>Item 7. Discussion</p><p>Revenue was {} million and {} million in the quarter, after {} million in the year before.</p></body></html>",
        said("EntityCentralIndexKey", "0000000011"),
        said("DocumentFiscalYearFocus", "2023"),
        said("DocumentPeriodEndDate", "2024-01-28"),
        context("y", &days("2023-01-30", "2024-01-28")),
        context("q", &days("2023-10-30", "2024-01-28")),
        context("p", &days("2022-01-31", "2023-01-29")),
        said("EntityRegistrantName", "BRIDGE CO"),
        said("TradingSymbol", "BRDG"),
        fact("y", "1,234"),
        fact("q", "400"),
        fact("p", "1,100"),
    )
}

#[tokio::test]
async fn a_tagged_filing_needs_no_list_and_its_year_is_no_quarter() {
    let (_folder, root, report) = ingested(&[("any-name.htm", tagged())]).await;
    assert_eq!((report.read, report.refused.len()), (1, 0), "{report:?}");
    let engine = engine(&root).await;
    let kpi =
        engine.kpi(&engine.understand("What was BRDG's revenue in 2022 and 2023?")).expect("it has figures");
    let shown: Vec<(i32, f64)> = kpi.facts.iter().map(|fact| (fact.year, fact.value)).collect();
    assert_eq!(shown, [(2022, 1100e6), (2023, 1234e6)], "{}", kpi.text);
    let period = kpi.facts[1].period.clone().expect("it has a period");
    assert_eq!((period.end.as_str(), period.kind), ("2024-01-28", PeriodKind::Annual));
    assert!(kpi.text.contains("FY 2023 (ended 2024-01-28): $1.234 billion"), "{}", kpi.text);
    assert!(kpi.facts.iter().all(|fact| fact.doubt.is_none()), "{}", kpi.text);
}

#[tokio::test]
async fn bulk_files_join_the_filings_and_a_restatement_is_shown_beside_the_first() {
    let facts = r#"{"cik":11,"entityName":"BRIDGE CO","facts":{"us-gaap":{"NetIncomeLoss":{"units":{"USD":[
        {"start":"2022-01-31","end":"2023-01-29","val":90000000,"accn":"0000000011-23-000001","fy":2022,"fp":"FY","form":"10-K","filed":"2023-03-01"},
        {"start":"2022-10-31","end":"2023-01-29","val":30000000,"accn":"0000000011-23-000001","fy":2022,"fp":"FY","form":"10-K","filed":"2023-03-01"},
        {"start":"2022-01-31","end":"2023-01-29","val":85000000,"accn":"0000000011-24-000001","fy":2023,"fp":"FY","form":"10-K","filed":"2024-03-01"},
        {"start":"2023-01-30","end":"2024-01-28","val":99000000,"accn":"0000000011-24-000001","fy":2023,"fp":"FY","form":"10-K","filed":"2024-03-01"}]}}}}}"#;
    let sub = "adsh\tcik\tname\tform\tperiod\tfy\tfp\tfiled\n0000000012-24-000001\t12\tTUNNEL CO\t10-K\t20231231\t2023\tFY\t20240201\n";
    let num = "adsh\ttag\tversion\tddate\tqtrs\tuom\tvalue\n0000000012-24-000001\tRevenues\tus-gaap/2023\t20231231\t4\tUSD\t5000000\n\
        0000000012-24-000001\tRevenues\tus-gaap/2023\t20231231\t1\tUSD\t2000000\n";
    let (_folder, root, report) = ingested(&[
        ("any-name.htm", tagged()),
        ("CIK0000000011.json", facts.to_owned()),
        ("sub.txt", sub.to_owned()),
        ("num.txt", num.to_owned()),
    ])
    .await;
    assert_eq!((report.read, report.facts, report.refused.len()), (1, 6, 0), "{report:?}");
    let engine = engine(&root).await;
    let kpi = engine.kpi(&engine.understand("What was BRDG's net income in 2022?")).expect("it has figures");
    assert_eq!(kpi.facts[0].value, 85e6, "{}", kpi.text);
    assert_eq!(
        kpi.conflicts[0].others.iter().map(|fact| fact.value).collect::<Vec<_>>(),
        [90e6],
        "{}",
        kpi.text
    );
    assert_eq!(engine.figure("CIK12", "revenue", 2023).map(|fact| fact.value), Some(5e6));
}
