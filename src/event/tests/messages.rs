//! V6: what errors and debug output say, and what they keep to themselves.

use std::error::Error;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::samples::{Any, recorded, written};
use crate::event::{Event, EventError, Upcasts, decode};

#[derive(Debug, Serialize, Deserialize)]
enum Vault {
    Filled(u64),
    Sealed {
        #[serde(serialize_with = "blurt")]
        with: String,
    },
}

fn blurt<S: serde::Serializer>(value: &str, _: S) -> Result<S::Ok, S::Error> {
    Err(serde::ser::Error::custom(format!("cannot write {value}")))
}

impl Event for Vault {
    const CATEGORY: &'static str = "vault";

    fn upcasts() -> &'static Upcasts<Self> {
        static UPCASTS: LazyLock<Upcasts<Vault>> = LazyLock::new(|| {
            let tell = |told: serde_json::Value| Err::<Vault, _>(told.to_string().into());
            Upcasts::builder()
                .replace("Old", tell)
                .rename("Filled.v1", "Filled")
                .drop("Seen", "nobody wants to know")
                .build()
        });
        &UPCASTS
    }
}

/// Each of these sources repeats the payload; none of the messages does.
#[test]
fn a_message_never_repeats_the_payload_and_the_source_tells_more() {
    let errors = [
        written(&Vault::Sealed { with: "secret".into() }).unwrap_err(),
        decode::<Vault>(&recorded("Filled", r#""secret""#)).unwrap_err(),
        decode::<Vault>(&recorded("Filled", r#"{"secret":"#)).unwrap_err(),
        decode::<Vault>(&recorded("Old", r#""secret""#)).unwrap_err(),
        decode::<Vault>(&recorded("Filled.v1", r#""secret""#)).unwrap_err(),
        decode::<Vault>(&recorded("Seen", r#""secret""#)).unwrap_err(),
    ];
    let mut telling = 0;
    for error in errors {
        assert!(!error.to_string().contains("secret"), "{error}");
        telling += usize::from(error.source().unwrap().to_string().contains("secret"));
    }
    assert_eq!(telling, 4, "the sources are those of serde_json and of the type");
}

#[test]
fn a_decode_error_names_stream_version_position_and_event() {
    for (name, data, why) in [
        ("Filled", "null", "its payload does not fit the variant"),
        ("Filled", "nil", "its payload is not JSON"),
        ("Emptied", "{}", "no variant has its name"),
        ("Old", "{}", "it cannot be turned into today's form"),
        ("Filled.v1", "null", "its payload does not fit the variant"),
        ("Seen", "{}", "it is dropped"),
    ] {
        let error = decode::<Vault>(&recorded(name, data)).unwrap_err();
        let became = if name == "Filled.v1" { ", now `Filled`," } else { "" };
        assert_eq!(
            error.to_string(),
            format!(
                "event `{name}`{became} at position 9, version 3 of stream `any-1`, \
                 cannot be read as one of category `vault`: {why}"
            )
        );
    }
}

#[test]
fn an_error_and_its_clones_share_a_source_that_can_be_downcast() {
    let error = decode::<Any>(&recorded("said", "7")).unwrap_err();
    let clone = error.clone();
    let [one, two] = [&error, &clone]
        .map(|error| error.source().unwrap().downcast_ref::<serde_json::Error>().unwrap());
    assert!(one.is_data() && std::ptr::eq(one, two));
}

const _: fn() = || {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<EventError>();
};
