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
    /// What stands under the key; beside it others may stand, of whoever has flattened it.
    pub(crate) at: Range<usize>,
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

/// The mark whose key stands there, if it is one.
fn mark(text: &[u8], key: usize) -> Option<Mark<'_>> {
    // Of a key that only ends so, the first quote is escaped.
    let before = text.get(..key)?.iter().rfind(|byte| !byte.is_ascii_whitespace())?;
    let colon = past_space(text, key + MARK.len() + 2)?;
    if !matches!(before, b'{' | b',') || text.get(colon) != Some(&b':') {
        return None;
    }
    let body = past_space(text, colon + 1)?;
    let mut bodies =
        serde_json::Deserializer::from_slice(text.get(body..)?).into_iter::<Body<'_>>();
    let Body { subject, value, forgotten, key, sealed } = bodies.next()?.ok()?;
    let end = body + bodies.byte_offset();
    let state = match (value, sealed) {
        (Some(value), _) => State::Open(value.get()),
        (None, _) if forgotten => State::Forgotten,
        (None, Some(text)) => State::Sealed { key, text },
        (None, None) => return None,
    };
    Some(Mark { at: body..end, subject, state })
}

/// Goes through a text, but for what is said of people: of that it takes whose it is, and what `told` says of its state.
pub(crate) fn impersonal(
    text: &[u8],
    told: impl Fn(&State<'_>) -> &'static [u8],
    mut take: impl FnMut(&[u8]),
) {
    let mut done = 0;
    for mark in marks(text) {
        take(text.get(done..mark.at.start).unwrap_or_default());
        take(mark.subject.as_bytes());
        take(told(&mark.state));
        done = mark.at.end;
    }
    take(text.get(done..).unwrap_or_default());
}

/// Whether two texts say the same, where the second may have forgotten some of it.
pub(crate) fn is_same(ours: &[u8], recorded: &[u8]) -> bool {
    let (mut our_marks, mut recorded_marks) = (marks(ours), marks(recorded));
    let (mut our_end, mut recorded_end) = (0, 0);
    loop {
        let (this, that) = (our_marks.next(), recorded_marks.next());
        let our_begin = this.as_ref().map_or(ours.len(), |mark| mark.at.start);
        let recorded_begin = that.as_ref().map_or(recorded.len(), |mark| mark.at.start);
        if ours.get(our_end..our_begin) != recorded.get(recorded_end..recorded_begin) {
            return false;
        }
        let (this, that) = match (this, that) {
            (Some(this), Some(that)) => (this, that),
            (this, that) => return this.is_none() && that.is_none(),
        };
        let is_same = match (&this.state, &that.state) {
            (State::Open(this), State::Open(that)) => is_same(this.as_bytes(), that.as_bytes()),
            (_, State::Forgotten) => true,
            (this, that) => this == that,
        };
        if !is_same || this.subject != that.subject {
            return false;
        }
        (our_end, recorded_end) = (this.at.end, that.at.end);
    }
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
            (r#"{"subject":"a","value":{"x":"}"}}"#, r#"a: {"x":"}"}"#),
            ("{\"value\":null, \"subject\":\"b\\u0062\"}", "bb: null"),
            (r#"{"forgotten":true,"subject":"c"}"#, "c: forgotten"),
            (r#"{"subject":"d","key":3,"sealed":"AA","unopened":"why"}"#, "d: 3 AA"),
        ];
        let expected: Vec<_> = expected.map(|(at, what)| (at, what.to_owned())).into();
        assert_eq!(found(&text), expected);
        assert!(is_marked(text.as_bytes()) && is_sealed(text.as_bytes()));
        assert!(!is_sealed(open.as_bytes()) && !is_marked(b"{\"personal\":1}"));
    }

    /// As a flattened field and a variant with a tag inside have it.
    #[test]
    fn others_may_stand_beside_it() {
        let body = r#"{"subject":"a","value":1}"#;
        for text in [
            format!(r#"{{"kind":"Person","~personal":{body}}}"#),
            format!(r#"{{"~personal":{body} , "n":[1]}}"#),
        ] {
            assert_eq!(found(&text), [(body, "a: 1".to_owned())], "{text}");
        }
    }

    #[test]
    fn what_is_said_of_people_is_passed_over_but_for_whose_it_is() {
        let text = |body: &str| format!(r#"{{"n":1,"who":{{"~personal":{body}}}}}"#);
        let taken = |body: &str, is_told: bool| {
            let mut all = Vec::new();
            let told = |state: &State<'_>| match state {
                State::Forgotten if is_told => b"!".as_slice(),
                _ => b"",
            };
            impersonal(text(body).as_bytes(), told, |part| all.extend_from_slice(part));
            String::from_utf8(all).unwrap()
        };
        let [ada, bob] = [r#"{"subject":"a","value":"Ada"}"#, r#"{"subject":"b","value":"Ada"}"#];
        let gone = r#"{"subject":"a","forgotten":true}"#;
        assert_eq!(taken(ada, true), r#"{"n":1,"who":{"~personal":a}}"#);
        assert_eq!((taken(gone, false), taken(gone, true)), (taken(ada, false), text("a!")));
        assert_ne!(taken(bob, false), taken(ada, false));
        assert!(is_same(text(ada).as_bytes(), text(gone).as_bytes()));
        assert!(!is_same(text(gone).as_bytes(), text(ada).as_bytes()));
        assert!(!is_same(text(bob).as_bytes(), text(ada).as_bytes()));
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
            json!({"~personal": {"subject": "a", "value": "x"}}).to_string()[..39].to_owned(),
        ] {
            assert_eq!(found(&text), [], "{text}");
        }
        assert_eq!(marks(b"{\"~personal\":{\"subject\":\"a\",\"value\":\"\xff\"}}").count(), 0);
    }
}
