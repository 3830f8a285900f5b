//! The items of a 10-K, their names and their order.

use serde::{Deserialize, Serialize};

use super::SECTIONS;
use crate::LoadError;

/// A row of `sections.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SectionRow {
    /// The item's key, as in `ITEM_1A`.
    pub item: String,
    /// Its name, as in `Item 1A: Risk Factors`.
    pub name: String,
}

/// The items that a 10-K has (Form 10-K, parts I to IV), in its order.
pub(crate) const ITEMS: [(&str, &str); 23] = [
    ("ITEM_1", "Item 1: Business"),
    ("ITEM_1A", "Item 1A: Risk Factors"),
    ("ITEM_1B", "Item 1B: Unresolved Staff Comments"),
    ("ITEM_1C", "Item 1C: Cybersecurity"),
    ("ITEM_2", "Item 2: Properties"),
    ("ITEM_3", "Item 3: Legal Proceedings"),
    ("ITEM_4", "Item 4: Mine Safety Disclosures"),
    ("ITEM_5", "Item 5: Market for Registrant's Common Equity"),
    ("ITEM_6", "Item 6: Selected Financial Data"),
    ("ITEM_7", "Item 7: Management's Discussion and Analysis"),
    ("ITEM_7A", "Item 7A: Quantitative and Qualitative Disclosures About Market Risk"),
    ("ITEM_8", "Item 8: Financial Statements and Supplementary Data"),
    ("ITEM_9", "Item 9: Changes in and Disagreements with Accountants"),
    ("ITEM_9A", "Item 9A: Controls and Procedures"),
    ("ITEM_9B", "Item 9B: Other Information"),
    ("ITEM_9C", "Item 9C: Disclosure Regarding Foreign Jurisdictions that Prevent Inspections"),
    ("ITEM_10", "Item 10: Directors, Executive Officers and Corporate Governance"),
    ("ITEM_11", "Item 11: Executive Compensation"),
    ("ITEM_12", "Item 12: Security Ownership of Certain Beneficial Owners and Management"),
    ("ITEM_13", "Item 13: Certain Relationships and Related Transactions"),
    ("ITEM_14", "Item 14: Principal Accountant Fees and Services"),
    ("ITEM_15", "Item 15: Exhibits and Financial Statement Schedules"),
    ("ITEM_16", "Item 16: Form 10-K Summary"),
];

/// Items by number; the number is also the order in a filing.
#[derive(Debug)]
pub(crate) struct Sections {
    rows: Vec<SectionRow>,
}

impl Sections {
    /// The form's own items, with the names that `sections.json` gives where it is there.
    pub(crate) fn parse(bytes: Option<&[u8]>) -> Result<Self, LoadError> {
        let mut rows: Vec<SectionRow> = ITEMS
            .iter()
            .map(|(item, name)| SectionRow { item: (*item).to_owned(), name: (*name).to_owned() })
            .collect();
        if let Some(bytes) = bytes {
            let given: Vec<SectionRow> = serde_json::from_slice(bytes).map_err(|error| {
                LoadError::Corrupt { file: SECTIONS.to_owned(), reason: error.to_string() }
            })?;
            for section in given {
                match rows.iter_mut().find(|row| row.item == section.item) {
                    Some(row) => row.name = section.name,
                    None => rows.push(section),
                }
            }
        }
        Ok(Self { rows })
    }

    /// The number of an item; an unknown one is taken in after the others.
    pub(crate) fn intern(&mut self, item: &str) -> u16 {
        let at = self.find(item).unwrap_or_else(|| {
            self.rows.push(SectionRow { item: item.to_owned(), name: item.to_owned() });
            self.rows.len() as u16 - 1
        });
        debug_assert!(usize::from(at) < self.rows.len());
        at
    }

    pub(crate) fn find(&self, item: &str) -> Option<u16> {
        self.rows.iter().position(|row| row.item == item).map(|at| at as u16)
    }

    pub(crate) fn get(&self, id: u16) -> &SectionRow {
        &self.rows[usize::from(id)]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &SectionRow)> {
        (0..).zip(&self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_file_and_order_from_the_form() {
        let mut sections = Sections::parse(Some(br#"[{"item": "ITEM_8", "name": "The numbers"}]"#)).unwrap();
        let eight = sections.intern("ITEM_8");
        assert_eq!(sections.get(eight).name, "The numbers");
        assert!(sections.intern("ITEM_7A") < eight);
        assert!(sections.intern("ITEM_99") > eight);
    }
}
