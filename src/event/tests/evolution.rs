//! How a variant may change, and V5: old events are upcast before they are read.

use std::sync::LazyLock;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::samples::{recorded, written};
use crate::event::{Event, EventError, Misfit, Upcasts, decode};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Amount {
    cents: u64,
    #[serde(default)]
    note: String,
}

/// Today's form of what earlier programs have written in many ways.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Today {
    /// Was a unit variant.
    Opened {
        #[serde(default)]
        by: Option<String>,
        #[serde(default)]
        times: u8,
    },
    /// Was a unit variant.
    Sealed(Mark),
    /// Had fields.
    Closed,
    /// Was a struct variant with the same fields, and before that a tuple.
    Paid(Amount),
    /// Was a tuple variant.
    Moved { from: String, to: String },
    /// Was called `Gone`.
    #[serde(alias = "Gone")]
    Left,
    /// Whatever a later program writes.
    #[serde(other)]
    Other,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Mark {
    colour: String,
}

impl Event for Today {
    const CATEGORY: &'static str = "any";

    fn upcasts() -> &'static Upcasts<Self> {
        static UPCASTS: LazyLock<Upcasts<Today>> = LazyLock::new(|| {
            let forgotten = |_: IgnoredAny| Err::<Today, _>("nobody knows what it meant".into());
            Upcasts::builder()
                .reshape("Paid.in.euros", "Paid", |euros: u64| {
                    Ok(Amount { cents: 100 * euros, note: String::new() })
                })
                .replace("Forgotten", forgotten)
                .build()
        });
        &UPCASTS
    }
}

fn read(name: &str, data: &str) -> Today {
    decode(&recorded(name, data)).unwrap()
}

#[test]
fn a_unit_variant_may_gain_fields() {
    assert_eq!(read("Opened", "{}"), Today::Opened { by: None, times: 0 });
    assert_eq!(read("Sealed", "{}"), Today::Sealed(Mark::default()));
}

#[test]
fn a_variant_may_lose_all_its_fields() {
    for data in [r#"{"why":"late","by":{"id":7}}"#, "[1,2]", "null", "7", r#""x""#, " {} "] {
        assert_eq!(read("Closed", data), Today::Closed, "{data}");
    }
}

#[test]
fn a_field_may_come_with_a_default_and_another_may_go() {
    let paid = Today::Paid(Amount { cents: 5, note: String::new() });
    assert_eq!(read("Paid", r#"{"cents":5,"gone":[1]}"#), paid);
}

#[test]
fn a_tuple_may_become_a_struct_with_the_fields_in_order() {
    assert_eq!(read("Moved", r#"["a","b"]"#), Today::Moved { from: "a".into(), to: "b".into() });
    assert_eq!(read("Paid", "[5]"), Today::Paid(Amount { cents: 5, note: String::new() }));
}

#[test]
fn a_struct_within_may_become_the_fields_themselves_and_a_field_may_be_renamed() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Flat {
        Paid {
            #[serde(alias = "cents")]
            hundredths: u64,
        },
    }
    impl Event for Flat {
        const CATEGORY: &'static str = "any";
    }
    let (name, data) = written(&Today::Paid(Amount { cents: 5, note: "x".into() })).unwrap();
    let paid = decode::<Flat>(&recorded(&name, data)).unwrap();
    assert_eq!(paid, Flat::Paid { hundredths: 5 });
}

#[test]
fn an_alias_reads_the_old_name_and_the_new_one_is_written() {
    assert_eq!(read("Gone", "{}"), Today::Left);
    assert_eq!(written(&Today::Left).unwrap().0, "Left");
}

#[test]
fn other_reads_every_unknown_name_with_any_payload() {
    for data in ["{}", "[1]", "null", r#"{"a":{"b":[]}}"#] {
        assert_eq!(read("Invented.tomorrow", data), Today::Other, "{data}");
    }
    assert!(decode::<Today>(&recorded("Invented.tomorrow", "no json")).is_err());
}

#[test]
fn an_old_name_and_payload_are_upcast_before_they_are_read() {
    let paid = Today::Paid(Amount { cents: 700, note: String::new() });
    assert_eq!(read("Paid.in.euros", "7"), paid);
}

#[test]
fn a_failed_upcast_says_where_and_keeps_the_reason_as_its_source() {
    for (name, data, reason) in [
        ("Forgotten", "{}", "nobody knows what it meant"),
        ("Paid.in.euros", "-1", "invalid value: integer `-1`, expected u64 at line 1 column 2"),
    ] {
        let Err(EventError::Decode {
            name: said, stream, version, position, misfit, source, ..
        }) = decode::<Today>(&recorded(name, data))
        else {
            panic!("{name} must not be read");
        };
        assert_eq!((said.as_str(), misfit), (name, Misfit::Upcast));
        assert_eq!((stream.as_str(), version.get(), position.get()), ("any-1", 3, 9));
        assert_eq!(source.to_string(), reason);
    }
}
