//! What understanding gives.

use serde::{Deserialize, Serialize};

/// A question, understood. Made by [`crate::Engine::understand`]; plain data from then on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Understanding {
    /// The question as asked, with what an earlier one named behind it.
    pub question: String,
    /// Companies of the data named in it, in order of mention.
    pub companies: Vec<CompanyMention>,
    /// Years asked for, ascending; empty when it names none.
    pub years: Vec<i32>,
    /// 10-K items asked for.
    pub items: Vec<ItemMention>,
    /// Risk topics it touches.
    pub topics: Vec<RiskTopic>,
    /// Metrics asked for, in order of mention.
    pub metrics: Vec<MetricMention>,
    /// Whether the data can answer it.
    pub scope: Scope,
    /// Quarters asked for, 1 to 4, ascending; empty when it asks for none.
    pub quarters: Vec<u8>,
    /// Names in it that are companies', as far as can be told, and none of the data's.
    pub strangers: Vec<String>,
    /// Things in it (products, parts) whose own figures it asks for: the table of figures has those of whole companies.
    #[serde(default)]
    pub things: Vec<String>,
    /// How it was read where that is not plain: spelling that was mended, what an earlier question named. Sentences for the asker.
    pub readings: Vec<String>,
    /// What is left to search for, once companies, years and phrases of asking are taken away.
    pub terms: String,
}

/// A company found in a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompanyMention {
    /// Ticker, as in `GOOGL`.
    pub ticker: String,
    /// Name as filed.
    pub name: String,
    /// Central index key.
    pub cik: u64,
    /// The words that named it.
    pub matched: String,
    /// How they named it.
    pub kind: MentionKind,
}

/// How a company was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MentionKind {
    /// By ticker.
    Ticker,
    /// By central index key.
    Cik,
    /// By its name as filed, legal endings aside.
    Name,
    /// By another name it is known by.
    Alias,
    /// By a name spelt nearly right.
    Typo,
    /// By a thing that its filings alone discuss, a product for instance.
    Thing,
}

/// A 10-K item found in a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemMention {
    /// The item's key, as in `ITEM_1A`.
    pub item: String,
    /// The words that named it.
    pub matched: String,
    /// Whether it was named outright ("Item 1A", "risk factors section"): then it filters; else it only weighs.
    pub explicit: bool,
}

/// A metric found in a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricMention {
    /// The metric's key in the facts, as in `net_income`.
    pub key: String,
    /// Its label, as in `Net Income`.
    pub label: String,
    /// The words that named it.
    pub matched: String,
}

/// The seven kinds of risk a question can touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskTopic {
    /// Debt, cash, covenants, refinancing.
    LiquidityCredit,
    /// Laws, agencies, tax and trade rules.
    Regulatory,
    /// Interest rates, currency, prices, the economy.
    Market,
    /// Suppliers, manufacturing, people, disasters.
    OperationalSupplyChain,
    /// Attacks, breaches, privacy, outages.
    CybersecurityTech,
    /// Rivals, customers, technology change.
    Competition,
    /// Lawsuits, patents, intellectual property, reputation.
    LegalIp,
}

/// Whether the data can answer a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Scope {
    /// It can be tried.
    In,
    /// It cannot: say why and what can be asked.
    Out {
        /// Why, in a sentence for the asker.
        reason: String,
        /// What is in scope, in a sentence or two for the asker.
        in_scope: String,
    },
}

impl Scope {
    /// Whether the question is in scope.
    pub fn is_in(&self) -> bool {
        match self {
            Self::In => true,
            Self::Out { .. } => false,
        }
    }
}
