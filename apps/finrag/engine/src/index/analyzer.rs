//! How text becomes terms: lower case, common words dropped, English stems. Questions and sentences alike.

use tantivy::tokenizer::{
    Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter, TextAnalyzer,
    TokenStream,
};

/// The analyzer's name in the index.
pub(crate) const NAME: &str = "finrag";

/// Words longer than this are figures and markup run together.
const LONGEST: usize = 40;

/// Makes the analyzer.
pub(crate) fn analyzer() -> TextAnalyzer {
    let stop = StopWordFilter::new(Language::English).expect("English stop words are compiled in");
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(LONGEST))
        .filter(LowerCaser)
        .filter(stop)
        .filter(Stemmer::new(Language::English))
        .build()
}

/// The terms of a text, in order.
pub(crate) fn terms(analyzer: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    let mut stream = analyzer.token_stream(text);
    stream.process(&mut |token| terms.push(token.text.clone()));
    terms
}
