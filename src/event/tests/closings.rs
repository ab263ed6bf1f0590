//! What closes a stream is no event of any type, and no event that cannot be read.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::samples::{Any, id, record, written};
use crate::event::{Event, EventError, Misfit, Upcasts, decode, decode_all};
use crate::types::Closing;

/// A type that takes whatever it does not know for something.
#[derive(Debug, Serialize, Deserialize)]
enum Partial {
    Paid {},
    #[serde(other)]
    Other,
}

impl Event for Partial {
    const CATEGORY: &'static str = "any";
}

/// A type with steps.
#[derive(Debug, Serialize, Deserialize)]
enum Stepped {
    Paid {},
}

static STEPS: LazyLock<Upcasts<Stepped>> =
    LazyLock::new(|| Upcasts::builder().rename("paid", "Paid").build());

impl Event for Stepped {
    const CATEGORY: &'static str = "any";

    fn upcasts() -> &'static Upcasts<Self> {
        &STEPS
    }
}

#[test]
fn a_closing_is_passed_over_by_every_type_and_is_not_one_event() {
    for closing in [Closing::new(), Closing::because("done")] {
        let closing = record(closing.event(id()));
        assert_eq!(decode_all::<Any>(&closing).unwrap().len(), 0);
        assert_eq!(decode_all::<Partial>(&closing).unwrap().len(), 0);
        assert_eq!(decode_all::<Stepped>(&closing).unwrap().len(), 0);
        let error = decode::<Partial>(&closing).unwrap_err();
        let is_dropped = matches!(error, EventError::Decode { misfit: Misfit::Dropped, .. });
        let why = std::error::Error::source(&error).unwrap().to_string();
        assert!(is_dropped && why == "it closes its stream", "{error:?}");
    }
}

#[test]
fn a_variant_that_is_called_as_what_closes_a_stream_is_refused() {
    #[derive(Serialize, Deserialize)]
    enum Closes {
        #[serde(rename = "freehold.closed.v1")]
        Closed {},
    }
    impl Event for Closes {
        const CATEGORY: &'static str = "any";
    }
    let error = written(&Closes::Closed {}).unwrap_err();
    assert!(error.to_string().contains("closes a stream"), "{error}");
}
