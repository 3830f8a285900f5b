//! Questions that go on from an earlier one: what they leave out is taken from it, and said.

use super::Understanding;
use super::words::words;

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
/// Words that name nothing.
const FILLING: &[&str] = &[
    "alone", "only", "too", "well", "instead", "else", "then", "again", "now", "just", "then", "happened",
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
    let lower = typed.trim().to_lowercase();
    let all = words(&lower);
    let back = all.iter().any(|word| BACK.contains(&word.lower.as_str()));
    let on = ON.iter().any(|on| lower.strip_prefix(on).is_some_and(|rest| rest.starts_with([' ', ','])));
    let subject = !read.metrics.is_empty() || !read.topics.is_empty() || !read.items.is_empty();
    let bare = !subject && words(&read.terms).len() <= FEW;
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
    } else if subject || words(&read.terms).len() > 1 {
        return None;
    }
    let names_subject = subject
        || words(&read.terms)
            .iter()
            .any(|word| !ON.contains(&word.lower.as_str()) && !FILLING.contains(&word.lower.as_str()));
    if !names_subject && !before.terms.is_empty() {
        added.push(before.terms.clone());
    }
    if read.years.is_empty() && read.quarters.is_empty() && !before.years.is_empty() {
        added.push(before.years.iter().map(i32::to_string).collect::<Vec<_>>().join(", "));
    }
    if added.is_empty() {
        return None;
    }
    let what = added.join("; ");
    let typed = typed.trim().trim_end_matches(['?', '.', '!']);
    Some((format!("{typed}? ({what})"), what))
}
