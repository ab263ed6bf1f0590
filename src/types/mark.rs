//! Where personal data stands in JSON.
//!
//! It is found in the text, and not by reading all of it: a payload without a mark costs one search. That is exact. The mark is
//! looked for with both its quotes, and the first of them is no escaped one; within a text of JSON, the second would end it, and
//! what follows were no JSON.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The key of the object that is personal data.
pub(crate) const MARK: &str = "~personal";
pub(crate) const SUBJECT: &str = "subject";
/// What it is, in plain.
pub(crate) const VALUE: &str = "value";
/// It is no more.
pub(crate) const FORGOTTEN: &str = "forgotten";
/// What it is, sealed.
pub(crate) const SEALED: &str = "sealed";
/// Why what is sealed could not be opened.
pub(crate) const UNOPENED: &str = "unopened";

static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"~personal\""));

/// Personal data in a text.
#[derive(Debug)]
pub(crate) struct Mark<'a> {
    /// The whole object.
    pub(crate) at: Range<usize>,
    #[cfg_attr(not(feature = "personal"), allow(dead_code, reason = "only who seals asks"))]
    pub(crate) subject: Cow<'a, str>,
    pub(crate) state: State<'a>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum State<'a> {
    /// In plain, as JSON.
    Open(&'a str),
    Forgotten,
    /// Under a key.
    Sealed {
        key: u32,
        text: Cow<'a, str>,
    },
}

/// What stands under a mark.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    subject: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    #[serde(default)]
    forgotten: bool,
    #[serde(default)]
    key: u32,
    #[serde(borrow)]
    sealed: Option<Cow<'a, str>>,
}

/// A value that is there, even if it is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// Whether there may be personal data in a text.
#[cfg(any(feature = "personal", test))]
pub(crate) fn is_marked(text: &[u8]) -> bool {
    FINDER.find(text).is_some()
}

/// Whether there is personal data in a text that is still sealed.
pub(crate) fn is_sealed(text: &[u8]) -> bool {
    marks(text).any(|mark| matches!(mark.state, State::Sealed { .. }))
}

/// Whether there is personal data in plain in a text.
#[cfg(feature = "tantivy")]
pub(crate) fn is_open(text: &[u8]) -> bool {
    marks(text).any(|mark| matches!(mark.state, State::Open(_)))
}

/// The personal data in a text, in order; what is within other personal data is not told apart.
pub(crate) fn marks(text: &[u8]) -> impl Iterator<Item = Mark<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let key = from + FINDER.find(text.get(from..)?)?;
            from = key + MARK.len() + 2;
            if let Some(mark) = mark(text, key) {
                from = mark.at.end;
                return Some(mark);
            }
        }
    })
}

/// The mark whose key stands there.
fn mark(text: &[u8], key: usize) -> Option<Mark<'_>> {
    let begin = text.get(..key)?.iter().rposition(|byte| !byte.is_ascii_whitespace())?;
    let colon = past_space(text, key + MARK.len() + 2)?;
    if text.get(begin) != Some(&b'{') || text.get(colon) != Some(&b':') {
        return None;
    }
    let body = colon + 1;
    let mut bodies =
        serde_json::Deserializer::from_slice(text.get(body..)?).into_iter::<Body<'_>>();
    let Body { subject, value, forgotten, key, sealed } = bodies.next()?.ok()?;
    let end = past_space(text, body + bodies.byte_offset())?;
    let state = match (value, sealed) {
        _ if text.get(end) != Some(&b'}') => return None,
        (Some(value), _) => State::Open(value.get()),
        (None, _) if forgotten => State::Forgotten,
        (None, Some(text)) => State::Sealed { key, text },
        (None, None) => return None,
    };
    Some(Mark { at: begin..end + 1, subject, state })
}

fn past_space(text: &[u8], from: usize) -> Option<usize> {
    let space = text.get(from..)?.iter().position(|byte| !byte.is_ascii_whitespace())?;
    Some(from + space)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(text: &str) -> Vec<(&str, String)> {
        let mark = |mark: Mark<'_>| {
            let state = match mark.state {
                State::Open(json) => json.to_owned(),
                State::Forgotten => "forgotten".to_owned(),
                State::Sealed { key, text } => format!("{key} {text}"),
            };
            (&text[mark.at.clone()], format!("{}: {state}", mark.subject))
        };
        marks(text.as_bytes()).map(mark).collect()
    }

    #[test]
    fn every_state_of_it_is_found_and_nothing_else() {
        let open = r#"{"~personal":{"subject":"a","value":{"x":"}"}}}"#;
        let spaced = "{ \"~personal\" :\n{\"value\":null, \"subject\":\"b\\u0062\"} }";
        let gone = r#"{"~personal":{"forgotten":true,"subject":"c"}}"#;
        let sealed = r#"{"~personal":{"subject":"d","key":3,"sealed":"AA","unopened":"why"}}"#;
        let text = format!("[{open},{{\"n\":{spaced}}},{gone},{sealed},1]");
        let expected = [
            (open, r#"a: {"x":"}"}"#),
            (spaced, "bb: null"),
            (gone, "c: forgotten"),
            (sealed, "d: 3 AA"),
        ];
        let expected: Vec<_> = expected.map(|(at, what)| (at, what.to_owned())).into();
        assert_eq!(found(&text), expected);
        assert!(is_marked(text.as_bytes()) && is_sealed(text.as_bytes()));
        assert!(!is_sealed(open.as_bytes()) && !is_marked(b"{\"personal\":1}"));
    }

    #[test]
    fn a_text_that_looks_like_a_mark_is_none() {
        let like = r#"{"~personal":{"subject":"a","value":1}}"#;
        for text in [
            json!(like).to_string(),
            json!([{"x\"~personal": {"subject": "a", "value": 1}}]).to_string(),
            json!({"~personal": 1}).to_string(),
            json!({"~personal": {"subject": "a"}}).to_string(),
            json!({"a": "~personal", "b": {"subject": "a", "value": 1}}).to_string(),
            json!(["~personal", {"subject": "a", "value": 1}]).to_string(),
            json!({"~personal": {"subject": "a", "value": 1}, "~q": 1}).to_string(),
            json!({"~personal": {"subject": "a", "value": "x"}}).to_string()[..40].to_owned(),
        ] {
            assert_eq!(found(&text), [], "{text}");
        }
        assert_eq!(marks(b"{\"~personal\":{\"subject\":\"a\",\"value\":\"\xff\"}}").count(), 0);
    }
}
