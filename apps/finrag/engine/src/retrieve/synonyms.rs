//! Words that filings use for what askers say. Both directions are written out where both are common.

use std::sync::LazyLock;

use tantivy::tokenizer::TextAnalyzer;

use crate::index::analyzer;

/// What an asker said, and what else a filing may call it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Synonym {
    pub(crate) said: &'static str,
    pub(crate) means: &'static [&'static str],
    /// How near it is, 1 for the same.
    pub(crate) weight: f32,
}

macro_rules! synonyms {
    ($($said:literal = $weight:literal [$($means:literal),* $(,)?])*) => {
        /// The list. Phrases and words are matched by their stems.
        const SYNONYMS: &[Synonym] = &[
            $(Synonym { said: $said, means: &[$($means),*], weight: $weight }),*
        ];
    };
}

synonyms! {
    "r&d" = 1.0 ["research", "development"]
    "research and development" = 0.4 ["R&D"]
    "capex" = 1.0 ["capital", "expenditures", "purchases of property and equipment"]
    "capital expenditures" = 0.6 ["purchases of property and equipment"]
    "capital spending" = 0.9 ["expenditures", "property", "equipment"]
    "fx" = 1.0 ["foreign", "currency", "exchange"]
    "currency" = 0.5 ["foreign", "exchange", "hedging"]
    "exchange rates" = 0.4 ["currency", "foreign"]
    "headcount" = 1.0 ["employees", "personnel"]
    "workforce" = 0.9 ["employees", "personnel", "headcount"]
    "staff" = 0.9 ["employees", "personnel"]
    "employees" = 0.5 ["workforce", "headcount", "personnel"]
    "employed" = 0.8 ["employees", "employed", "full-time"]
    "talent" = 0.7 ["personnel", "employees", "hire", "retain"]
    "key people" = 0.8 ["personnel", "senior management", "executives"]
    "layoffs" = 1.0 ["severance", "workforce", "reduction", "restructuring"]
    "job cuts" = 1.0 ["severance", "workforce", "reduction"]
    "restructuring" = 0.6 ["severance", "realignment", "reorganization"]
    "buyback" = 1.0 ["repurchase", "repurchased", "share"]
    "buybacks" = 1.0 ["repurchase", "repurchased", "share"]
    "bought back" = 1.0 ["repurchase", "repurchased"]
    "buy back" = 1.0 ["repurchase", "repurchased"]
    "repurchase" = 0.5 ["buyback", "program"]
    "shareholders" = 0.9 ["stockholders"]
    "stockholders" = 0.9 ["shareholders"]
    "cyber" = 1.0 ["cybersecurity", "cyber-attacks", "security", "breach"]
    "cyberattack" = 1.0 ["cyber-attacks", "security", "breach", "attacks"]
    "cyberattacks" = 1.0 ["cyber-attacks", "security", "breach", "attacks"]
    "cyber attacks" = 0.8 ["cybersecurity", "security", "breach"]
    "cybersecurity" = 0.6 ["security", "breach", "cyber", "attacks"]
    "hackers" = 1.0 ["unauthorized", "attacks", "security", "breach"]
    "hacking" = 1.0 ["unauthorized", "attacks", "security", "breach"]
    "data breach" = 0.7 ["security", "unauthorized", "access"]
    "data breaches" = 0.7 ["security", "unauthorized", "access"]
    "privacy" = 0.5 ["data", "protection", "personal"]
    "lawsuit" = 1.0 ["litigation", "legal", "proceedings", "claims"]
    "lawsuits" = 1.0 ["litigation", "legal", "proceedings", "claims"]
    "sued" = 1.0 ["litigation", "lawsuit", "complaint"]
    "legal" = 0.5 ["litigation", "lawsuits", "proceedings", "claims"]
    "litigation" = 0.5 ["lawsuits", "legal", "proceedings", "claims"]
    "fine" = 0.8 ["fined", "penalty", "penalties"]
    "fined" = 0.9 ["fine", "penalty"]
    "antitrust" = 0.6 ["competition"]
    "competition authority" = 0.7 ["antitrust"]
    "ai" = 1.0 ["artificial", "intelligence", "machine", "learning"]
    "artificial intelligence" = 0.7 ["AI", "machine learning"]
    "machine learning" = 0.6 ["AI", "artificial intelligence"]
    "self-driving" = 0.9 ["autonomous"]
    "driverless" = 1.0 ["self-driving", "autonomous"]
    "auditor" = 1.0 ["independent", "registered", "accounting", "firm"]
    "auditors" = 1.0 ["independent", "registered", "accounting", "firm"]
    "audit opinion" = 0.8 ["opinion", "audited", "accounting"]
    "suppliers" = 0.7 ["vendors", "supply", "manufacturers", "supplier"]
    "supply chain" = 0.6 ["suppliers", "manufacturing", "components", "logistics"]
    "vendors" = 0.7 ["suppliers", "supply"]
    "contract manufacturers" = 0.6 ["suppliers", "outsource"]
    "tax rate" = 0.8 ["effective", "tax", "rate", "provision"]
    "taxes" = 0.5 ["tax", "income taxes"]
    "sales" = 0.6 ["revenues", "revenue"]
    "revenue" = 0.4 ["revenues", "sales"]
    "revenues" = 0.4 ["revenue", "sales"]
    "turnover" = 0.5 ["revenues"]
    "profit" = 0.7 ["income", "earnings"]
    "profits" = 0.7 ["income", "earnings"]
    "profitability" = 0.7 ["profitable", "margins", "income"]
    "earnings" = 0.6 ["income", "profit"]
    "net income" = 0.3 ["earnings"]
    "loss" = 0.3 ["losses"]
    "operating profit" = 0.9 ["operating income"]
    "margin" = 0.4 ["margins", "percentage"]
    "expenses" = 0.4 ["costs", "expense"]
    "costs" = 0.4 ["expenses", "cost"]
    "spending" = 0.7 ["expenses", "expenditures", "spend", "investments"]
    "spent" = 0.7 ["expenses", "expenditures", "spend", "paid"]
    "spend" = 0.6 ["expenses", "expenditures", "spending"]
    "grow" = 0.7 ["increased", "increase", "growth"]
    "grew" = 0.7 ["increased", "increase", "growth"]
    "growth" = 0.6 ["increased", "increase", "grew"]
    "growing" = 0.6 ["increase", "growth"]
    "rise" = 0.8 ["increased", "increase", "rose"]
    "rose" = 0.8 ["increased", "increase", "higher"]
    "rising" = 0.7 ["increase", "higher"]
    "increase" = 0.4 ["growth", "grew", "higher"]
    "higher" = 0.5 ["increase", "increased"]
    "jump" = 0.8 ["increased", "increase"]
    "fall" = 0.8 ["decreased", "decrease", "decline"]
    "fell" = 0.8 ["decreased", "decrease", "declined"]
    "drop" = 0.8 ["decreased", "decrease", "decline"]
    "dropped" = 0.8 ["decreased", "decrease", "declined"]
    "decline" = 0.7 ["decreased", "decrease", "lower"]
    "declined" = 0.7 ["decreased", "decrease", "lower"]
    "decrease" = 0.6 ["decline", "declined", "lower"]
    "lower" = 0.5 ["decrease", "decreased", "decline"]
    "shrink" = 0.8 ["decreased", "decrease"]
    "change" = 0.4 ["increase", "decrease"]
    "drove" = 0.7 ["primarily", "driven", "due", "attributable", "increase"]
    "driven" = 0.7 ["primarily", "due", "attributable"]
    "drivers" = 0.7 ["primarily", "driven", "due", "attributable"]
    "driver" = 0.7 ["primarily", "driven", "due"]
    "reasons" = 0.7 ["primarily", "due", "driven", "result"]
    "reason" = 0.7 ["primarily", "due", "driven", "result"]
    "why" = 0.7 ["primarily", "due", "driven", "result"]
    "caused" = 0.7 ["primarily", "due", "driven", "result"]
    "debt" = 0.5 ["notes", "indebtedness", "borrowings"]
    "borrowing" = 0.7 ["debt", "notes", "credit"]
    "borrowings" = 0.6 ["debt", "notes", "credit"]
    "bonds" = 0.7 ["notes", "debt"]
    "owed" = 0.6 ["debt", "outstanding", "liabilities"]
    "owe" = 0.6 ["debt", "outstanding", "liabilities"]
    "leverage" = 0.6 ["indebtedness", "debt"]
    "indebtedness" = 0.7 ["debt", "borrowings"]
    "credit line" = 0.9 ["revolving", "credit", "facility", "facilities"]
    "credit facility" = 0.6 ["revolving", "facilities", "commercial paper"]
    "liquidity" = 0.5 ["cash", "equivalents", "funds", "sources"]
    "cash" = 0.3 ["equivalents", "marketable securities"]
    "cash pile" = 0.9 ["cash equivalents", "marketable securities"]
    "acquire" = 0.7 ["acquisition", "acquired", "purchase"]
    "acquired" = 0.6 ["acquisition", "purchase"]
    "acquisition" = 0.5 ["acquired", "purchase"]
    "acquisitions" = 0.5 ["acquire", "acquired", "mergers"]
    "merger" = 0.6 ["acquisition", "merge"]
    "deal" = 0.5 ["acquisition", "agreement"]
    "bought" = 0.7 ["acquired", "acquisition", "purchased"]
    "buy" = 0.6 ["acquire", "purchase"]
    "sold" = 0.5 ["sale", "divested", "disposition"]
    "divest" = 0.8 ["sale", "sold", "disposition"]
    "divestiture" = 0.8 ["sale", "sold", "disposition"]
    "spin-off" = 0.7 ["separation", "disposition", "exchange offer"]
    "rivals" = 1.0 ["competitors", "competition", "compete"]
    "competitors" = 0.6 ["competition", "compete", "competitive"]
    "competition" = 0.6 ["competitors", "compete", "competitive"]
    "compete" = 0.6 ["competition", "competitors", "competitive"]
    "regulators" = 0.8 ["regulatory", "authorities", "government", "agencies"]
    "regulatory" = 0.5 ["regulation", "regulations", "laws"]
    "regulation" = 0.5 ["regulatory", "laws"]
    "laws" = 0.5 ["regulations", "legislation", "regulatory"]
    "legislation" = 0.6 ["laws", "regulations", "act"]
    "europe" = 0.5 ["EU", "European", "EMEA"]
    "eu" = 0.8 ["European", "Europe"]
    "european commission" = 0.6 ["EC"]
    "uk" = 0.8 ["Kingdom", "British"]
    "us" = 0.4 ["United", "States", "domestic"]
    "united states" = 0.5 ["U.S"]
    "international" = 0.4 ["foreign", "outside", "abroad"]
    "overseas" = 0.9 ["international", "foreign", "outside"]
    "abroad" = 0.9 ["international", "foreign", "outside"]
    "tariffs" = 0.6 ["trade", "duties", "import"]
    "trade war" = 0.9 ["tariffs", "trade", "China"]
    "weather" = 0.5 ["disasters", "natural", "climate"]
    "natural disasters" = 0.6 ["earthquake", "earthquakes", "weather", "catastrophic"]
    "earthquake" = 0.5 ["disasters", "seismic"]
    "climate" = 0.5 ["greenhouse", "emissions", "carbon", "environmental"]
    "emissions" = 0.5 ["carbon", "greenhouse", "climate"]
    "carbon" = 0.5 ["emissions", "greenhouse"]
    "sustainability" = 0.6 ["renewable", "carbon", "environmental"]
    "pandemic" = 0.8 ["COVID-19", "coronavirus"]
    "covid" = 1.0 ["COVID-19", "pandemic", "coronavirus"]
    "covid-19" = 0.6 ["pandemic", "coronavirus"]
    "coronavirus" = 0.9 ["COVID-19", "pandemic"]
    "ads" = 0.8 ["advertising", "advertisers", "advertisements"]
    "ad" = 0.7 ["advertising", "advertisers", "ads"]
    "advertising" = 0.4 ["ads", "advertisers"]
    "advertisers" = 0.4 ["advertising", "ads"]
    "smartphone" = 0.7 ["phones", "mobile", "devices"]
    "smartphones" = 0.7 ["phones", "mobile", "devices"]
    "phones" = 0.6 ["smartphones", "mobile", "devices"]
    "gaming" = 0.4 ["games"]
    "gpus" = 0.6 ["GPU", "graphics"]
    "chips" = 0.6 ["semiconductor", "processors", "GPU"]
    "data centers" = 0.5 ["data center", "servers", "infrastructure"]
    "cloud" = 0.3 ["platform"]
    "streaming" = 0.5 ["subscription", "members", "memberships"]
    "subscribers" = 0.8 ["members", "memberships", "paid"]
    "members" = 0.5 ["subscribers", "memberships"]
    "e-commerce" = 0.6 ["online", "ecommerce"]
    "online" = 0.3 ["internet", "e-commerce"]
    "stores" = 0.4 ["store", "warehouses", "retail"]
    "same-store" = 0.8 ["comparable", "sales"]
    "comparable sales" = 0.5 ["comparable store"]
    "stock compensation" = 0.8 ["stock-based compensation", "SBC"]
    "stock-based compensation" = 0.5 ["SBC", "awards", "RSUs"]
    "share-based" = 0.7 ["stock-based", "equity awards"]
    "equity awards" = 0.6 ["stock-based", "RSUs"]
    "voting" = 0.4 ["votes", "Class B", "voting power"]
    "control" = 0.3 ["voting", "influence"]
    "dividend" = 0.5 ["dividends", "declare", "cash dividends"]
    "dividends" = 0.5 ["dividend", "declare"]
    "patents" = 0.6 ["intellectual", "property", "patent"]
    "patent" = 0.5 ["intellectual", "property", "patents"]
    "intellectual property" = 0.5 ["patents", "trademarks", "copyrights", "trade secrets"]
    "fake news" = 0.8 ["misinformation", "misleading", "content"]
    "misinformation" = 0.7 ["misleading", "false", "content"]
    "outages" = 0.8 ["interruption", "disruption", "disruptions", "failures"]
    "downtime" = 0.8 ["interruption", "disruption", "outages"]
    "disruption" = 0.5 ["interruption", "interruptions", "disruptions"]
    "inflation" = 0.5 ["inflationary", "prices"]
    "recession" = 0.6 ["economic", "downturn", "slowdown"]
    "economic slowdown" = 0.6 ["recession", "downturn", "macroeconomic"]
    "downturn" = 0.5 ["recession", "economic"]
    "interest rates" = 0.4 ["rate", "interest"]
    "hedge" = 0.6 ["hedging", "derivative", "derivatives", "instruments"]
    "hedging" = 0.5 ["hedge", "derivative", "derivatives", "instruments"]
    "derivatives" = 0.5 ["derivative", "hedging", "hedge"]
    "write-down" = 0.8 ["impairment", "write-downs", "charges"]
    "impairment" = 0.5 ["impaired", "write-down", "charges"]
    "goodwill" = 0.3 ["impairment", "intangible"]
    "leases" = 0.5 ["lease", "leased", "rent"]
    "offices" = 0.5 ["office", "headquarters", "facilities"]
    "headquarters" = 0.6 ["offices", "headquartered"]
    "real estate" = 0.6 ["properties", "offices", "buildings", "facilities"]
    "pay" = 0.3 ["compensation", "paid"]
    "salary" = 0.7 ["compensation"]
    "bonus" = 0.6 ["compensation", "incentive"]
    "culture" = 0.4 ["values", "employees"]
    "diversity" = 0.5 ["inclusion", "representation", "inclusive"]
    "seasonal" = 0.8 ["seasonality", "seasonally", "quarter"]
    "seasonality" = 0.7 ["seasonal", "quarter"]
    "backlog" = 0.6 ["remaining performance obligations", "commitments"]
    "deferred revenue" = 0.5 ["unearned", "contract liabilities"]
    "mortgage insurance" = 0.4 ["MI", "insurance in force"]
    "insured" = 0.5 ["insurance", "policies"]
    "claims" = 0.4 ["losses", "claim"]
    "oil" = 0.5 ["crude", "petroleum", "upstream"]
    "natural gas" = 0.4 ["LNG", "upstream"]
    "refining" = 0.6 ["downstream", "margins"]
    "drug" = 0.6 ["pharmaceutical", "product", "medicine"]
    "drugs" = 0.6 ["pharmaceutical", "products", "medicines"]
    "opioid" = 0.4 ["opioids", "settlement"]
    "vehicles" = 0.5 ["cars", "deliveries", "automotive"]
    "cars" = 0.8 ["vehicles", "automotive"]
    "batteries" = 0.5 ["battery", "cells"]
    "factory" = 0.8 ["manufacturing", "facility", "plant"]
    "factories" = 0.8 ["manufacturing", "facilities", "plants"]
    "users" = 0.4 ["people", "daily active", "customers"]
    "active users" = 0.6 ["DAUs", "MAUs", "daily", "monthly"]
    "payments" = 0.3 ["payment", "transactions"]
    "cross-border" = 0.4 ["international", "volume"]
    "interchange" = 0.4 ["fees", "merchants"]
    "warranty" = 0.4 ["warranties", "reserve"]
    "accounting policies" = 0.6 ["estimates", "critical", "accounting"]
    "critical accounting" = 0.5 ["estimates", "judgments"]
    "internal controls" = 0.7 ["internal control", "financial reporting", "effective"]
    "money" = 0.3 ["cash", "revenues"]
    "make money" = 0.8 ["generate", "revenues"]
    "earn" = 0.5 ["generate", "revenues", "earned"]
    "earns" = 0.6 ["generate", "revenues", "earned"]
    "goals" = 0.5 ["target", "mission", "commitment"]
    "hurt" = 0.6 ["harm", "adversely", "affect"]
    "harm" = 0.4 ["adversely", "hurt", "affect"]
    "damage" = 0.4 ["harm", "adversely"]
    "reputation" = 0.4 ["brand", "brands", "reputational"]
    "brand" = 0.4 ["brands", "reputation"]
    "depend" = 0.5 ["reliance", "rely", "dependence"]
    "dependence" = 0.6 ["rely", "depend", "reliance"]
    "reliance" = 0.6 ["rely", "depend", "dependence"]
    "rely" = 0.5 ["reliance", "depend", "dependence"]
    "retain" = 0.4 ["attract", "hire"]
    "recruit" = 0.8 ["hire", "attract", "hiring"]
    "war" = 0.4 ["conflict", "geopolitical", "Ukraine", "Russia"]
    "ukraine" = 0.5 ["Russia", "war"]
    "russia" = 0.5 ["Ukraine"]
    "useful life" = 0.5 ["useful lives", "estimated", "depreciation"]
    "useful lives" = 0.4 ["useful life", "estimated", "depreciation"]
    "depreciate" = 0.5 ["depreciation", "useful", "straight-line"]
}

/// The list with what each said phrase is to the index.
static STEMMED: LazyLock<Vec<(Vec<String>, Synonym)>> = LazyLock::new(|| {
    let mut with = analyzer::analyzer();
    SYNONYMS.iter().map(|synonym| (analyzer::terms(&mut with, synonym.said), *synonym)).collect()
});

/// The synonyms whose words a text's terms have, in any of their forms.
pub(crate) fn of(terms: &[String]) -> Vec<Synonym> {
    STEMMED
        .iter()
        .filter(|(said, _)| !said.is_empty() && terms.windows(said.len()).any(|here| here == said.as_slice()))
        .map(|(_, synonym)| *synonym)
        .collect()
}

/// What filings may say for a text's terms: pairs of a term and another for it.
pub(crate) fn other_words(terms: &[String], with: &mut TextAnalyzer) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for synonym in of(terms) {
        let heads = analyzer::terms(with, synonym.said);
        for means in synonym.means {
            for other in analyzer::terms(with, means) {
                pairs.extend(heads.iter().map(|head| (head.clone(), other.clone())));
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_any_form_and_no_parts_of_words() {
        let mut with = analyzer::analyzer();
        let mut said = |text: &str| {
            let terms = analyzer::terms(&mut with, text);
            of(&terms).into_iter().map(|synonym| synonym.said).collect::<Vec<_>>()
        };
        assert_eq!(said("Capex and R&D?"), ["r&d", "capex"]);
        assert_eq!(said("scapexs"), [""; 0]);
        assert!(said("It competes and hires").contains(&"compete"));
    }
}
