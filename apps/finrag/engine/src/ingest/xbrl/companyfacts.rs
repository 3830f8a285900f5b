//! The SEC's `companyfacts` JSON: every fact that a company ever filed, without dimensions.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::civil::Date;
use serde::Deserialize;

use super::concept;
use super::fiscal::Fiscal;
use crate::ingest::facts::FactEntry;

#[derive(Deserialize)]
struct Company<'j> {
    /// A number in what the SEC serves today, and digits in older copies.
    #[serde(deserialize_with = "crate::tables::companies::digits")]
    cik: u64,
    #[serde(rename = "entityName", default)]
    name: String,
    #[serde(borrow)]
    facts: BTreeMap<&'j str, BTreeMap<&'j str, Concept<'j>>>,
}

#[derive(Deserialize)]
struct Concept<'j> {
    #[serde(default)]
    label: Option<String>,
    #[serde(borrow)]
    units: BTreeMap<&'j str, Vec<Fact<'j>>>,
}

#[derive(Deserialize)]
struct Fact<'j> {
    #[serde(default)]
    start: Option<&'j str>,
    end: &'j str,
    val: f64,
    accn: &'j str,
    /// The fiscal year of the report it is from, not of the fact.
    #[serde(default)]
    fy: Option<i32>,
    form: &'j str,
    #[serde(default)]
    filed: Option<&'j str>,
}

/// Whether a file is one.
pub(crate) fn is_company_facts(text: &str) -> bool {
    let head: String = text.chars().take(400).collect();
    head.contains("\"entityName\"") && head.contains("\"cik\"")
}

/// Its facts, with the company's number and name. Of a figure that later reports repeat, the first is kept; a restatement is another.
pub(crate) fn read(text: &str) -> Result<(u64, String, Vec<FactEntry>), String> {
    let company: Company<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let reports = reports(&company);
    let mut entries = Vec::new();
    let mut seen: HashSet<(&str, Option<&str>, &str, u64)> = HashSet::new();
    for (space, concepts) in &company.facts {
        if !matches!(*space, "us-gaap" | "ifrs-full") {
            continue;
        }
        for (tag, concept) in concepts {
            let (key, label) = match concept::of(tag) {
                Some((key, label, _)) => (key.to_owned(), label.to_owned()),
                None => (concept::key(tag), concept.label.clone().unwrap_or_else(|| concept::label(tag))),
            };
            for (unit, facts) in &concept.units {
                let mut facts: Vec<&Fact<'_>> = facts.iter().collect();
                facts.sort_by_key(|fact| fact.filed);
                for fact in facts {
                    let Some(fiscal) = reports.get(fact.accn) else { continue };
                    let Ok(end) = fact.end.parse::<Date>() else { continue };
                    let Some(year) = fiscal.year_of(end) else { continue };
                    let balance = fact.start.is_none();
                    if balance && !(fact.form.starts_with("10-K") && fiscal.is_year_end(end)) {
                        continue;
                    }
                    if !seen.insert((tag, fact.start, fact.end, fact.val.to_bits())) {
                        continue;
                    }
                    entries.push(FactEntry {
                        cik: company.cik,
                        ticker: String::new(),
                        year,
                        metric_gaap: Some(format!("us-gaap:{tag}")),
                        metric_key: key.clone(),
                        metric_label: label.clone(),
                        value: fact.val,
                        unit: unit_name(unit),
                        form: Some(fact.form.to_owned()),
                        filed_date: fact.filed.map(str::to_owned),
                        accession_no: Some(fact.accn.to_owned()),
                        period_start: fact.start.map(str::to_owned),
                        period_end: Some(fact.end.to_owned()),
                        dimensions: None,
                    });
                }
            }
        }
    }
    Ok((company.cik, company.name, concept::keep_first(entries)))
}

/// What each report is about: its fiscal year, and the last day of its longest periods.
fn reports<'j>(company: &Company<'j>) -> HashMap<&'j str, Fiscal> {
    let mut last: HashMap<&'j str, (Option<i32>, Date)> = HashMap::new();
    for concept in company.facts.values().flat_map(BTreeMap::values) {
        for fact in concept.units.values().flatten() {
            let known = ["10-K", "10-Q", "20-F", "40-F"].iter().any(|form| fact.form.starts_with(form));
            let (true, true, Ok(end)) = (known, fact.start.is_some(), fact.end.parse::<Date>()) else {
                continue;
            };
            let report = last.entry(fact.accn).or_insert((fact.fy, end));
            report.1 = report.1.max(end);
        }
    }
    last.into_iter().map(|(accession, (year, end))| (accession, Fiscal::new(year, end))).collect()
}

fn unit_name(unit: &str) -> String {
    match unit {
        "USD/shares" => "USD per share".to_owned(),
        "pure" => "ratio".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_fact_has_its_own_year_and_a_restatement_is_another() {
        let json = r#"{"cik":11,"entityName":"BRIDGE CO","facts":{"us-gaap":{
            "Revenues":{"label":"Revenues","units":{"USD":[
              {"start":"2022-01-01","end":"2022-12-31","val":100,"accn":"a","fy":2022,"fp":"FY","form":"10-K","filed":"2023-02-01"},
              {"start":"2022-01-01","end":"2022-12-31","val":100,"accn":"b","fy":2023,"fp":"FY","form":"10-K","filed":"2024-02-01"},
              {"start":"2023-01-01","end":"2023-12-31","val":120,"accn":"b","fy":2023,"fp":"FY","form":"10-K","filed":"2024-02-01"},
              {"start":"2022-01-01","end":"2022-12-31","val":95,"accn":"c","fy":2024,"fp":"FY","form":"10-K","filed":"2025-02-01"},
              {"start":"2024-01-01","end":"2024-12-31","val":130,"accn":"c","fy":2024,"fp":"FY","form":"10-K","filed":"2025-02-01"},
              {"start":"2023-07-01","end":"2023-09-30","val":30,"accn":"q","fy":2023,"fp":"Q3","form":"10-Q","filed":"2023-11-01"}]}},
            "RevenueFromContractWithCustomerExcludingAssessedTax":{"units":{"USD":[
              {"start":"2023-01-01","end":"2023-12-31","val":110,"accn":"b","fy":2023,"fp":"FY","form":"10-K","filed":"2024-02-01"}]}},
            "Assets":{"units":{"USD":[
              {"end":"2023-12-31","val":900,"accn":"b","fy":2023,"fp":"FY","form":"10-K","filed":"2024-02-01"},
              {"end":"2023-09-30","val":800,"accn":"q","fy":2023,"fp":"Q3","form":"10-Q","filed":"2023-11-01"}]}}}}}"#;
        assert!(is_company_facts(json));
        let (cik, name, facts) = read(json).unwrap();
        assert_eq!((cik, name.as_str()), (11, "BRIDGE CO"));
        let shown: Vec<String> = facts
            .iter()
            .map(|fact| {
                let end = fact.period_end.as_deref().unwrap_or("");
                let from = fact.accession_no.as_deref().unwrap_or("");
                format!("{} {} {} to {end} from {from}", fact.metric_key, fact.year, fact.value)
            })
            .collect();
        expect![[r#"
            total_assets 2023 900 to 2023-12-31 from b
            revenue 2022 100 to 2022-12-31 from a
            revenue 2023 30 to 2023-09-30 from q
            revenue 2023 120 to 2023-12-31 from b
            revenue 2022 95 to 2022-12-31 from c
            revenue 2024 130 to 2024-12-31 from c"#]]
        .assert_eq(&shown.join("\n"));
        let (cik, _, _) = read(r#"{"cik":"0000000011","entityName":"BRIDGE CO","facts":{}}"#).unwrap();
        assert_eq!(cik, 11, "digits are read as well");
        assert!(read("{}").is_err());
    }
}
