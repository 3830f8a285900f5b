//! How much of a filing's text its sentences keep.

/// Below this share a filing is not used.
const FAILS: f64 = 0.1;
/// Below this share it is remarked on: less was left out of most filings, and it is worth a look what.
const REMARKED: f64 = 0.8;
/// Below this share a filing's items are looked for in another way.
const LITTLE: f64 = 0.4;

/// What a filing's yield means.
#[derive(Debug, PartialEq)]
pub(crate) enum Yield {
    /// Enough.
    Enough,
    /// Little: the reason to look at the file.
    Little(String),
    /// Too little to stand for the filing.
    Failed(String),
}

/// Letters and digits: space, rules and page numbers are no text.
fn count(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

/// Whether lines keep so little of a text that there must be another way to read it.
pub(crate) fn is_little<'t>(text: &str, kept: impl Iterator<Item = &'t str>) -> bool {
    (kept.map(count).sum::<usize>() as f64) < LITTLE * count(text) as f64
}

/// Whether some lines keep more than others.
pub(crate) fn more<'t>(some: impl Iterator<Item = &'t str>, others: impl Iterator<Item = &'t str>) -> bool {
    some.map(count).sum::<usize>() > others.map(count).sum()
}

/// Weighs the letters and digits that were kept against those that there are.
pub(crate) fn weigh<'t>(text: &str, kept: impl Iterator<Item = &'t str>) -> Yield {
    let all = count(text);
    let kept: usize = kept.map(count).sum();
    let share = kept as f64 / all.max(1) as f64;
    let said = format!("{:.0} % of its text stands under a heading such as \"Item 7\"", share * 100.0);
    if share < FAILS {
        Yield::Failed(format!(
            "only {said}\nhint: does it name its items another way, or refer to another document?"
        ))
    } else if share < REMARKED {
        Yield::Little(format!("only {said}"))
    } else {
        Yield::Enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_remarked_on_and_less_fails() {
        let text = "word ".repeat(100);
        let kept = |words: usize| vec!["word"; words];
        assert_eq!(weigh(&text, kept(80).into_iter()), Yield::Enough);
        assert!(matches!(weigh(&text, kept(79).into_iter()), Yield::Little(_)));
        assert!(is_little(&text, kept(39).into_iter()) && !is_little(&text, kept(40).into_iter()));
        assert!(more(kept(3).into_iter(), kept(2).into_iter()));
        assert!(matches!(weigh(&text, kept(10).into_iter()), Yield::Little(_)));
        assert!(matches!(weigh(&text, kept(9).into_iter()), Yield::Failed(_)));
    }
}
