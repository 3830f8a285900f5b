//! The seven risk topics: what says them, and what to search for beside the asker's words.

use super::RiskTopic;
use super::items::whole;

impl RiskTopic {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::LiquidityCredit,
        Self::Regulatory,
        Self::Market,
        Self::OperationalSupplyChain,
        Self::CybersecurityTech,
        Self::Competition,
        Self::LegalIp,
    ];

    /// What it is called.
    pub fn label(self) -> &'static str {
        match self {
            Self::LiquidityCredit => "liquidity and credit",
            Self::Regulatory => "regulation",
            Self::Market => "market and economy",
            Self::OperationalSupplyChain => "operations and supply chain",
            Self::CybersecurityTech => "cybersecurity and technology",
            Self::Competition => "competition",
            Self::LegalIp => "litigation and intellectual property",
        }
    }

    fn signs(self) -> &'static [&'static str] {
        match self {
            Self::LiquidityCredit => &[
                "liquidity",
                "credit risk",
                "default",
                "covenant",
                "covenants",
                "refinancing",
                "refinance",
                "indebtedness",
                "solvency",
                "credit rating",
                "credit ratings",
                "downgrade",
                "counterparty",
                "borrowing",
                "debt level",
                "leverage",
                "bankruptcy",
                "capital requirements",
            ],
            Self::Regulatory => &[
                "regulation",
                "regulations",
                "regulatory",
                "regulator",
                "regulators",
                "compliance",
                "legislation",
                "antitrust",
                "gdpr",
                "government",
                "tax law",
                "tax laws",
                "sanctions",
                "tariff",
                "tariffs",
                "export controls",
                "digital markets act",
                "laws",
                "ftc",
                "doj",
                "european commission",
            ],
            Self::Market => &[
                "interest rate",
                "interest rates",
                "currency",
                "exchange rate",
                "exchange rates",
                "inflation",
                "recession",
                "macroeconomic",
                "economic conditions",
                "downturn",
                "volatility",
                "commodity prices",
                "oil prices",
                "market risk",
                "economic slowdown",
            ],
            Self::OperationalSupplyChain => &[
                "supply chain",
                "supplier",
                "suppliers",
                "manufacturing",
                "logistics",
                "shortage",
                "shortages",
                "component",
                "components",
                "natural disaster",
                "natural disasters",
                "earthquake",
                "pandemic",
                "covid-19",
                "covid",
                "inventory",
                "climate change",
                "production",
                "key personnel",
                "talent",
                "business interruption",
            ],
            Self::CybersecurityTech => &[
                "cyber",
                "cybersecurity",
                "cyberattack",
                "cyberattacks",
                "cyber-attack",
                "cyber-attacks",
                "data breach",
                "data breaches",
                "hackers",
                "hacking",
                "ransomware",
                "malware",
                "privacy",
                "data protection",
                "outage",
                "outages",
                "information security",
                "security breach",
                "security breaches",
                "artificial intelligence",
            ],
            Self::Competition => &[
                "competition",
                "competitor",
                "competitors",
                "competitive",
                "compete",
                "rival",
                "rivals",
                "market share",
                "pricing pressure",
                "new entrants",
            ],
            Self::LegalIp => &[
                "litigation",
                "lawsuit",
                "lawsuits",
                "legal proceedings",
                "intellectual property",
                "patent",
                "patents",
                "trademark",
                "trademarks",
                "copyright",
                "class action",
                "settlement",
                "infringement",
                "reputation",
                "product liability",
                "sued",
            ],
        }
    }

    /// A few words that filings use for it, to search for at little weight.
    pub(crate) fn search_terms(self) -> &'static str {
        match self {
            Self::LiquidityCredit => "liquidity credit indebtedness",
            Self::Regulatory => "regulatory laws compliance",
            Self::Market => "economic market conditions",
            Self::OperationalSupplyChain => "disruptions suppliers operations",
            Self::CybersecurityTech => "security breach unauthorized",
            Self::Competition => "competitors competitive",
            Self::LegalIp => "claims litigation intellectual property",
        }
    }
}

/// The topics of a question.
pub(crate) fn find(question: &str) -> Vec<RiskTopic> {
    let lower = question.to_lowercase();
    RiskTopic::ALL.into_iter().filter(|topic| topic.signs().iter().any(|sign| whole(&lower, sign))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_of_questions() {
        use RiskTopic::{
            Competition, CybersecurityTech, LegalIp, LiquidityCredit, Market, OperationalSupplyChain,
            Regulatory,
        };
        for (question, expected) in [
            ("Could a downgrade hurt refinancing?", vec![LiquidityCredit]),
            ("How does antitrust scrutiny affect it?", vec![Regulatory]),
            ("What of exchange rates and inflation?", vec![Market]),
            ("Does it depend on a few suppliers?", vec![OperationalSupplyChain]),
            ("What cyber-attacks does it fear?", vec![CybersecurityTech]),
            ("Who are its rivals?", vec![Competition]),
            ("Which patent lawsuits are open?", vec![LegalIp]),
            ("What is its mission?", vec![]),
        ] {
            assert_eq!(find(question), expected, "{question}");
        }
    }
}
