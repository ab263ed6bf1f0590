//! A state as it is stored: a row of its own for each stream.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Snapshotted;
use super::fingerprint::checksum;
use crate::aggregate::Loaded;
use crate::event::exact;
use crate::types::{EventId, InvalidRowKey, RowKey, RowSet, RowValue, StreamId, StreamVersion};

#[derive(Serialize, Deserialize)]
struct Stored {
    fingerprint: Uuid,
    version: u64,
    /// The event that made the state.
    event: Uuid,
    checksum: Uuid,
    state: Box<RawValue>,
}

/// Why a stored state is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("it cannot be read")]
    Unreadable(#[from] serde_json::Error),
    #[error("it is of other code")]
    OtherCode,
    #[error("it is damaged")]
    Damaged,
}

/// All snapshots of a store are in one set.
pub(super) fn set() -> RowSet {
    RowSet::own("freehold_snapshots")
}

pub(super) fn key(stream: &StreamId) -> Result<RowKey, InvalidRowKey> {
    RowKey::new(&stream.to_string())
}

/// What is stored of a state; `None` of one that no event has made.
pub(super) fn write<A: Snapshotted>(
    loaded: &Loaded<A>,
    fingerprint: Uuid,
) -> Result<Option<RowValue>, serde_json::Error> {
    let Some(event) = loaded.newest() else { return Ok(None) };
    // A state that JSON would give back as another one is not stored.
    let state = exact::to_raw(loaded.state())?;
    let (version, event) = (loaded.version().get(), event.as_uuid());
    let checksum = checksum(version, event, state.get());
    RowValue::of(&Stored { fingerprint, version, event, checksum, state }).map(Some)
}

/// The state that is stored, if it is one that today's code would have folded.
pub(super) fn read<A: Snapshotted>(
    value: &RowValue,
    fingerprint: Uuid,
) -> Result<Loaded<A>, Unfit> {
    let stored: Stored = value.read()?;
    if stored.fingerprint != fingerprint {
        return Err(Unfit::OtherCode);
    }
    if stored.checksum != checksum(stored.version, stored.event, stored.state.get()) {
        return Err(Unfit::Damaged);
    }
    let state = serde_json::from_str(stored.state.get())?;
    let (version, event) = (StreamVersion::new(stored.version), EventId::new(stored.event));
    Ok(Loaded::restored(state, version, event))
}
