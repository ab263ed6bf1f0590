//! V1 and V2: names and payloads are those of `serde_json`, and come back as they were.

use std::borrow::Cow;
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::samples::{Any, Inner, any, generator, id, line, record, recorded, text, written};
use crate::event::join::join;
use crate::event::split::split;
use crate::event::{Event, decode, encode, names, stream};

/// Writes a value, compares it with `serde_json`'s externally tagged form, and reads it back.
fn assert_agrees<E: Event + PartialEq + Debug>(value: &E) {
    let event = encode(value, id()).unwrap();
    let (name, data) = (event.name().as_str(), std::str::from_utf8(event.data()).unwrap());
    let quoted = serde_json::to_string(name).unwrap();
    let whole = serde_json::to_string(value).unwrap();
    if whole == quoted {
        assert_eq!(data, "{}", "a unit variant");
    } else {
        assert_eq!(format!("{{{quoted}:{data}}}"), whole);
    }
    assert!(names::<E>().unwrap().contains(&name));
    assert_eq!(decode::<E>(&record(event)).unwrap(), *value);
}

/// Each of the seventeen kinds of variant is drawn more than a thousand times.
#[test]
fn any_event_is_written_as_serde_json_would_and_reads_as_itself() {
    let mut rng = generator();
    for _ in 0..25_000 {
        assert_agrees(&any(&mut rng));
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Changed<T> {
    To(T),
    Between { old: T, new: Option<T> },
    Pair(T, T),
}

impl<T> Event for Changed<T>
where
    T: Serialize + for<'de> Deserialize<'de> + Send + Sync + 'static,
{
    const CATEGORY: &'static str = "changed";
}

#[test]
fn a_generic_event_agrees_whatever_it_holds() {
    let mut rng = generator();
    for _ in 0..1_000 {
        assert_agrees(&Changed::To(text(&mut rng)));
        assert_agrees(&Changed::Pair(rng.u128(..), rng.u128(..)));
        assert_agrees(&Changed::Between { old: line(&mut rng), new: None });
        assert_agrees(&Changed::Between { old: any(&mut rng), new: Some(any(&mut rng)) });
        assert_agrees(&Changed::To(Changed::To(Inner::Leaf)));
    }
}

#[test]
fn the_widest_integers_come_back_exactly() {
    assert_agrees(&Any::Wide { high: u128::MAX, low: i128::MIN });
    assert_agrees(&Any::Wider(u128::MAX));
    assert_agrees(&Any::Moved(i64::MIN, String::new()));
}

#[test]
fn a_name_follows_rename_and_rename_all() {
    let names = [
        (Any::Opened, "opened"),
        (Any::Moved(1, String::new()), "moved"),
        (Any::Placed(line(&mut generator())), "order.placed.v2"),
        (Any::WasPaid { amount_cents: 1, tip: None, lines: vec![] }, "was_paid"),
    ];
    for (event, name) in names {
        assert_eq!(written(&event).unwrap().0, name);
    }
}

/// Quotes, backslashes and letters of any script are names like others; only the payload is escaped.
#[test]
fn a_name_is_kept_as_it_is_spelt() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Odd {
        #[serde(rename = r#"bezahlt "für" \ immer 🦀"#)]
        Paid,
    }
    impl Event for Odd {
        const CATEGORY: &'static str = "odd";
    }
    assert_eq!(written(&Odd::Paid).unwrap().0, r#"bezahlt "für" \ immer 🦀"#);
    assert_agrees(&Odd::Paid);
}

#[test]
fn a_field_keeps_its_own_rename_default_and_skip() {
    let event = Any::WasPaid { amount_cents: 5, tip: Some(0.5), lines: vec![] };
    assert_eq!(written(&event).unwrap().1, r#"{"amountCents":5,"tip":0.5}"#);
    let without = decode::<Any>(&recorded("was_paid", r#"{"amountCents":5}"#)).unwrap();
    assert_eq!(without, Any::WasPaid { amount_cents: 5, tip: None, lines: vec![] });
}

#[test]
fn a_newtype_around_an_enum_is_transparent() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped(Box<Inner>);
    impl Event for Wrapped {
        const CATEGORY: &'static str = "wrapped";
    }
    let event = Wrapped(Box::new(Inner::Branch { next: None }));
    assert_eq!(written(&event).unwrap(), ("Branch".to_owned(), r#"{"next":null}"#.to_owned()));
    assert_agrees(&event);
    assert_agrees(&Wrapped(Box::new(Inner::Leaf)));
    assert_eq!(names::<Wrapped>(), names::<Inner>());
}

#[test]
fn an_event_written_through_another_form_is_read_through_it() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(from = "Inner", into = "Inner")]
    struct Depth(u32);
    impl From<Inner> for Depth {
        fn from(inner: Inner) -> Self {
            match inner {
                Inner::Leaf => Self(0),
                Inner::Branch { next } => Self(1 + next.map_or(0, |next| Self::from(*next).0)),
            }
        }
    }
    impl From<Depth> for Inner {
        fn from(depth: Depth) -> Self {
            (0..depth.0).fold(Self::Leaf, |next, _| Self::Branch { next: Some(Box::new(next)) })
        }
    }
    impl Event for Depth {
        const CATEGORY: &'static str = "depth";
    }
    assert_agrees(&Depth(0));
    assert_agrees(&Depth(3));
}

#[test]
fn borrowed_fields_point_into_the_payload() {
    #[derive(Serialize, Deserialize)]
    enum Borrowed<'a> {
        Said {
            what: &'a str,
            #[serde(borrow)]
            by: Cow<'a, str>,
        },
    }
    let (name, data) = split(&Borrowed::Said { what: "hi", by: "you".into() }).unwrap();
    let Borrowed::Said { what, by } = join(name, &data).unwrap();
    assert!(data.as_ptr_range().contains(&what.as_ptr()));
    assert!(matches!(by, Cow::Borrowed("you")));
}

#[test]
fn a_unit_variant_allocates_no_payload() {
    let [one, two] = [Any::Opened, Any::Opened].map(|event| split(&event).unwrap().1);
    assert_eq!(one.as_ptr(), two.as_ptr());
}

#[test]
fn names_are_those_that_are_read_with_every_alias() {
    let names = names::<Any>().unwrap();
    for name in ["opened", "order.placed.v2", "moved", "was_paid", "order_paid", "empty_tuple"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(!names.contains(&"Placed"));
}

#[test]
fn a_stream_has_the_category_of_its_events() {
    assert_eq!(stream::<Any>("1").unwrap().as_str(), "any-1");
    assert!(stream::<Any>("").is_err());
}
