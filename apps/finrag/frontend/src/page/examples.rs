//! Questions to begin with, about companies that are there.

use super::words;
use crate::backend::{Company, Meta};

/// A few questions that the backend's data can answer; general ones where it did not say what it holds.
pub(super) fn examples(meta: Option<&Meta>) -> Vec<String> {
    let mut companies: Vec<&Company> = meta
        .map(|meta| meta.companies.iter().filter(|company| company.years.len() >= 2).collect())
        .unwrap_or_default();
    companies.sort_by_key(|company| std::cmp::Reverse(company.years.len()));
    let Some(first) = companies.first() else {
        return [
            "How did Apple's revenue develop from 2019 to 2023?",
            "Compare the net income of Apple and Microsoft since 2020.",
            "Which supply chain risks does Apple describe?",
            "What does Microsoft say about competition in its latest 10-K?",
        ]
        .map(str::to_owned)
        .into();
    };
    let at = |place: usize| companies.get(place).copied().unwrap_or(first);
    let name = |company: &Company| {
        if company.name.is_empty() { company.ticker.clone() } else { words::spoken(&company.name) }
    };
    let of = |company: &Company| {
        let name = name(company);
        if name.ends_with('s') { format!("{name}'") } else { format!("{name}'s") }
    };
    let last = |company: &Company| company.years.iter().copied().max().unwrap_or_default();
    // Only years that are there, at most five of them; the oldest may be there for a figure alone.
    let since = |company: &Company| {
        let recent = company.years.iter().copied().filter(|year| *year > last(company) - 4);
        recent.min().unwrap_or_default()
    };
    let mut questions = vec![
        format!("How did {} revenue develop from {} to {}?", of(first), since(first), last(first)),
        format!("Which supply chain risks does {} describe in its {} 10-K?", name(at(1)), last(at(1))),
        format!("What does {} say about competition in {}?", name(at(2)), last(at(2))),
    ];
    if companies.len() > 1 {
        let since = since(first).max(since(at(1)));
        questions.insert(
            1,
            format!("Compare the net income of {} and {} since {since}.", name(first), name(at(1))),
        );
    }
    questions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::Question;

    #[test]
    fn examples_are_about_what_is_there_and_can_be_asked() {
        let company = |name: &str, years: &[i32]| Company {
            name: name.into(),
            years: years.into(),
            ..Company::default()
        };
        let meta = Meta {
            companies: vec![company("NVIDIA CORP", &[2022]), company("VISA INC.", &[2021, 2022, 2023])],
            ..Meta::default()
        };
        assert_eq!(
            examples(Some(&meta)),
            [
                "How did Visa's revenue develop from 2021 to 2023?",
                "Which supply chain risks does Visa describe in its 2023 10-K?",
                "What does Visa say about competition in 2023?",
            ]
        );
        for meta in [Some(&meta), Some(&Meta::default()), None] {
            for question in examples(meta) {
                assert!(Question::parse(&question).is_ok(), "{question}");
            }
        }
    }
}
