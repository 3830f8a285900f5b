//! The list of sources that ends an answer's text.

const TITLE: &str = "data sources";

/// A text that is still being written, without a last line that may become the footer's title.
pub(super) fn without_beginning(text: &str) -> &str {
    let start = text.rfind('\n').map_or(0, |at| at + 1);
    let words = text[start..].trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
    if !words.is_empty() && TITLE.starts_with(&words) { text[..start].trim_end() } else { text }
}

/// An answer's text without its DATA SOURCES footer. For answers whose sources came beside the text: a page shows those
/// as a list that opens, and the footer would say the same again.
pub fn without_footer(text: &str) -> &str {
    let mut end = text.len();
    for line in text.rsplit('\n') {
        let start = end - line.len();
        let words = line.trim_matches(|letter: char| !letter.is_alphanumeric());
        if words.eq_ignore_ascii_case(TITLE) {
            return text[..start].trim_end().trim_end_matches(['-', '_', '=', '*']).trim_end();
        }
        end = start.saturating_sub(1);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_footer_goes_and_nothing_else() {
        let table = [
            ("Answer [1].\n\nDATA SOURCES\n[1] AAPL", "Answer [1]."),
            ("Answer.\n\n---\n**Data Sources:**\n[1] AAPL\n[2] MSFT\n", "Answer."),
            ("Its data sources are many.\nNo footer.", "Its data sources are many.\nNo footer."),
            ("=== DATA SOURCES ===\n[1] x", ""),
            ("", ""),
        ];
        for (text, wanted) in table {
            assert_eq!(without_footer(text), wanted);
        }
    }
}
