//! What is left to search for.

use super::words::words;

/// Words of asking, and words that every filing has everywhere.
const ASKING: &[&str] = &[
    "what", "which", "who", "whom", "whose", "when", "where", "why", "how", "much", "many", "did", "does", "do", "doing", "done", "is", "are", "was",
    "were", "be", "been", "being", "has", "have", "had", "can", "could", "would", "should", "will", "may", "might", "describe", "described",
    "describes", "explain", "explained", "explains", "discuss", "discussed", "discusses", "tell", "give", "gives", "list", "summarize", "summarise", "summary", "compare",
    "comparison", "according", "filing", "filings", "10-k", "10k", "10", "k", "annual", "report", "reports", "reported", "company", "companies", "firm", "firms",
    "its", "it", "their", "they", "them", "his", "her", "our", "we", "us", "fiscal", "fy", "year", "years", "between", "from", "to", "over", "during", "through", "say",
    "said", "says", "mention", "mentioned", "mentions", "disclose", "disclosed", "discloses", "identify", "identified", "identifies", "any", "there", "about",
    "regarding", "please", "you", "me", "i", "information", "item", "across", "both", "each", "versus", "vs", "than", "and", "or", "of", "the", "a",
    "an", "in", "on", "at", "for", "by", "with", "as", "that", "this", "these", "those", "into", "if", "not", "no", "so", "such", "also", "some", "more", "most",
    "same", "kind", "kinds", "type", "types", "way", "ways", "terms", "within", "under", "per", "had", "s", "cited", "cite", "cites", "stated", "state", "states",
    "statement", "given", "see", "seen", "specific", "specifically", "particular", "main", "various", "whether", "because", "while", "then", "up", "out", "sec",
    "get", "gets", "got", "go", "goes", "went", "come", "comes", "came", "someone", "develop", "developed", "make", "makes", "made", "do", "happened", "happens", "happen", "moved", "move", "management", "respectively", "currently", "latest", "recent", "last", "past", "view", "views", "viewed", "believe", "believes", "warn", "warns", "warned", "expect", "expected", "expects",
    "comment", "address", "addressed", "highlight", "highlighted", "highlights", "indicate", "indicated", "outline", "outlined", "provide", "provided", "provides", "associated", "figures", "figure",
];

/// The question's words, less the spans already understood and the words of asking.
pub(crate) fn left(question: &str, taken: &[(usize, usize)]) -> String {
    words(question)
        .into_iter()
        .filter(|word| !taken.iter().any(|(start, end)| word.start >= *start && word.end <= *end))
        .filter(|word| !ASKING.contains(&word.lower.as_str()) || word.typed == "US")
        .map(|word| word.typed)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_is_not_searched_for() {
        let question = "According to Alphabet's 2019 10-K, how much did R&D expenses increase?";
        let taken = [(13, 21), (24, 28)];
        assert_eq!(left(question, &taken), "R&D expenses increase");
    }
}
