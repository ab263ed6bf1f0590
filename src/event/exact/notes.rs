//! What is noted while a value is written.

use std::cell::Cell;

/// How deep a value may be without a note, in levels of `serde`, which are up to two of JSON: readers go 127 deep.
const LEVELS_SURE: u8 = 60;

/// How often JSON may give something else back than it was given. What differs between two values that have the same JSON is
/// counted by kind, so that they can be told apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::event) struct Notes {
    /// Something that is written like nothing: `Some(None)`.
    nothings: Cell<u32>,
    nans: Cell<u32>,
    infinities: Cell<u32>,
    negative_infinities: Cell<u32>,
    /// What may not be read, and what may be written twice.
    unsure: Cell<u32>,
}

/// What was written reads back as something else.
#[derive(Debug, thiserror::Error)]
#[error(
    "it would not be read back as it is: JSON has no NaN and no infinity, and cannot tell `Some(None)` from `None`"
)]
pub(super) struct Unfaithful;

impl Notes {
    /// Whether JSON says all that there is.
    pub(super) fn is_clear(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every number is one that JSON has.
    pub(super) fn is_finite(&self) -> bool {
        let Self { nans, infinities, negative_infinities, .. } = self;
        [nans, infinities, negative_infinities].iter().all(|count| count.get() == 0)
    }

    /// Something of which JSON says that it is nothing.
    pub(super) fn nothing(&self) {
        count(&self.nothings);
    }

    /// A number is written, of whatever width.
    pub(super) fn float(&self, value: f64) {
        if value.is_nan() {
            count(&self.nans);
        } else if value == f64::INFINITY {
            count(&self.infinities);
        } else if value == f64::NEG_INFINITY {
            count(&self.negative_infinities);
        }
    }

    /// An integer of 128 bits, which a flattened, tagged or untagged part does not read, however small it is.
    pub(super) fn wide(&self) {
        count(&self.unsure);
    }

    /// A map of which nobody knows how long it is: mostly a struct with flattened fields, which may have the names of others.
    pub(super) fn unsized_map(&self) {
        count(&self.unsure);
    }

    /// The level below `depth`.
    pub(super) fn below(&self, depth: u8) -> u8 {
        if depth >= LEVELS_SURE {
            count(&self.unsure);
        }
        depth.saturating_add(1)
    }
}

fn count(notes: &Cell<u32>) {
    notes.set(notes.get().saturating_add(1));
}
