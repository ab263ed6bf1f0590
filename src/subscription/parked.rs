//! Events that could not be taken in, and those that wait behind them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::{BoxError, SinkError};
use crate::ports::{BackendError, Fault, RowStore};
use crate::types::{
    EventId, LeaseName, LogId, Position, RecordedEvent, Row, RowKey, RowSet, RowValue, RowWrite,
    RowsWanted,
};

/// How many are read at a time.
const PAGE: usize = 500;
/// How much of an error is kept.
const ERROR_CHARS_MAX: usize = 2_000;

/// An event that was parked: it could not be taken in, or waits behind one of the same key that could not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Parked {
    /// The log it is in.
    pub log: LogId,
    /// Where it stands there. The event itself is still there, too.
    pub position: Position,
    /// The key that is parked.
    pub key: String,
    /// The event's id.
    pub event: EventId,
    /// The event's stream.
    pub stream: String,
    /// The event's name.
    pub name: String,
    /// Why it could not be taken in, its sources included, at most 2,000 characters; `None` if it only waits behind another.
    pub error: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// Since when, by the clock of the process that parked it.
    pub parked_at: DateTime<Utc>,
}

impl Parked {
    pub(super) fn new(
        log: LogId,
        key: &str,
        event: &RecordedEvent,
        error: Option<String>,
        attempts: u32,
        parked_at: DateTime<Utc>,
    ) -> Self {
        Self {
            log,
            position: event.position(),
            key: key.to_owned(),
            event: event.id(),
            stream: event.stream().as_str().to_owned(),
            name: event.name().as_str().to_owned(),
            error,
            attempts,
            parked_at,
        }
    }

    /// What is parked of a job, in the order of the logs and of the positions: at most `limit` of those after `after`, and
    /// whether more follow. No runner need be alive.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    pub async fn list(
        store: &dyn RowStore,
        job: &LeaseName,
        after: Option<&Self>,
        limit: usize,
    ) -> Result<(Vec<Self>, bool), BackendError> {
        let set = set().map_err(unreadable)?;
        store.prepare(&set).await?;
        let after = after.map(|parked| row_key(job, parked.log, parked.position));
        let after = after.transpose().map_err(unreadable)?;
        let wanted = RowsWanted::Page { prefix: prefix(job), after, limit };
        let page = store.rows(&set, &wanted, None).await?;
        let read = |row: &Row| row.value.read::<Self>().map_err(|why| unreadable(why.into()));
        let parked = page.rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok((parked, page.has_more))
    }
}

fn unreadable(why: BoxError) -> BackendError {
    BackendError::new("subscription", "read what is parked", Fault::Corrupt, why)
}

/// What an error and its sources say, cut off where nobody reads on: it must fit into a row.
pub(super) fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    let said = sources.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    said.chars().take(ERROR_CHARS_MAX).collect()
}

/// All parked events of all jobs of a store are in one set.
pub(super) fn set() -> Result<RowSet, BoxError> {
    Ok(RowSet::new("freehold_parked")?)
}

// No name of a lease has a colon.
fn prefix(job: &LeaseName) -> Arc<str> {
    format!("{job}:").into()
}

fn row_key(job: &LeaseName, log: LogId, position: Position) -> Result<RowKey, BoxError> {
    // As wide as the greatest position, so that their order is that of the keys.
    Ok(RowKey::new(&format!("{job}:{log}:{:020}", position.get()))?)
}

/// The keys that are parked, as the one who holds the lease knows them.
#[derive(Debug, Default)]
pub(super) struct ParkedKeys {
    /// Where the events of each key stand.
    keys: HashMap<String, BTreeSet<(LogId, Position)>>,
    events: usize,
}

impl ParkedKeys {
    /// Reads what is parked of a job.
    pub(super) async fn read(store: &dyn RowStore, job: &LeaseName) -> Result<Self, SinkError> {
        let mut all = Self::default();
        let mut last = None;
        loop {
            let (page, has_more) = Parked::list(store, job, last.as_ref(), PAGE).await?;
            for parked in &page {
                all.add(&parked.key, parked.log, parked.position);
            }
            last = page.into_iter().last();
            if !has_more {
                return Ok(all);
            }
        }
    }

    pub(super) fn holds(&self, key: &str) -> bool {
        !self.keys.is_empty() && self.keys.contains_key(key)
    }

    /// Whether this very event is parked: a sink that keeps its own checkpoint can be given it again.
    pub(super) fn holds_event(&self, key: &str, log: LogId, position: Position) -> bool {
        self.keys.get(key).is_some_and(|events| events.contains(&(log, position)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) const fn events(&self) -> usize {
        self.events
    }

    pub(super) fn add(&mut self, key: &str, log: LogId, position: Position) {
        let is_new = self.keys.entry(key.to_owned()).or_default().insert((log, position));
        self.events += usize::from(is_new);
    }

    pub(super) fn remove(&mut self, key: &str, log: LogId, position: Position) {
        if let Some(events) = self.keys.get_mut(key) {
            self.events -= usize::from(events.remove(&(log, position)));
            if events.is_empty() {
                self.keys.remove(key);
            }
        }
    }
}

/// The row that parks an event.
pub(super) fn put(job: &LeaseName, parked: &Parked) -> Result<RowWrite, BoxError> {
    let key = row_key(job, parked.log, parked.position)?;
    Ok(RowWrite::put(&set()?, &key, RowValue::of(parked)?))
}

/// The end of being parked.
pub(super) fn delete(job: &LeaseName, parked: &Parked) -> Result<RowWrite, BoxError> {
    Ok(RowWrite::delete(&set()?, &row_key(job, parked.log, parked.position)?))
}

/// All parked events of one key, in order.
pub(super) async fn of_key(
    store: &dyn RowStore,
    job: &LeaseName,
    key: &str,
) -> Result<Vec<Parked>, SinkError> {
    let mut found = Vec::new();
    let mut last = None;
    loop {
        let (page, has_more) = Parked::list(store, job, last.as_ref(), PAGE).await?;
        found.extend(page.iter().filter(|parked| parked.key == key).cloned());
        last = page.into_iter().last();
        if !has_more {
            return Ok(found);
        }
    }
}
