//! Whole values, written so that they read back as they are, or not at all.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde_json::value::RawValue;

use super::notes::{Notes, Unfaithful};
use super::noting::Noted;
use crate::event::join::join;
use crate::event::mismatch::Mismatch;
use crate::event::split::{Split, split_noted};
use crate::types::RowValue;

/// Sees that an event reads back as what was written. Nothing is read of one that has no note, as nearly all.
pub(in crate::event) fn check<T: Serialize + DeserializeOwned>(
    split: &Split,
) -> Result<(), Mismatch> {
    if split.notes.is_clear() {
        return Ok(());
    }
    let again = split_noted(&join::<T>(split.name, &split.data)?)?;
    let is_faithful =
        again.name == split.name && again.notes == split.notes && is_same(&again.data, &split.data);
    if is_faithful { Ok(()) } else { Err(Mismatch::custom(Unfaithful)) }
}

/// The payload of an old event, which another type reads: only what no type could read is refused.
pub(in crate::event) fn to_payload<T: Serialize>(value: &T) -> serde_json::Result<Bytes> {
    let notes = Notes::default();
    let json = serde_json::to_vec(&Noted::new(value, &notes))?;
    if notes.is_finite() { Ok(json.into()) } else { Err(serde_json::Error::custom(Unfaithful)) }
}

/// A value as a row holds it.
///
/// # Errors
/// What `serde_json` says of a value that JSON cannot say, or would give back as another one.
pub(crate) fn to_row<T: Serialize + DeserializeOwned>(value: &T) -> serde_json::Result<RowValue> {
    let notes = Notes::default();
    let row = RowValue::of(&Noted::new(value, &notes))?;
    reads_back::<T>(&notes, row.json())?;
    Ok(row)
}

/// A value as a part of other JSON.
///
/// # Errors
/// What `serde_json` says of a value that JSON cannot say, or would give back as another one.
pub(crate) fn to_raw<T: Serialize + DeserializeOwned>(
    value: &T,
) -> serde_json::Result<Box<RawValue>> {
    let notes = Notes::default();
    let raw = serde_json::value::to_raw_value(&Noted::new(value, &notes))?;
    reads_back::<T>(&notes, raw.get().as_bytes())?;
    Ok(raw)
}

fn reads_back<T: Serialize + DeserializeOwned>(
    notes: &Notes,
    json: &[u8],
) -> serde_json::Result<()> {
    if notes.is_clear() {
        return Ok(());
    }
    let (read, notes_again) = (serde_json::from_slice::<T>(json)?, Notes::default());
    let again = serde_json::to_vec(&Noted::new(&read, &notes_again))?;
    if notes_again == *notes && is_same(&again, json) {
        Ok(())
    } else {
        Err(serde_json::Error::custom(Unfaithful))
    }
}

/// Whether two texts are of the same characters, in whatever order: maps and sets need have none.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let sorted = |text: &[u8]| {
        let mut text = text.to_vec();
        text.sort_unstable();
        text
    };
    one == other || (one.len() == other.len() && sorted(one) == sorted(other))
}
