//! Questions that go on from an earlier one: what they leave out is taken from it, and said.

use super::Understanding;
use super::words::words;
use super::years;

/// Words that stand for what was named before.
const BACK: &[&str] = &[
    "their", "theirs", "its", "it", "they", "them", "that", "those", "this", "these", "same", "he", "she",
    "his", "her", "there", "both",
];
/// Beginnings of a question that goes on.
const ON: &[&str] = &[
    "and",
    "what about",
    "how about",
    "also",
    "then",
    "but",
    "or",
    "why",
    "in",
    "compared",
    "versus",
    "vs",
    "for",
];
/// Words that name nothing, or only how what was named before changes.
const FILLING: &[&str] = &[
    "change",
    "changed",
    "changes",
    "grow",
    "grew",
    "grown",
    "growing",
    "rise",
    "rose",
    "fall",
    "fell",
    "increase",
    "increased",
    "decrease",
    "decreased",
    "decline",
    "declined",
    "evolve",
    "evolved",
    "differ",
    "look",
    "looked",
    "trend",
    "better",
    "worse",
    "higher",
    "lower",
    "alone",
    "only",
    "too",
    "well",
    "instead",
    "else",
    "then",
    "again",
    "now",
    "just",
    "then",
    "happened",
    "tell",
];
/// Words left that still make no question of their own.
const FEW: usize = 3;

/// A question with what it leaves out written behind it, and what that is; `None` when it stands for itself.
pub(crate) fn completed(
    typed: &str,
    read: &Understanding,
    before: &Understanding,
) -> Option<(String, String)> {
    // "And the year before?" counts from the years that were asked of.
    let counted = years::beside(typed).filter(|_| read.years.is_empty()).and_then(|(far, range)| {
        let from = if far < 0 { before.years.first() } else { before.years.last() };
        Some((from? + far, range))
    });
    let mut own = typed.to_owned();
    if let Some((_, range)) = &counted {
        own.replace_range(range.clone(), "");
    }
    let lower = own.trim().to_lowercase();
    let all = words(&lower);
    // Words left of the question, but those that only say of which year.
    let read_terms = words(&read.terms);
    let terms: Vec<_> = read_terms
        .iter()
        .filter(|term| counted.is_none() || all.iter().any(|word| word.lower == term.lower))
        .collect();
    let back = all.iter().any(|word| BACK.contains(&word.lower.as_str()));
    let on = ON.iter().any(|on| lower.strip_prefix(on).is_some_and(|rest| rest.starts_with([' ', ','])));
    let subject = !read.metrics.is_empty() || !read.topics.is_empty() || !read.items.is_empty();
    let bare = !subject && terms.len() <= FEW;
    if !(back || on || bare) || !read.strangers.is_empty() {
        return None;
    }
    let mut added: Vec<String> = Vec::new();
    if read.companies.is_empty() {
        // "What do they all say?" after a question of no company asks of no company.
        added.extend(before.companies.iter().map(|company| company.name.clone()));
        if added.is_empty() {
            return None;
        }
    } else if subject || terms.len() > 1 {
        return None;
    }
    let names_subject = subject
        || terms
            .iter()
            .any(|word| !ON.contains(&word.lower.as_str()) && !FILLING.contains(&word.lower.as_str()));
    if !names_subject && !before.terms.is_empty() {
        added.push(before.terms.clone());
    }
    if let Some((year, _)) = &counted {
        added.push(year.to_string());
    } else if read.years.is_empty() && read.quarters.is_empty() && !before.years.is_empty() {
        added.push(before.years.iter().map(i32::to_string).collect::<Vec<_>>().join(", "));
    }
    if added.is_empty() {
        return None;
    }
    let what = added.join("; ");
    let typed = own.trim().trim_end_matches(['?', '.', '!']).trim_end();
    Some((format!("{typed}? ({what})"), what))
}
