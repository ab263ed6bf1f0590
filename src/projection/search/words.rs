//! How a text becomes words: alike where it is kept and where it is searched for.

use std::borrow::Cow;

use tantivy::tokenizer::{AsciiFoldingFilter, LowerCaser, SimpleTokenizer, TextAnalyzer};

/// What an index calls this way of cutting. It is written into the index.
pub(super) const ANALYZER: &str = "freehold_words_1";

/// The most words of a search; those behind them are not looked at.
const WORDS_MAX: usize = 32;

/// Letters and digits make words, all else is between them. Marks above and below letters go, and so does case.
pub(super) fn analyzer() -> TextAnalyzer {
    let folded = TextAnalyzer::builder(SimpleTokenizer::default()).filter(AsciiFoldingFilter);
    folded.filter(LowerCaser).build()
}

/// A text without the marks that stand for themselves: `é` may be written as `e` and a mark, which is no letter and would
/// cut the word.
pub(super) fn composed(text: &str) -> Cow<'_, str> {
    let is_mark = |c: char| matches!(c, '\u{300}'..='\u{36f}');
    if text.contains(is_mark) { text.replace(is_mark, "").into() } else { text.into() }
}

/// The words of a search, in their order.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let text = composed(text);
    let mut analyzer = analyzer();
    let mut tokens = analyzer.token_stream(&text);
    while words.len() < WORDS_MAX && tokens.advance() {
        words.push(tokens.token().text.clone());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_are_cut_and_folded() {
        assert_eq!(words("  Crème-BRÛLÉE, (T-Light)  "), ["creme", "brulee", "t", "light"]);
        assert_eq!(words("cafe\u{301}s CAFÉS Straße İ"), ["cafes", "cafes", "strasse", "i"]);
        assert_eq!(words("!? \u{301} *"), [""; 0]);
        assert_eq!(words(&"x ".repeat(99)).len(), 32);
    }
}
