//! What steps take and give back, as JSON.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// One JSON value, kept as the text that it was made of. Its [`Debug`] shows how long it is and never what it says.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Json(Arc<str>);

impl Json {
    /// `value` as JSON.
    pub(crate) fn of(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(|text| Self(text.into()))
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.0.len())
    }
}
