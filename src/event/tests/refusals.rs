//! V3 and V4: what cannot be read back is not written, and what does not fit is not read.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::samples::{Any, Inner, Line, recorded, written};
use crate::event::{Event, EventError, Misfit, decode, names};

/// Gives a type the category `any`.
macro_rules! events {
    ($($type:ty),*) => {$(
        impl Event for $type {
            const CATEGORY: &'static str = "any";
        }
    )*};
}

events!(Line, String, (), bool, f64, char, u128, (u8, u8), Vec<Inner>, Option<Inner>);
events!(BTreeMap<String, Inner>);

/// Why the type is refused, seen when it is written, when it is read, and in its names.
fn refusal<E: Event + Debug>(value: &E) -> String {
    let error = written(value).unwrap_err();
    assert!(matches!(error, EventError::NotPlain { .. }), "{error:?}");
    let read = decode::<E>(&recorded("A", r#"{"x":1}"#)).unwrap_err();
    assert_eq!(read.to_string(), error.to_string());
    assert_eq!(names::<E>(), None);
    error.to_string()
}

#[test]
fn an_enum_with_tag_or_untagged_is_refused_with_the_reason() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(tag = "t")]
    enum Internal {
        A { x: u8 },
    }
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(tag = "t", content = "c")]
    enum Adjacent {
        A { x: u8 },
    }
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        A { x: u8 },
    }
    events!(Internal, Adjacent, Untagged);
    let refusals = [
        refusal(&Internal::A { x: 1 }),
        refusal(&Adjacent::A { x: 1 }),
        refusal(&Untagged::A { x: 1 }),
    ];
    for refusal in refusals {
        assert!(refusal.contains("an enum without `tag` or `untagged`"), "{refusal}");
        assert!(refusal.contains("category `any`"), "{refusal}");
    }
}

/// `serde` writes these as the enum within, and then cannot read them: they would be stuck in the log.
#[test]
fn an_untagged_variant_is_refused_though_it_could_be_written() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Inner(Inner),
    }
    #[derive(Debug, Serialize, Deserialize)]
    enum Partly {
        Plain,
        #[serde(untagged)]
        Inner(Inner),
    }
    events!(Either, Partly);
    let _ = refusal(&Either::Inner(Inner::Leaf));
    let _ = refusal(&Partly::Inner(Inner::Leaf));
    let _ = refusal(&Partly::Plain);
}

#[test]
fn what_is_no_enum_is_refused() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Unit;
    #[derive(Debug, Serialize, Deserialize)]
    struct Number(i128);
    events!(Unit, Number);
    let _ = refusal(&Line { sku: String::new(), quantity: 1, note: None });
    let _ = (refusal(&Unit), refusal(&Number(1)), refusal(&"A".to_owned()), refusal(&()));
    let _ = (refusal(&true), refusal(&0.5), refusal(&'A'), refusal(&1_u128), refusal(&(1, 2)));
    let _ = (refusal(&vec![Inner::Leaf]), refusal(&Some(Inner::Leaf)), refusal(&None::<Inner>));
    let _ = refusal(&BTreeMap::from([("A".to_owned(), Inner::Leaf)]));
}

#[test]
fn a_variant_that_would_not_be_read_by_its_name_is_not_written() {
    #[derive(Debug, Serialize, Deserialize)]
    enum Crossed {
        Kept,
        #[serde(rename(serialize = "New", deserialize = "Old"))]
        Renamed,
        #[serde(skip_deserializing)]
        Lost,
        #[serde(other)]
        Unknown,
    }
    events!(Crossed);
    for event in [Crossed::Renamed, Crossed::Lost] {
        let error = written(&event).unwrap_err();
        assert!(matches!(error, EventError::NotPlain { .. }), "{event:?} {error:?}");
        assert!(error.to_string().contains("a name that it is not read by"), "{error}");
    }
    assert_eq!(written(&Crossed::Kept).unwrap().0, "Kept");
    assert_eq!(written(&Crossed::Unknown).unwrap().0, "Unknown");
}

#[test]
fn an_invalid_name_is_refused() {
    #[derive(Debug, Serialize, Deserialize)]
    enum Named {
        #[serde(rename = "")]
        Empty,
        #[serde(rename = "two\nlines")]
        Control { x: u8 },
    }
    events!(Named);
    for (event, spelt) in [(Named::Empty, r#""""#), (Named::Control { x: 1 }, r#""two\nlines""#)] {
        let error = written(&event).unwrap_err();
        assert!(matches!(error, EventError::Name { .. }), "{error:?}");
        assert!(error.to_string().ends_with(spelt), "{error}");
        assert!(error.source().is_some());
    }
}

#[test]
fn content_that_json_cannot_say_is_not_written() {
    #[derive(Debug, Serialize, Deserialize)]
    enum Keyed {
        By(BTreeMap<(u8, u8), u8>),
        Failing(#[serde(serialize_with = "fail")] String),
    }
    fn fail<S: serde::Serializer>(_: &str, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("out of ink"))
    }
    events!(Keyed);
    for event in [Keyed::By(BTreeMap::from([((1, 2), 3)])), Keyed::Failing(String::new())] {
        let error = written(&event).unwrap_err();
        assert!(matches!(error, EventError::Encode { .. }), "{error:?}");
    }
}

#[test]
fn a_payload_that_does_not_fit_is_not_read() {
    for (name, data, misfit) in [
        ("never seen", "{}", Misfit::Name),
        ("Opened", "{}", Misfit::Name),
        (" opened", "{}", Misfit::Name),
        ("opened", "", Misfit::Json),
        ("opened", "{", Misfit::Json),
        ("opened", "{} {}", Misfit::Json),
        ("was_paid", r#"{"amountCents":1} x"#, Misfit::Json),
        ("was_paid", "{}", Misfit::Content),
        ("order.placed.v2", "null", Misfit::Content),
        ("moved", "[1]", Misfit::Content),
        ("moved", r#"[1,"x",2]"#, Misfit::Json),
        ("said", "7", Misfit::Content),
        ("said", "\"\u{1}\"", Misfit::Json),
        ("wider", "340282366920938463463374607431768211456", Misfit::Json),
        ("nested", r#""Elsewhere""#, Misfit::Content),
    ] {
        match decode::<Any>(&recorded(name, data)) {
            Err(EventError::Decode { misfit: found, .. }) => {
                assert_eq!(found, misfit, "{name} {data}");
            }
            other => panic!("{name} {data}: {other:?}"),
        }
    }
    assert!(decode::<Any>(&recorded("said", b"\"\xff\"")).is_err());
}
