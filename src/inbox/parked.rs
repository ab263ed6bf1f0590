//! Messages that could not be handled, and those that wait behind them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ports::{BackendError, Fault, RowStore};
use crate::types::{
    Destination, Envelope, LeaseName, Message, Position, Row, RowKey, RowSet, RowValue, RowWrite,
    RowsWanted, Sequence, Source,
};

/// How many are read at a time.
const PAGE: usize = 500;
/// How much of an error is kept.
const ERROR_CHARS_MAX: usize = 2_000;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A message that was parked: it could not be handled, or waits behind one of the same key that could not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ParkedMessage {
    /// The message.
    pub message: Message,
    /// Why it could not be handled, its sources included, at most 2,000 characters; `None` if it only waits behind another.
    pub error: Option<String>,
    /// Since when, by the clock of the process that parked it.
    pub parked_at: DateTime<Utc>,
    /// In which order the messages of a consumer were parked.
    pub(super) nth: u64,
}

/// The form in which it is kept.
#[derive(Serialize, Deserialize)]
struct Stored {
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
    envelope: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    parked_at: DateTime<Utc>,
}

/// All parked messages of all consumers of a store are in one set.
pub(super) fn set() -> Result<RowSet, BoxError> {
    Ok(RowSet::new("freehold_inbox_parked")?)
}

// No name of a lease has a colon.
fn prefix(consumer: &LeaseName) -> String {
    format!("{consumer}:")
}

impl ParkedMessage {
    fn key(&self, consumer: &LeaseName) -> Result<RowKey, BoxError> {
        Ok(RowKey::new(&format!("{}{:020}", prefix(consumer), self.nth))?)
    }

    /// The row that parks it.
    pub(super) fn put(&self, consumer: &LeaseName) -> Result<RowWrite, BoxError> {
        let envelope = String::from_utf8(self.message.envelope.to_stored()?)?;
        let stored = Stored {
            source: self.message.source.as_str().to_owned(),
            sequence: self.message.sequence.map(|sequence| sequence.at),
            previous: self.message.sequence.and_then(|sequence| sequence.previous),
            destination: self.message.destination.as_ref().map(ToString::to_string),
            envelope: RawValue::from_string(envelope)?,
            error: self.error.clone(),
            parked_at: self.parked_at,
        };
        Ok(RowWrite::put(&set()?, &self.key(consumer)?, RowValue::of(&stored)?))
    }

    /// The end of being parked.
    pub(super) fn delete(&self, consumer: &LeaseName) -> Result<RowWrite, BoxError> {
        Ok(RowWrite::delete(&set()?, &self.key(consumer)?))
    }

    fn read(row: &Row) -> Result<Self, BoxError> {
        let stored: Stored = row.value.read()?;
        let envelope = Envelope::stored(&stored.envelope.get().to_owned().into())?;
        let sequence = stored.sequence.map(|at| Sequence::new(at, stored.previous));
        let mut message = Message::new(envelope, Source::new(&stored.source)?, sequence);
        message.destination = stored.destination.as_deref().map(Destination::new).transpose()?;
        let nth = row.key.as_str().rsplit(':').next().unwrap_or_default().parse()?;
        Ok(Self { message, error: stored.error, parked_at: stored.parked_at, nth })
    }

    /// What is parked of a consumer, in order: at most `limit` of those after `after`, and whether more follow. No consumer need
    /// run.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    pub async fn list(
        store: &dyn RowStore,
        consumer: &LeaseName,
        after: Option<&Self>,
        limit: usize,
    ) -> Result<(Vec<Self>, bool), BackendError> {
        let unreadable =
            |why: BoxError| BackendError::new("inbox", "read what is parked", Fault::Corrupt, why);
        let set = set().map_err(unreadable)?;
        store.prepare(&set).await?;
        let after = after.map(|parked| parked.key(consumer)).transpose().map_err(unreadable)?;
        let wanted = RowsWanted::Page { prefix: prefix(consumer).into(), after, limit };
        let page = store.rows(&set, &wanted, None).await?;
        let parked: Result<_, _> = page.rows.iter().map(Self::read).collect();
        Ok((parked.map_err(unreadable)?, page.has_more))
    }
}

/// What an error and its sources say, cut off where nobody reads on.
pub(super) fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    let said = sources.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    said.chars().take(ERROR_CHARS_MAX).collect()
}

/// Which messages have their place behind each other: those of one source and key.
pub(super) type Line = (Source, crate::types::OrderingKey);

pub(super) fn line(message: &Message) -> Line {
    (message.source.clone(), message.envelope.key().clone())
}

/// The keys that are parked, as a running consumer knows them.
#[derive(Debug, Default)]
pub(super) struct ParkedLines {
    lines: BTreeMap<Line, BTreeSet<u64>>,
    pub(super) last: u64,
}

impl ParkedLines {
    pub(super) async fn read(
        store: &dyn RowStore,
        consumer: &LeaseName,
    ) -> Result<Self, BackendError> {
        let (mut all, mut last) = (Self::default(), None);
        loop {
            let (page, has_more) =
                ParkedMessage::list(store, consumer, last.as_ref(), PAGE).await?;
            for parked in &page {
                all.add(line(&parked.message), parked.nth);
            }
            last = page.into_iter().last();
            if !has_more {
                return Ok(all);
            }
        }
    }

    pub(super) fn holds(&self, line: &Line) -> bool {
        self.lines.contains_key(line)
    }

    pub(super) fn count(&self) -> usize {
        self.lines.values().map(BTreeSet::len).sum()
    }

    pub(super) fn add(&mut self, line: Line, nth: u64) {
        self.last = self.last.max(nth);
        self.lines.entry(line).or_default().insert(nth);
    }

    pub(super) fn remove(&mut self, line: &Line, nth: u64) {
        if let Some(parked) = self.lines.get_mut(line) {
            parked.remove(&nth);
            if parked.is_empty() {
                self.lines.remove(line);
            }
        }
    }
}
