//! An answer that is still being written.

use super::footer::{without_beginning, without_footer};
use super::{Citations, blocks};

/// Renders what there is of an answer: without a footer that began or is about to, and with bold text closed that is still open, so that
/// nobody sees its stars come and go.
pub fn partial(text: &str) -> Vec<String> {
    let text = without_beginning(without_footer(text));
    let line = text.rsplit('\n').next().unwrap_or_default();
    let closed = match (line.matches("**").count() % 2, text.strip_suffix("**")) {
        (0, _) => text.to_owned(),
        (_, Some(before)) => before.to_owned(),
        // A space before the closing stars would keep them from closing.
        (_, None) => format!("{}**", text.trim_end()),
    };
    blocks(&closed, &Citations::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bold_text_is_bold_from_its_first_letter() {
        let table = [
            ("It was **US$ 3", "<p>It was <strong>US$ 3</strong></p>"),
            ("It was **US$ ", "<p>It was <strong>US$</strong></p>"),
            ("It was **", "<p>It was</p>"),
            ("It was **3** and", "<p>It was <strong>3</strong> and</p>"),
            ("**a**\n**b", "<p><strong>a</strong><br><strong>b</strong></p>"),
            ("Told [1]\n\nDATA SOURCES\n[1] x", "<p>Told <span class=\"cite\">[1]</span></p>"),
            ("Told [1]\n\n**DATA", "<p>Told <span class=\"cite\">[1]</span></p>"),
            ("Told\n\nDATA SOURCES", "<p>Told</p>"),
            ("Told\n\nDatabases", "<p>Told</p><p>Databases</p>"),
            ("", ""),
        ];
        for (text, wanted) in table {
            assert_eq!(partial(text).concat(), wanted, "{text}");
        }
    }
}
