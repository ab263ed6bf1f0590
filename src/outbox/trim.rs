//! Removing from an outbox what all relays have published.

use serde::{Deserialize, Serialize};

use crate::ports::{BackendError, Fault, Outbox, RowStore};
use crate::subscription::{Parked, SinkError};
use crate::types::{
    Commit, InvalidRowSet, LeaseName, Position, RowKey, RowSet, RowValue, RowWrite, RowsWanted,
};

/// How many relays are read at a time.
const PAGE: usize = 100;

fn set() -> Result<RowSet, InvalidRowSet> {
    RowSet::new("freehold_relays")
}

/// A relay that empties an outbox: nothing is trimmed that it has not published.
#[derive(Serialize, Deserialize)]
struct Registered {
    partitions: u32,
}

/// Makes it known that a relay wants all messages.
pub(super) async fn register(
    store: &dyn RowStore,
    name: &LeaseName,
    partitions: u32,
) -> Result<(), SinkError> {
    let set = set().map_err(SinkError::fatal)?;
    store.prepare(&set).await?;
    let key = RowKey::new(name.as_str()).map_err(SinkError::fatal)?;
    let value = RowValue::of(&Registered { partitions }).map_err(SinkError::fatal)?;
    store.commit(Commit::new().rows([RowWrite::put(&set, &key, value)])).await?;
    Ok(())
}

fn unreadable(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BackendError {
    BackendError::new("outbox", "read which relays there are", Fault::Corrupt, why)
}

/// Up to where an outbox may be trimmed: all relays that have ever run over it have published or parked everything up to
/// there, and nothing up to there is parked. [`Position::START`] if there are none.
pub(super) async fn trimmed_upto<S: Outbox + RowStore>(
    store: &S,
) -> Result<Position, BackendError> {
    let set = set().map_err(unreadable)?;
    store.prepare(&set).await?;
    let (mut least, mut after) = (None::<Position>, None);
    loop {
        let wanted = RowsWanted::Page { prefix: "".into(), after, limit: PAGE };
        let page = store.rows(&set, &wanted, None).await?;
        for row in &page.rows {
            let name = LeaseName::new(row.key.as_str()).map_err(unreadable)?;
            let Registered { partitions } = row.value.read().map_err(unreadable)?;
            let at = published_upto(store, &name, partitions).await?;
            least = Some(least.map_or(at, |least| least.min(at)));
        }
        after = page.rows.last().map(|row| row.key.clone());
        if !page.has_more {
            return Ok(least.unwrap_or_default());
        }
    }
}

async fn published_upto<S: Outbox + RowStore>(
    store: &S,
    name: &LeaseName,
    partitions: u32,
) -> Result<Position, BackendError> {
    let log = store.identity().outbox();
    let mut least = None::<Position>;
    for index in 0..partitions.max(1) {
        let part = name.part(index, partitions);
        // First: what is parked later stands behind this checkpoint.
        let mut at = store.lease(&part).await?.checkpoint(log);
        let (parked, _) = Parked::list(store, &part, None, 1).await?;
        if let Some(first) = parked.first().filter(|first| first.log == log) {
            at = at.min(Position::new(first.position.get().saturating_sub(1)));
        }
        least = Some(least.map_or(at, |least| least.min(at)));
    }
    Ok(least.unwrap_or_default())
}
