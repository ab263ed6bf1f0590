//! A store under which everything is personal data, so that the conformance suite sees how it is sealed.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use freehold::testkit::async_trait;
use freehold::{
    BackendError, Claim, Commit, CommitError, Committed, DataSubject, DedupKey, Envelope,
    EventStore, FeedPage, Filter, Lease, LeaseName, LeaseState, Leases, Limits, LogId, NewEvent,
    Outbox, Owner, PartKind, Personal, Position, ReadFrom, RecordedEvent, Recording, RowPage,
    RowSet, RowStore, RowValue, RowsWanted, Store, StreamId, StreamPage,
};
use serde_json::{Value, json};

/// Marks what goes in, and takes the marks off what comes out.
#[derive(Clone, Debug)]
pub(crate) struct Marked<S> {
    inner: S,
    limits: Limits,
}

/// What a store needs to keep what is as long as the limits allow, when it is sealed.
pub(crate) fn roomy() -> Limits {
    let usual = Limits::default();
    Limits {
        bytes_per_event_max: 4 * usual.bytes_per_event_max,
        bytes_per_message_max: 4 * usual.bytes_per_message_max,
        bytes_per_row_max: 4 * usual.bytes_per_row_max,
        bytes_per_commit_max: 16 * usual.bytes_per_commit_max,
        ..usual
    }
}

impl<S> Marked<S> {
    /// With limits that are reached soon: without optimizations, to seal and to mark megabytes takes a minute.
    pub(crate) fn new(inner: S) -> Self {
        let usual = Limits::default();
        let limits = Limits {
            bytes_per_event_max: usual.bytes_per_event_max / 16,
            bytes_per_message_max: usual.bytes_per_message_max / 16,
            bytes_per_row_max: usual.bytes_per_row_max / 4,
            bytes_per_commit_max: usual.bytes_per_commit_max / 16,
            ..usual
        };
        Self { inner, limits }
    }
}

const KINDS: &[PartKind] = &[
    PartKind::Appends,
    PartKind::Checks,
    PartKind::Inbox,
    PartKind::Messages,
    PartKind::Rows,
    PartKind::Advance,
];

/// Of two subjects, so that there is more than one key.
fn mark(bytes: &[u8]) -> Value {
    let subject = DataSubject::new(["even", "odd"][bytes.len() % 2]).unwrap();
    serde_json::to_value(Personal::new(subject, STANDARD.encode(bytes))).unwrap()
}

fn unmark(json: &[u8]) -> Bytes {
    let personal: Personal<String> = serde_json::from_slice(json).unwrap();
    STANDARD.decode(personal.get().unwrap()).unwrap().into()
}

fn marked_message(stored: &Bytes) -> Envelope {
    let data = Envelope::stored(stored).unwrap().data().clone();
    let mut message: Value = serde_json::from_slice(stored).unwrap();
    let fields = message.as_object_mut().unwrap();
    fields.remove("data_base64");
    fields.insert("data".to_owned(), mark(&data));
    Envelope::stored(&message.to_string().into()).unwrap()
}

fn unmarked_message(stored: &Bytes) -> Bytes {
    let mut message: Value = serde_json::from_slice(stored).unwrap();
    let fields = message.as_object_mut().unwrap();
    let data = unmark(fields.remove("data").unwrap().to_string().as_bytes());
    fields.insert("data_base64".to_owned(), json!(STANDARD.encode(data)));
    let envelope = Envelope::stored(&message.to_string().into()).unwrap();
    envelope.to_stored().unwrap().into()
}

fn with_data(event: &RecordedEvent, data: Bytes) -> RecordedEvent {
    let new = NewEvent::new(event.id(), event.name().clone(), data);
    new.with_metadata(event.metadata().clone()).recorded(Recording {
        stream: event.stream().clone(),
        version: event.version(),
        position: event.position(),
        recorded_at: event.recorded_at(),
    })
}

fn unmark_all(events: &mut [RecordedEvent], unmark: fn(&Bytes) -> Bytes) {
    for event in events {
        *event = with_data(event, unmark(event.data()));
    }
}

#[async_trait]
impl<S: Store> Store for Marked<S> {
    fn identity(&self) -> LogId {
        self.inner.identity()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn is_ordered(&self) -> bool {
        self.inner.is_ordered()
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let parts = commit.into_parts(KINDS, &self.limits)?;
        let mut marked = Commit::new();
        for append in parts.appends {
            let events = append.events.iter().map(|event| {
                let data = mark(event.data()).to_string();
                let new = NewEvent::new(event.id(), event.name().clone(), data);
                new.with_metadata(event.metadata().clone())
            });
            marked = marked.append(&append.stream, append.expected, events);
        }
        for check in parts.checks {
            marked = marked.check(&check.stream, check.expected);
        }
        for message in &parts.messages {
            marked = marked.send(&marked_message(message.event.data()));
        }
        let rows = parts.rows.into_iter().map(|mut row| {
            let json = |value: &RowValue| RowValue::of(&mark(value.json())).unwrap();
            row.value = row.value.as_ref().map(json);
            row
        });
        marked = marked.rows(rows);
        if let Some(key) = parts.inbox {
            marked = marked.inbox(key);
        }
        if let Some(advance) = parts.advance {
            marked = marked.advance(advance);
        }
        self.inner.commit(marked).await
    }
}

#[async_trait]
impl<S: EventStore> EventStore for Marked<S> {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        let mut page = self.inner.read_stream(stream, from, limit).await?;
        unmark_all(&mut page.events, |data| unmark(data));
        Ok(page)
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        let mut page = self.inner.read_all(after, filter, limit).await?;
        unmark_all(&mut page.events, |data| unmark(data));
        Ok(page)
    }

    async fn head(&self) -> Result<Position, BackendError> {
        self.inner.head().await
    }

    async fn end(&self) -> Result<Position, BackendError> {
        self.inner.end().await
    }

    async fn changed(&self, after: Position) -> Result<(), BackendError> {
        self.inner.changed(after).await
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>, BackendError> {
        self.inner.outcome(of).await
    }

    fn forgettings(&self) -> u64 {
        self.inner.forgettings()
    }
}

#[async_trait]
impl<S: Leases> Leases for Marked<S> {
    async fn claim(
        &self,
        name: &LeaseName,
        owner: Owner,
        time: std::time::Duration,
    ) -> Result<Claim, BackendError> {
        self.inner.claim(name, owner, time).await
    }

    async fn renew(&self, lease: &Lease, time: std::time::Duration) -> Result<bool, BackendError> {
        self.inner.renew(lease, time).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), BackendError> {
        self.inner.release(lease).await
    }

    async fn lease(&self, name: &LeaseName) -> Result<LeaseState, BackendError> {
        self.inner.lease(name).await
    }
}

#[async_trait]
impl<S: RowStore> RowStore for Marked<S> {
    async fn prepare(&self, set: &RowSet) -> Result<(), BackendError> {
        self.inner.prepare(set).await
    }

    async fn remove(&self, set: &RowSet) -> Result<(), BackendError> {
        self.inner.remove(set).await
    }

    async fn rows(
        &self,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage, BackendError> {
        let mut page = self.inner.rows(set, wanted, of).await?;
        for row in &mut page.rows {
            row.value = RowValue::from_json(unmark(row.value.json())).unwrap();
        }
        Ok(page)
    }
}

#[async_trait]
impl<S: Outbox> Outbox for Marked<S> {
    async fn outbox_page(&self, after: Position, limit: usize) -> Result<FeedPage, BackendError> {
        let mut page = self.inner.outbox_page(after, limit).await?;
        unmark_all(&mut page.events, unmarked_message);
        Ok(page)
    }

    async fn outbox_head(&self) -> Result<Position, BackendError> {
        self.inner.outbox_head().await
    }

    async fn outbox_end(&self) -> Result<Position, BackendError> {
        self.inner.outbox_end().await
    }

    async fn outbox_changed(&self, after: Position) -> Result<(), BackendError> {
        self.inner.outbox_changed(after).await
    }

    async fn outbox_due(&self, limit: usize) -> Result<Option<DateTime<Utc>>, BackendError> {
        self.inner.outbox_due(limit).await
    }

    async fn outbox_trim(&self, upto: Position) -> Result<u64, BackendError> {
        self.inner.outbox_trim(upto).await
    }
}

/// A store under which everything is sealed.
pub(crate) fn sealed<S>(store: S) -> Arc<Marked<freehold::personal::SealedStore<S>>>
where
    S: EventStore + freehold::SubjectKeys + Clone,
{
    Arc::new(Marked::new(freehold::personal::SealedStore::new(store)))
}
