//! Facts as a filing tags them.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use xbrlkit::instance::{Context, Unit};
use xbrlkit::parser::{is_xml_instance, parse_ixbrl, parse_xml};
use xbrlkit::{Instance, RawFact};

use super::concept;
use super::fiscal::Fiscal;
use crate::ingest::facts::FactEntry;
use crate::ingest::submission::About;

/// What a filing's tags say: of itself (`dei:`), and its facts.
#[derive(Debug, Default)]
pub(crate) struct Tagged {
    pub(crate) about: About,
    pub(crate) facts: Vec<FactEntry>,
}

/// A numeric fact with its context read.
struct Figure<'i> {
    tag: &'i str,
    is_standard: bool,
    start: Option<&'i str>,
    end: &'i str,
    part: Option<String>,
    unit: String,
    value: f64,
    /// How exact it is: the larger the more.
    decimals: i32,
}

/// Reads a document's tags: inline XBRL or an instance. Nothing where there are none, or none that can be read.
pub(crate) fn read(document: &str) -> Tagged {
    if !document.contains("contextRef") && !document.contains("contextref") {
        return Tagged::default();
    }
    let parsed = if is_xml_instance(document) { parse_xml(document) } else { parse_ixbrl(document) };
    let Ok(instance) = parsed else { return Tagged::default() };
    let about = about(&instance);
    let end = said(&instance, "DocumentPeriodEndDate").and_then(|end| end.parse().ok());
    let Some(end) = end.or_else(|| last_day(&instance)) else { return Tagged { about, facts: Vec::new() } };
    let fiscal = Fiscal::new(about.year, end);
    let about = About { year: Some(fiscal.year), ..about };
    let facts = entries(figures(&instance), &about, fiscal);
    Tagged { about, facts }
}

/// The value of a `dei:` fact.
fn said<'i>(instance: &'i Instance, name: &str) -> Option<&'i str> {
    let is = |fact: &&RawFact| fact.local_name == name && fact.full_name.starts_with("dei:");
    let mut values = instance.facts.iter().filter(is).filter_map(|fact| fact.value.as_str());
    values.find(|value| !value.trim().is_empty()).map(str::trim)
}

fn about(instance: &Instance) -> About {
    let text = |name: &str| said(instance, name).map(str::to_owned);
    // A company with several classes of shares has a symbol for each; the first is the one it goes by.
    let ticker = text("TradingSymbol").map(|ticker| ticker.to_uppercase());
    About {
        cik: said(instance, "EntityCentralIndexKey").and_then(|cik| cik.parse().ok()),
        company: text("EntityRegistrantName"),
        ticker: ticker
            .filter(|ticker| ticker.chars().any(char::is_alphabetic) && ticker != "N/A" && ticker != "NONE"),
        year: said(instance, "DocumentFiscalYearFocus").and_then(|year| year.parse().ok()),
        form: text("DocumentType"),
        accession: None,
        filed: None,
    }
}

/// The last day of the longest periods, where the cover does not say it.
fn last_day(instance: &Instance) -> Option<Date> {
    let ends = instance.contexts.iter().filter_map(|context| context.period.end_date.as_deref());
    ends.filter_map(|end| end.parse().ok()).max()
}

fn figures(instance: &Instance) -> Vec<Figure<'_>> {
    let contexts: HashMap<&str, &Context> =
        instance.contexts.iter().map(|context| (context.id.as_str(), context)).collect();
    let units: HashMap<&str, String> =
        instance.units.iter().map(|unit| (unit.id.as_str(), unit_name(unit))).collect();
    instance
        .facts
        .iter()
        .filter_map(|fact| {
            let context = contexts.get(fact.context_ref.as_deref()?)?;
            let unit = units.get(fact.unit_ref.as_deref()?)?;
            let value = fact.value.as_str()?.parse().ok()?;
            let decimals = match fact.decimals.as_deref() {
                None | Some("INF") => i32::MAX,
                Some(decimals) => decimals.parse().unwrap_or(0),
            };
            let period = &context.period;
            let (start, end) = match (&period.instant, &period.start_date, &period.end_date) {
                (Some(day), _, _) => (None, day.as_str()),
                (None, Some(start), Some(end)) => (Some(start.as_str()), end.as_str()),
                (None, _, _) => return None,
            };
            let (space, _) = fact.full_name.split_once(':')?;
            Some(Figure {
                tag: &fact.local_name,
                is_standard: matches!(space, "us-gaap" | "ifrs-full"),
                start: start.map(day),
                end: day(end),
                part: part(context),
                unit: unit.clone(),
                value,
                decimals,
            })
        })
        .collect()
}

/// A date without the time that some instances have.
fn day(text: &str) -> &str {
    text.trim().get(..10).unwrap_or(text.trim())
}

/// The dimensions of a context, in one line; `None` for the whole company.
fn part(context: &Context) -> Option<String> {
    let local = |name: &str| name.rsplit(':').next().unwrap_or(name).to_owned();
    let mut parts: Vec<String> = context
        .explicit_members()
        .map(|member| format!("{}={}", local(&member.dimension), local(&member.value)))
        .chain(context.typed_members().map(|member| format!("{}={}", local(&member.dimension), member.value)))
        .collect();
    parts.sort();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn unit_name(unit: &Unit) -> String {
    let local = |measure: &str| match measure.rsplit(':').next().unwrap_or(measure) {
        "pure" => "ratio".to_owned(),
        other => other.to_owned(),
    };
    match (&unit.measure, &unit.divide) {
        (Some(measure), _) => local(measure),
        (None, Some(divide)) => {
            let (over, under) =
                (local(&divide.unit_numerator.measure), local(&divide.unit_denominator.measure));
            if under == "shares" { format!("{over} per share") } else { format!("{over}/{under}") }
        }
        (None, None) => "number".to_owned(),
    }
}

/// Rows of the fact table. Of a fact that is tagged several times the most exact counts; of a part, only what is a metric here is kept.
fn entries(figures: Vec<Figure<'_>>, about: &About, fiscal: Fiscal) -> Vec<FactEntry> {
    // By key, first day, last day and part; with the concept's place and the figure's exactness.
    type Id = (String, Option<String>, String, Option<String>);
    let mut best: BTreeMap<Id, (usize, i32, FactEntry)> = BTreeMap::new();
    for figure in figures.into_iter().filter(|figure| figure.is_standard) {
        let known = concept::of(figure.tag);
        if figure.part.is_some() && known.is_none() {
            continue;
        }
        let Some(end) = figure.end.parse::<Date>().ok() else { continue };
        let Some(year) = fiscal.year_of(end) else { continue };
        // A balance in the middle of a year answers for none.
        if figure.start.is_none() && !fiscal.is_year_end(end) {
            continue;
        }
        let (key, label, place) = match known {
            Some((key, label, place)) => (key.to_owned(), label.to_owned(), place),
            None => (concept::key(figure.tag), concept::label(figure.tag), 0),
        };
        let entry = FactEntry {
            cik: about.cik.unwrap_or_default(),
            ticker: about.ticker.clone().unwrap_or_default(),
            year,
            metric_gaap: Some(format!("us-gaap:{}", figure.tag)),
            metric_key: key.clone(),
            metric_label: label,
            value: figure.value,
            unit: figure.unit,
            form: about.form.clone(),
            filed_date: None,
            accession_no: None,
            period_start: figure.start.map(str::to_owned),
            period_end: Some(figure.end.to_owned()),
            dimensions: figure.part.clone(),
        };
        let id = (key, entry.period_start.clone(), figure.end.to_owned(), figure.part);
        let better = best.get(&id).is_none_or(|(other, decimals, _)| {
            (place, std::cmp::Reverse(figure.decimals)) < (*other, std::cmp::Reverse(*decimals))
        });
        if better {
            best.insert(id, (place, figure.decimals, entry));
        }
    }
    best.into_values().map(|(_, _, entry)| entry).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const FILING: &str = r##"<html xmlns:ix="http://www.xbrl.org/2013/inlineXBRL"><body><div style="display:none"><ix:header><ix:hidden>
<ix:nonNumeric name="dei:EntityCentralIndexKey" contextRef="y">0000000011</ix:nonNumeric>
<ix:nonNumeric name="dei:DocumentFiscalYearFocus" contextRef="y">2023</ix:nonNumeric>
<ix:nonNumeric name="dei:DocumentPeriodEndDate" contextRef="y">2024-01-28</ix:nonNumeric>
</ix:hidden><ix:resources>
<xbrli:context id="y"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">0000000011</xbrli:identifier></xbrli:entity><xbrli:period><xbrli:startDate>2023-01-30</xbrli:startDate><xbrli:endDate>2024-01-28</xbrli:endDate></xbrli:period></xbrli:context>
<xbrli:context id="p"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">0000000011</xbrli:identifier></xbrli:entity><xbrli:period><xbrli:startDate>2022-01-31</xbrli:startDate><xbrli:endDate>2023-01-29</xbrli:endDate></xbrli:period></xbrli:context>
<xbrli:context id="q"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">0000000011</xbrli:identifier></xbrli:entity><xbrli:period><xbrli:startDate>2023-10-30</xbrli:startDate><xbrli:endDate>2024-01-28</xbrli:endDate></xbrli:period></xbrli:context>
<xbrli:context id="i"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">0000000011</xbrli:identifier></xbrli:entity><xbrli:period><xbrli:instant>2024-01-28</xbrli:instant></xbrli:period></xbrli:context>
<xbrli:context id="m"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">0000000011</xbrli:identifier></xbrli:entity><xbrli:period><xbrli:instant>2023-07-30</xbrli:instant></xbrli:period></xbrli:context>
<xbrli:context id="s"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">0000000011</xbrli:identifier><xbrli:segment><xbrldi:explicitMember dimension="us-gaap:StatementBusinessSegmentsAxis">x:ToolsMember</xbrldi:explicitMember></xbrli:segment></xbrli:entity><xbrli:period><xbrli:startDate>2023-01-30</xbrli:startDate><xbrli:endDate>2024-01-28</xbrli:endDate></xbrli:period></xbrli:context>
<xbrli:unit id="usd"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit>
<xbrli:unit id="eps"><xbrli:divide><xbrli:unitNumerator><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unitNumerator><xbrli:unitDenominator><xbrli:measure>xbrli:shares</xbrli:measure></xbrli:unitDenominator></xbrli:divide></xbrli:unit>
</ix:resources></ix:header></div>
<p><ix:nonNumeric name="dei:EntityRegistrantName" contextRef="y">BRIDGE CO</ix:nonNumeric> <ix:nonNumeric name="dei:TradingSymbol" contextRef="y">brdg</ix:nonNumeric></p>
<p>Sales <ix:nonFraction name="us-gaap:Revenues" contextRef="y" unitRef="usd" decimals="-6" scale="6" format="ixt:num-dot-decimal">1,234</ix:nonFraction>,
about $<ix:nonFraction name="us-gaap:Revenues" contextRef="y" unitRef="usd" decimals="-9" scale="9">1</ix:nonFraction> billion;
<ix:nonFraction name="us-gaap:SalesRevenueNet" contextRef="y" unitRef="usd" decimals="-6" scale="6" format="ixt:num-dot-decimal">1,200</ix:nonFraction>;
before <ix:nonFraction name="us-gaap:Revenues" contextRef="p" unitRef="usd" decimals="-6" scale="6" format="ixt:num-dot-decimal">1,100</ix:nonFraction>;
the quarter <ix:nonFraction name="us-gaap:Revenues" contextRef="q" unitRef="usd" decimals="-6" scale="6" format="ixt:num-dot-decimal">400</ix:nonFraction>;
tools <ix:nonFraction name="us-gaap:Revenues" contextRef="s" unitRef="usd" decimals="-6" scale="6" format="ixt:num-dot-decimal">700</ix:nonFraction>;
loss (<ix:nonFraction name="us-gaap:NetIncomeLoss" contextRef="y" unitRef="usd" decimals="-3" scale="3" sign="-" format="ixt:num-dot-decimal">5,678</ix:nonFraction>);
a share (<ix:nonFraction name="us-gaap:EarningsPerShareDiluted" contextRef="y" unitRef="eps" decimals="2" sign="-">0.12</ix:nonFraction>);
assets <ix:nonFraction name="us-gaap:Assets" contextRef="i" unitRef="usd" decimals="-6" scale="6" format="ixt:num-dot-decimal">9,000</ix:nonFraction>,
in July <ix:nonFraction name="us-gaap:Assets" contextRef="m" unitRef="usd" decimals="-6" scale="6" format="ixt:num-dot-decimal">8,000</ix:nonFraction>;
<ix:nonFraction name="x:OwnMeasure" contextRef="y" unitRef="usd" decimals="0">7</ix:nonFraction></p></body></html>"##;

    #[test]
    fn a_filing_says_whose_it_is_and_what_each_figure_covers() {
        let read = read(FILING);
        assert_eq!(
            (read.about.cik, read.about.company.as_deref(), read.about.ticker.as_deref(), read.about.year),
            (Some(11), Some("BRIDGE CO"), Some("BRDG"), Some(2023))
        );
        let shown: Vec<String> = read
            .facts
            .iter()
            .map(|fact| {
                format!(
                    "{} {} {} {} {}..{} {}",
                    fact.metric_key,
                    fact.year,
                    fact.value,
                    fact.unit,
                    fact.period_start.as_deref().unwrap_or(""),
                    fact.period_end.as_deref().unwrap_or(""),
                    fact.dimensions.as_deref().unwrap_or("")
                )
            })
            .collect();
        expect![[r#"
            eps_diluted 2023 -0.12 USD per share 2023-01-30..2024-01-28 
            net_income 2023 -5678000 USD 2023-01-30..2024-01-28 
            revenue 2022 1100000000 USD 2022-01-31..2023-01-29 
            revenue 2023 1234000000 USD 2023-01-30..2024-01-28 
            revenue 2023 700000000 USD 2023-01-30..2024-01-28 StatementBusinessSegmentsAxis=ToolsMember
            revenue 2023 400000000 USD 2023-10-30..2024-01-28 
            total_assets 2023 9000000000 USD ..2024-01-28 "#]]
        .assert_eq(&shown.join("\n"));
    }

    #[test]
    fn a_text_without_tags_has_none() {
        let none = read("<html><body><p>Item 1. Business</p></body></html>");
        assert!(none.facts.is_empty() && none.about == About::default());
        assert!(read("contextRef <ix:header").facts.is_empty());
    }
}
