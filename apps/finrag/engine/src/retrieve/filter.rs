//! Which rows a regime may look at, as ranges of rows, and which of them count.

use std::ops::Range;

use memchr::memmem::Finder;

use crate::engine::Engine;
use crate::{Regime, Understanding};

/// The open regime's first year, when the question names none before it.
pub(crate) const OPEN_SINCE: i32 = 2015;

/// What a question names, as numbers of this snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) companies: Vec<u16>,
    pub(crate) years: Vec<i32>,
    /// The same, as a sentence has them.
    pub(crate) year_names: Vec<Finder<'static>>,
    /// Items named outright.
    pub(crate) sections: Vec<u16>,
    /// Items that only weigh.
    pub(crate) likely: Vec<u16>,
}

impl Wanted {
    pub(crate) fn of(understanding: &Understanding, engine: &Engine) -> Self {
        let section = |explicit| -> Vec<u16> {
            let items = understanding.items.iter().filter(move |item| item.explicit == explicit);
            items.filter_map(|item| engine.sections.find(&item.item)).collect()
        };
        let mut likely: Vec<u16> = section(false);
        // Figures are discussed in the management's discussion, unless the question is about what may go wrong.
        if !understanding.metrics.is_empty() && likely.is_empty() {
            likely.extend(engine.sections.find("ITEM_7"));
        }
        Self {
            companies: understanding
                .companies
                .iter()
                .filter_map(|company| engine.companies.by_ticker(&company.ticker))
                .collect(),
            years: understanding.years.clone(),
            year_names: understanding
                .years
                .iter()
                .map(|year| Finder::new(year.to_string().as_bytes()).into_owned())
                .collect(),
            sections: section(true),
            likely,
        }
    }

    /// Whether only the named companies' rows may answer: where companies are named, unless it is asked who speaks of them.
    pub(crate) fn only_theirs(&self, question: &str) -> bool {
        const OTHERS: &[&str] = &[
            "which compan",
            "which firm",
            "which other",
            "what compan",
            "what other",
            "other compan",
            "others say",
            "who mention",
            "who name",
            "who else",
            "whose filing",
            "which filing",
            "which of the",
            "mentioned by",
            "named by",
        ];
        let lower = question.to_lowercase();
        !self.companies.is_empty() && !OTHERS.iter().any(|sign| lower.contains(sign))
    }

    /// Whether it excludes anything at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.companies.is_empty() && self.years.is_empty() && self.sections.is_empty()
    }
}

/// Rows to search.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filter {
    /// Ascending, disjoint.
    pub(crate) ranges: Vec<Range<u32>>,
    /// Empty when every section counts.
    pub(crate) sections: Vec<u16>,
    /// Whether what was named excluded every row, and was taken back in part.
    pub(crate) relaxed: bool,
}

impl Filter {
    pub(crate) fn of(regime: Regime, wanted: &Wanted, engine: &Engine) -> Self {
        match regime {
            Regime::Open => {
                let since = wanted.years.first().map_or(OPEN_SINCE, |year| OPEN_SINCE.min(*year));
                Self { ranges: ranges(engine, |_, year| year >= since), ..Self::default() }
            }
            Regime::Filtered => Self::narrow(wanted, engine),
        }
    }

    /// The filtered regime's filters: one a company where several are named, so that each has candidates of its own.
    pub(crate) fn each(wanted: &Wanted, engine: &Engine) -> Vec<Self> {
        if wanted.companies.len() < 2 {
            return vec![Self::narrow(wanted, engine)];
        }
        let alone = |company: &u16| Wanted { companies: vec![*company], ..wanted.clone() };
        wanted.companies.iter().map(|company| Self::narrow(&alone(company), engine)).collect()
    }

    fn narrow(wanted: &Wanted, engine: &Engine) -> Self {
        let company = |id: u16| wanted.companies.is_empty() || wanted.companies.contains(&id);
        let year = |year: i32| wanted.years.is_empty() || wanted.years.contains(&year);
        let named = ranges(engine, |id, y| company(id) && year(y));
        if !named.is_empty() {
            let has_section = wanted.sections.is_empty()
                || named
                    .iter()
                    .cloned()
                    .flatten()
                    .any(|row| wanted.sections.contains(&engine.sentences.section(row)));
            let sections = if has_section { wanted.sections.clone() } else { Vec::new() };
            return Self { ranges: named, sections, relaxed: !has_section };
        }
        // No filing of that year: the company's other years say more than nothing.
        let by_company = ranges(engine, |id, _| company(id));
        let ranges = if by_company.is_empty() { ranges(engine, |_, _| true) } else { by_company };
        Self { ranges, sections: Vec::new(), relaxed: true }
    }

    /// Whether a row within the ranges counts.
    #[inline]
    pub(crate) fn allows(&self, row: u32, engine: &Engine) -> bool {
        self.sections.is_empty() || self.sections.contains(&engine.sentences.section(row))
    }
}

fn ranges(engine: &Engine, keep: impl Fn(u16, i32) -> bool) -> Vec<Range<u32>> {
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for (company, year, rows) in engine.sentences.groups() {
        if keep(company, year) {
            match ranges.last_mut() {
                Some(last) if last.end == rows.start => last.end = rows.end,
                _ => ranges.push(rows),
            }
        }
    }
    ranges
}
