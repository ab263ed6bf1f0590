//! What steps take and give back, as JSON.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::types::mark::{impersonal, is_same};

/// One JSON value, kept as the text that it was made of. Its [`Debug`] shows how long it is and never what it says.
#[derive(Clone)]
pub(crate) struct Json(Arc<RawValue>);

impl Json {
    /// `value` as JSON.
    pub(crate) fn of(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        to_raw_value(value).map(|raw| Self(raw.into()))
    }

    /// A text that says one JSON value.
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<Box<RawValue>>(text).map(|raw| Self(raw.into()))
    }

    /// The value that it says. How a value is read is its user's code, and may panic: that is one more reason why it cannot be
    /// read, and neither ends whoever looks at a saga nor lets the saga be forgotten.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        let read = catch_unwind(AssertUnwindSafe(|| serde_json::from_str(self.text())));
        read.unwrap_or_else(|_| Err(Error::custom("reading it panics")))
    }

    /// Its text.
    pub(crate) fn text(&self) -> &str {
        self.0.get()
    }

    /// So short that it can be kept, and so long that a changed value has another. What is said of a person counts as whose it is: it
    /// may be forgotten before this is asked for again, and nobody is to guess it from what is kept.
    pub(crate) fn digest(&self) -> u64 {
        Self::digest_of_text(self.text().as_bytes())
    }

    /// The digest of `value` as JSON, which nobody keeps.
    pub(crate) fn digest_of(value: &impl Serialize) -> Result<u64, serde_json::Error> {
        serde_json::to_vec(value).map(|text| Self::digest_of_text(&text))
    }

    fn digest_of_text(text: &[u8]) -> u64 {
        let mut digest = Digest::new();
        impersonal(text, |_| b"", |part| digest.take(part));
        digest.0
    }

    /// Whether it is what was recorded, of which some may be forgotten since.
    pub(crate) fn is_recorded_as(&self, recorded: &Self) -> bool {
        is_same(self.text().as_bytes(), recorded.text().as_bytes())
    }
}

/// FNV-1a of 64 bits: Fowler, Noll, Vo, <https://datatracker.ietf.org/doc/draft-eastlake-fnv/>.
struct Digest(u64);

impl Digest {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Json {}

impl Hash for Json {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text().hash(state);
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.text().len())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(raw.into()))
    }
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Out {
    /// The digest of what it was given.
    pub(crate) of: u64,
    /// What it gave back.
    pub(crate) json: Json,
}
