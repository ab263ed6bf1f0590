//! Rows: what is kept under a key in a named set, as the views of a projection are.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

/// The longest name of a set, in bytes: with what a backend puts before it, it still names a table.
const SET_BYTES_MAX: usize = 48;
/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 512;

/// Names a set of rows: `order_summary`. 1 to 48 of `a`–`z`, `0`–`9` and `_`, the first of them a letter.
///
/// On the SQL backends a set is a table of its own, called `view_` and its name. Names that begin with `freehold_` are
/// the crate's own.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowSet(Arc<str>);

/// A name that no set of rows can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a set of rows is named with 1 to 48 of a-z, 0-9 and _, the first of them a letter")]
pub struct InvalidRowSet;

impl RowSet {
    /// The set called `name`.
    ///
    /// # Errors
    /// [`InvalidRowSet`] if it is malformed.
    pub fn new(name: &str) -> Result<Self, InvalidRowSet> {
        let is_word = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        let begins = name.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        if begins && name.len() <= SET_BYTES_MAX && name.bytes().all(is_word) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidRowSet)
        }
    }

    /// A set of the crate's own, whose name is written right.
    pub(crate) fn own(name: &'static str) -> Self {
        debug_assert!(Self::new(name).is_ok(), "`{name}` names no set");
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RowSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RowSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowSet({})", self.0)
    }
}

/// The key of a row in its set. 1 to 512 bytes of UTF-8 without control characters, compared and ordered byte for byte.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey(Arc<str>);

/// A key that is empty, too long, or holds a control character.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key of a row is 1 to 512 bytes without control characters")]
pub struct InvalidRowKey;

impl RowKey {
    /// The key `key`.
    ///
    /// # Errors
    /// [`InvalidRowKey`] if it is empty, too long, or holds a control character.
    pub fn new(key: &str) -> Result<Self, InvalidRowKey> {
        let fits = (1..=KEY_BYTES_MAX).contains(&key.len());
        if fits && !key.chars().any(char::is_control) {
            Ok(Self(key.into()))
        } else {
            Err(InvalidRowKey)
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for RowKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowKey({})", self.0)
    }
}

/// What a row holds: JSON, kept byte for byte.
///
/// Its [`Debug`] shows how long it is and never what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct RowValue(Bytes);

impl RowValue {
    /// `value` as JSON.
    ///
    /// # Errors
    /// What `serde_json` says of a value that JSON cannot hold.
    pub fn of(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self(serde_json::to_vec(value)?.into()))
    }

    /// JSON that was made elsewhere.
    ///
    /// # Errors
    /// What `serde_json` says of bytes that are not one JSON value in UTF-8.
    pub fn from_json(json: impl Into<Bytes>) -> Result<Self, serde_json::Error> {
        let json = json.into();
        // What is ignored is not checked for its UTF-8.
        let text = std::str::from_utf8(&json).map_err(serde::de::Error::custom)?;
        serde_json::from_str::<IgnoredAny>(text)?;
        Ok(Self(json))
    }

    /// For backends: what was a [`RowValue`] when it was stored.
    #[must_use]
    pub const fn stored(json: Bytes) -> Self {
        Self(json)
    }

    /// What it says, as a `T`.
    ///
    /// # Errors
    /// What `serde_json` says of JSON that is no `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }

    /// The JSON, to be changed.
    #[cfg(feature = "personal")]
    pub(crate) const fn json_mut(&mut self) -> &mut Bytes {
        &mut self.0
    }

    /// The JSON.
    #[must_use]
    pub const fn json(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for RowValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowValue({} bytes)", self.0.len())
    }
}

/// A row that a commit puts or deletes, whatever was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowWrite {
    /// The set it is in.
    pub set: RowSet,
    /// Its key there.
    pub key: RowKey,
    /// What it shall hold; `None` deletes it.
    pub value: Option<RowValue>,
}

impl RowWrite {
    /// Puts a row.
    #[must_use]
    pub fn put(set: &RowSet, key: &RowKey, value: RowValue) -> Self {
        Self { set: set.clone(), key: key.clone(), value: Some(value) }
    }

    /// Deletes a row, if it is there.
    #[must_use]
    pub fn delete(set: &RowSet, key: &RowKey) -> Self {
        Self { set: set.clone(), key: key.clone(), value: None }
    }
}

/// A row as a store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "backends build it")]
pub struct Row {
    /// Its key in its set.
    pub key: RowKey,
    /// What it holds.
    pub value: RowValue,
}

/// Which rows of a set a reader wants.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowsWanted {
    /// Those with these keys. The answer holds those that are there, in the order of their keys, each once.
    Keys(Vec<RowKey>),
    /// A page of those whose keys begin with `prefix`, in the order of their keys.
    Page {
        /// What the keys begin with; empty for all rows.
        prefix: Arc<str>,
        /// The key that the page before ended with.
        after: Option<RowKey>,
        /// The most rows in the page; 0 counts as 1.
        limit: usize,
    },
}

/// Rows of one set, and what the checkpoints were at that moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowPage {
    /// The rows, in the order of their keys.
    pub rows: Vec<Row>,
    /// Whether more rows follow.
    pub has_more: bool,
    /// The checkpoints of the lease that was asked about: one for each log that it follows.
    pub checkpoints: Vec<super::Token>,
}

impl RowPage {
    /// For backends: a page of `rows`, with the checkpoints as they were when the rows were read.
    #[must_use]
    pub const fn new(rows: Vec<Row>, has_more: bool, checkpoints: Vec<super::Token>) -> Self {
        Self { rows, has_more, checkpoints }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_json_value_in_utf_8() {
        for json in ["1", " {\"a\": [\"\\u0000\"]} ", "null"] {
            assert_eq!(RowValue::from_json(json).unwrap().json(), json);
        }
        for bytes in [&b""[..], b"1 2", b"{", b"\"\xff\"", b"\xef\xbb\xbf1"] {
            assert!(RowValue::from_json(bytes).is_err(), "{bytes:?}");
        }
    }
}
