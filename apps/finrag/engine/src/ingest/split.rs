//! Splitting lines into sentences.

/// Words that end in a dot and end no sentence.
const ABBREVIATIONS: &[&str] = &[
    "inc", "corp", "co", "ltd", "llc", "no", "nos", "vs", "mr", "mrs", "ms", "dr", "st", "jr", "sr",
    "approx", "e.g", "i.e", "u.s", "u.k", "etc", "fig", "jan", "feb", "mar", "apr", "jun", "jul", "aug",
    "sep", "sept", "oct", "nov", "dec", "l.p", "n.a", "s.a", "cf", "al", "p.m", "a.m", "rule", "sec",
];

/// The sentences of an item's lines. A line that ends without a full stop is continued only by one that starts in lower case.
pub(crate) fn sentences(lines: &[&str]) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    for line in lines.iter().map(|line| line.trim()).filter(|line| is_text(line)) {
        let continues = blocks.last().is_some_and(|last: &String| {
            !last.ends_with(['.', '!', '?', ':', ';']) && line.starts_with(char::is_lowercase)
        });
        match blocks.last_mut() {
            Some(last) if continues => {
                last.push(' ');
                last.push_str(line);
            }
            _ => blocks.push(line.to_owned()),
        }
    }
    blocks.iter().flat_map(|block| of_block(block)).collect()
}

/// Page numbers and rules are none.
fn is_text(line: &str) -> bool {
    line.chars().any(char::is_alphabetic) && !line.eq_ignore_ascii_case("table of contents")
}

fn of_block(block: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let chars: Vec<(usize, char)> = block.char_indices().collect();
    for (at, (_, c)) in chars.iter().enumerate() {
        if !matches!(c, '.' | '!' | '?') {
            continue;
        }
        // Closing quotes and brackets belong to the sentence.
        let mut end = at + 1;
        while chars.get(end).is_some_and(|(_, c)| matches!(c, '"' | '”' | '’' | '\'' | ')')) {
            end += 1;
        }
        let spaced = chars.get(end).is_some_and(|(_, c)| c.is_whitespace());
        let next = chars[end..].iter().map(|(_, c)| *c).find(|c| !c.is_whitespace());
        let begins = next
            .is_some_and(|c| c.is_uppercase() || c.is_numeric() || matches!(c, '"' | '“' | '(' | '•' | '$'));
        if spaced && begins && !(*c == '.' && abbreviated(&block[start..chars[at].0])) {
            let stop = chars.get(end).map_or(block.len(), |(byte, _)| *byte);
            sentences.push(block[start..stop].trim().to_owned());
            start = stop;
        }
    }
    sentences.push(block[start..].trim().to_owned());
    sentences.retain(|sentence| is_text(sentence));
    sentences
}

/// Whether what stands before a dot is an abbreviation, an initial or a number in a list.
fn abbreviated(before: &str) -> bool {
    let last = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or("");
    let lower = last.to_lowercase();
    let initial = last.chars().count() == 1 && last.chars().all(char::is_uppercase);
    let numbering = before.trim().chars().all(|c| c.is_ascii_digit()) && !before.trim().is_empty();
    // "Item 1A. Risk Factors" is one heading.
    let heading = before.trim().to_lowercase().split_whitespace().rev().nth(1) == Some("item")
        && last.starts_with(|c: char| c.is_ascii_digit());
    initial || numbering || heading || ABBREVIATIONS.contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_they_end() {
        for (lines, expected) in [
            (
                vec!["We grew. Costs fell 3.5% to $2.1 billion. Why?"],
                vec!["We grew.", "Costs fell 3.5% to $2.1 billion.", "Why?"],
            ),
            (
                vec!["Example Inc. and the U.S. Treasury agreed. Then J. Doe left."],
                vec!["Example Inc. and the U.S. Treasury agreed.", "Then J. Doe left."],
            ),
            (vec!["He said \"stop.\" It stopped."], vec!["He said \"stop.\"", "It stopped."]),
            (
                vec!["Our products", "are sold online.", "17", "• Price", "• Quality"],
                vec!["Our products are sold online.", "• Price", "• Quality"],
            ),
            (vec!["1. Business"], vec!["1. Business"]),
            (vec!["Item 1A. Risk Factors"], vec!["Item 1A. Risk Factors"]),
        ] {
            assert_eq!(sentences(&lines), expected);
        }
    }
}
